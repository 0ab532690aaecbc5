//! Bodies of parts: text in its charset, bytes in their transfer encoding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::field;
use crate::random::Random;

/// A text part: parameters of its type, its transfer encoding and encoded body, and what it says (LF line ends).
pub(super) struct Text {
    pub(super) params: String,
    pub(super) encoding: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) meaning: String,
}

const LINES: [&str; 10] = [
    "",
    "From here on",
    ".",
    "..",
    "-- ",
    "--dashes",
    "> quoted",
    ">From quoted",
    "a = b; =3D = ==",
    "  indented and trailing  ",
];

/// A plain text.
pub(super) fn plain(random: &mut Random) -> Text {
    let (charset, _) = field::script(random);
    let mut lines = Vec::new();
    for _ in 0..random.below(8) {
        if random.chance(40) {
            lines.push(LINES[random.below(LINES.len())].to_owned());
        } else {
            let words: Vec<&str> = loop {
                let (other, words) = field::script(random);
                if other == charset {
                    break words;
                }
            };
            lines.push(words.join(" ").repeat(1 + random.below(8)));
        }
    }
    if random.chance(30) {
        return flowed(random, charset, &lines);
    }
    let meaning = lines.join("\n");
    written(random, charset, "", meaning.clone(), &meaning)
}

/// The same as `format=flowed` (RFC 3676).
fn flowed(random: &mut Random, charset: &str, lines: &[String]) -> Text {
    let delsp = random.chance(50);
    let (mut wire, mut meaning) = (Vec::new(), Vec::new());
    for line in lines {
        // These have a meaning of their own in flowed text.
        if line.starts_with('>') || line.ends_with(' ') {
            continue;
        }
        meaning.push(line.clone());
        let mut rest = line.as_str();
        while let Some(at) = rest.find(' ').filter(|_| random.chance(70)) {
            let (now, later) = rest.split_at(at + 1);
            // With DelSp the space that breaks the line is not part of the text.
            wire.push(stuffed(&format!("{now}{}", if delsp { " " } else { "" })));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        wire.push(stuffed(rest));
    }
    let extra = ["; format=flowed", "; Format=\"Flowed\""][random.below(2)];
    let extra = format!("{extra}{}", if delsp { "; delsp=yes" } else { "" });
    written(
        random,
        charset,
        &extra,
        wire.join("\n"),
        &meaning.join("\n"),
    )
}

fn stuffed(line: &str) -> String {
    let must = line.starts_with([' ', '>']) || line.starts_with("From ");
    format!("{}{line}", if must { " " } else { "" })
}

/// An HTML text that refers to these images.
pub(super) fn html(random: &mut Random, images: &[String]) -> Text {
    let (charset, words) = field::script(random);
    let mut meaning = format!("<html><body class=\"a=b\">\n<p>{}</p>\n", words.join(" "));
    for image in images {
        meaning.push_str(&format!("<img src=\"cid:{image}\">\n"));
    }
    meaning.push_str("</body></html>");
    written(random, charset, "", meaning.clone(), &meaning)
}

fn written(random: &mut Random, charset: &str, extra: &str, text: String, meaning: &str) -> Text {
    let bytes = field::encode(charset, &text.replace('\n', "\r\n"));
    let longest = bytes
        .split(|b| *b == b'\n')
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0);
    let is_seven_bit = bytes.is_ascii();
    let (encoding, body) = match random.below(3) {
        0 if longest < 900 => (if is_seven_bit { "7bit" } else { "8bit" }, bytes),
        1 => (
            ["base64", "BASE64"][random.below(2)],
            base64(random, &bytes),
        ),
        _ => (
            ["quoted-printable", "Quoted-Printable"][random.below(2)],
            quoted_printable(random, &bytes, true),
        ),
    };
    let quoted = if random.chance(50) { "\"" } else { "" };
    Text {
        params: format!("; charset={quoted}{charset}{quoted}{extra}"),
        encoding,
        body,
        meaning: meaning.to_owned(),
    }
}

/// The content of a file, and its transfer encoding and encoded body.
pub(super) fn file(random: &mut Random) -> (Vec<u8>, &'static str, Vec<u8>) {
    let length = [0, 1, 2, 3, 57, 100, 5000][random.below(7)] + random.below(3);
    let mut content = Vec::with_capacity(length);
    let is_text = random.chance(40);
    while content.len() < length {
        let number = random.number().to_be_bytes();
        if is_text {
            content.extend_from_slice(format!("{number:?}\r\n").as_bytes());
        } else {
            content.extend_from_slice(&number);
        }
    }
    let (encoding, body) = match random.below(4) {
        0 if is_text => ("7bit", content.clone()),
        1 => (
            "quoted-printable",
            quoted_printable(random, &content, false),
        ),
        2 => ("x-uuencode", uuencode(&content)),
        _ => ("base64", base64(random, &content)),
    };
    (content, encoding, body)
}

fn base64(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    let lines: Vec<&[u8]> = text.as_bytes().chunks(4 * (1 + random.below(19))).collect();
    lines.join(&b"\r\n"[..])
}

/// Quoted-printable; the line ends of a text stay line ends.
fn quoted_printable(random: &mut Random, bytes: &[u8], is_text: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut at, mut column) = (0, 0);
    let width = 20 + random.below(50);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        if is_text && rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            (at, column) = (at + 2, 0);
            continue;
        }
        if column > width {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        let is_last = rest.len() == 1 || rest[1..].starts_with(b"\r\n");
        let is_plain = match byte {
            b' ' | b'\t' => !is_last,
            b'=' => false,
            other => (0x21..0x7f).contains(&other),
        };
        if is_plain {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("={byte:02X}").as_bytes());
        }
        column += 1;
        at += 1;
    }
    out
}

fn uuencode(bytes: &[u8]) -> Vec<u8> {
    let sign = |value: u8| if value == 0 { b'`' } else { b' ' + value };
    let mut out = b"begin 644 file\r\n".to_vec();
    for line in bytes.chunks(45) {
        out.push(sign(u8::try_from(line.len()).unwrap()));
        for three in line.chunks(3) {
            let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for shift in [18, 12, 6, 0] {
                out.push(sign(u8::try_from(bits >> shift & 0x3f).unwrap()));
            }
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"`\r\nend");
    out
}
