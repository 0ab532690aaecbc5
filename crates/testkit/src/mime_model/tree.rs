//! The tree of parts.

use super::{ModelFile, body, param};
use crate::random::Random;

/// Nesting of multiparts and messages.
const DEEPEST: usize = 4;

/// Where a part stands.
#[derive(Clone, Copy, Default)]
struct Place {
    in_message: bool,
    embedded: bool,
    depth: usize,
}

/// Writes parts, and keeps what they mean.
pub(super) struct Tree {
    seed: u64,
    boundaries: usize,
    pub(super) plain: Vec<String>,
    pub(super) html: Vec<String>,
    pub(super) files: Vec<ModelFile>,
}

impl Tree {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            boundaries: 0,
            plain: Vec::new(),
            html: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The fields of a message that tell its structure, an empty line, its body.
    pub(super) fn message(&mut self, random: &mut Random) -> Vec<u8> {
        self.any(random, Place::default())
    }

    /// A part of any kind: its header, the empty line, its body.
    fn any(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        if place.depth >= DEEPEST {
            return self.plain(random, place);
        }
        match random.below(8) {
            0 => self.plain(random, place),
            1 => self.html(random, place, &[]),
            2 => self.alternative(random, place),
            3 => self.related(random, place),
            4 => self.signed(random, place),
            _ => {
                let inner = deeper(place);
                let mut parts = vec![self.any(random, inner)];
                for _ in 0..random.below(4) {
                    parts.push(match random.below(8) {
                        0 => self.attached(random, inner),
                        1 => self.any(random, inner),
                        2 => self.calendar(random, inner),
                        _ => self.file(random, inner),
                    });
                }
                let kind = ["mixed", "MIXED", "x-unknown"][random.below(3)];
                self.multi(random, kind, "", &parts)
            }
        }
    }

    fn plain(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        let text = body::plain(random);
        if !place.in_message {
            self.plain.push(text.meaning.clone());
        }
        let kind = ["text/plain", "Text/Plain"][random.below(2)];
        let disposition = if random.chance(10) {
            "Content-Disposition: inline\r\n"
        } else {
            ""
        };
        text_part(kind, &text, disposition)
    }

    fn html(&mut self, random: &mut Random, place: Place, images: &[String]) -> Vec<u8> {
        let text = body::html(random, images);
        if !place.in_message {
            self.html.push(text.meaning.clone());
        }
        text_part("text/html", &text, "")
    }

    fn alternative(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        let inner = deeper(place);
        let mut parts = vec![self.plain(random, inner)];
        parts.push(if random.chance(30) && inner.depth < DEEPEST {
            self.related(random, inner)
        } else {
            self.html(random, inner, &[])
        });
        if random.chance(20) {
            parts.push(self.calendar(random, inner));
        }
        self.multi(random, "alternative", "", &parts)
    }

    fn related(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        let inner = Place {
            embedded: true,
            ..deeper(place)
        };
        let ids: Vec<String> = (0..1 + random.below(2))
            .map(|at| format!("img{at}.{}@model.example", self.boundaries))
            .collect();
        let mut parts = vec![self.html(random, inner, &ids)];
        for id in &ids {
            let (content, encoding, written) = body::file(random);
            let (name, meaning) = param::name(random, "filename");
            let header = format!(
                "Content-Type: image/png\r\nContent-ID: <{id}>\r\nContent-Disposition: inline"
            );
            let mut part = header.into_bytes();
            part.extend_from_slice(&name);
            part.extend_from_slice(
                format!("\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes(),
            );
            part.extend_from_slice(&written);
            parts.push(part);
            self.files.push(ModelFile {
                content_type: "image/png".to_owned(),
                name: Some(meaning),
                content,
                inline: true,
                embedded: true,
                in_message: place.in_message,
                content_id: Some(format!("<{id}>")),
                method: None,
            });
        }
        self.multi(random, "related", "; type=\"text/html\"", &parts)
    }

    fn signed(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        let inner = deeper(place);
        let mut parts = vec![self.plain(random, inner)];
        let content =
            b"-----BEGIN PGP SIGNATURE-----\r\n\r\niQ==\r\n-----END PGP SIGNATURE-----".to_vec();
        let mut part =
            b"Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n\r\n".to_vec();
        part.extend_from_slice(&content);
        parts.push(part);
        self.files.push(ModelFile {
            content_type: "application/pgp-signature".to_owned(),
            name: Some("signature.asc".to_owned()),
            content,
            in_message: place.in_message,
            ..ModelFile::default()
        });
        self.multi(
            random,
            "signed",
            "; micalg=pgp-sha512; protocol=\"application/pgp-signature\"",
            &parts,
        )
    }

    fn calendar(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        let method = ["REQUEST", "CANCEL"][random.below(2)];
        let content =
            format!("BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nEND:VCALENDAR\r\n").into_bytes();
        let mut part =
            format!("Content-Type: text/calendar; charset=utf-8; method={method}\r\n\r\n")
                .into_bytes();
        part.extend_from_slice(&content);
        self.files.push(ModelFile {
            content_type: "text/calendar".to_owned(),
            content,
            embedded: place.embedded,
            in_message: place.in_message,
            method: Some(method.to_owned()),
            ..ModelFile::default()
        });
        part
    }

    fn file(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        let kinds = [
            "application/pdf",
            "application/octet-stream",
            "image/jpeg",
            "text/csv",
            "text/plain",
            "text/html",
            "application/ms-tnef",
        ];
        let kind = kinds[random.below(kinds.len())];
        let (content, encoding, written) = body::file(random);
        let mut name = None;
        let mut part = format!("Content-Type: {kind}").into_bytes();
        if random.chance(40) {
            let (param, meaning) = param::name(random, "name");
            part.extend_from_slice(&param);
            name = Some(meaning);
        }
        part.extend_from_slice(b"\r\n");
        // Only a disposition makes a file of what could be the text.
        let is_text = matches!(kind, "text/plain" | "text/html");
        let inline = !is_text && random.chance(20);
        if is_text || inline || random.chance(70) {
            let disposition = match (inline, random.chance(80)) {
                (true, _) => "inline",
                (false, true) => "attachment",
                (false, false) => "ATTACHMENT",
            };
            part.extend_from_slice(format!("Content-Disposition: {disposition}").as_bytes());
            if random.chance(80) {
                let (param, meaning) = param::name(random, "filename");
                part.extend_from_slice(&param);
                name = Some(meaning);
            }
            part.extend_from_slice(b"\r\n");
        }
        part.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
        part.extend_from_slice(&written);
        self.files.push(ModelFile {
            content_type: kind.to_owned(),
            name,
            content,
            inline,
            embedded: place.embedded,
            in_message: place.in_message,
            ..ModelFile::default()
        });
        part
    }

    /// A message as an attachment.
    fn attached(&mut self, random: &mut Random, place: Place) -> Vec<u8> {
        let at = self.files.len();
        let mut content =
            b"From: inner@example.com\r\nSubject: =?utf-8?Q?Inn=C3=A9r?=\r\nMIME-Version: 1.0\r\n"
                .to_vec();
        let inner = Place {
            in_message: true,
            embedded: false,
            depth: place.depth + 1,
        };
        content.extend_from_slice(&self.any(random, inner));
        let mut part = b"Content-Type: message/rfc822".to_vec();
        let mut name = None;
        if random.chance(50) {
            part.extend_from_slice(b"\r\nContent-Disposition: attachment");
            let (param, meaning) = param::name(random, "filename");
            part.extend_from_slice(&param);
            name = Some(meaning);
        }
        part.extend_from_slice(b"\r\n\r\n");
        part.extend_from_slice(&content);
        let file = ModelFile {
            content_type: "message/rfc822".to_owned(),
            name,
            content,
            embedded: place.embedded,
            in_message: place.in_message,
            ..ModelFile::default()
        };
        self.files.insert(at, file);
        part
    }

    fn multi(
        &mut self,
        random: &mut Random,
        subtype: &str,
        extra: &str,
        parts: &[Vec<u8>],
    ) -> Vec<u8> {
        self.boundaries += 1;
        // Those of one sign begin like each other.
        let sign = ["", "=_", "'()+_,-./:?"][random.below(3)];
        let longer = "x".repeat(self.boundaries);
        let end = if random.chance(20) { " s" } else { "" };
        let boundary = format!("b{sign}{}{longer}{end}", self.seed % 10);
        let between = ["; ", ";\r\n\t"][random.below(2)];
        let mut out = format!(
            "Content-Type: multipart/{subtype}{extra}{between}boundary=\"{boundary}\"\r\n\r\n"
        )
        .into_bytes();
        if random.chance(20) {
            out.extend_from_slice(b"Your reader knows no MIME.\r\n");
        }
        for part in parts {
            let padding = if random.chance(5) { "  " } else { "" };
            out.extend_from_slice(format!("--{boundary}{padding}\r\n").as_bytes());
            out.extend_from_slice(part);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--").as_bytes());
        if random.chance(20) {
            out.extend_from_slice(b"\r\nAn epilogue.");
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

fn deeper(place: Place) -> Place {
    Place {
        embedded: false,
        depth: place.depth + 1,
        ..place
    }
}

fn text_part(kind: &str, text: &body::Text, disposition: &str) -> Vec<u8> {
    let header = format!(
        "Content-Type: {kind}{}\r\n{disposition}Content-Transfer-Encoding: {}\r\n\r\n",
        text.params, text.encoding
    );
    [header.as_bytes(), &text.body].concat()
}
