//! Realistic messages, the same ones for the same number: plain, HTML with alternative, attachments, inline images, subjects beyond
//! ASCII, and threads that hang together by `In-Reply-To` and `References`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::random::Random;

/// One generated message and what a test may want to compare with.
#[derive(Clone, Debug)]
pub struct SampleMail {
    /// The whole message, CRLF line ends.
    pub raw: Vec<u8>,
    /// Subject, decoded.
    pub subject: String,
    /// Message-ID with its angle brackets.
    pub message_id: String,
    /// Message-ID of the first message of its thread; its own, if it starts one.
    pub thread: String,
    /// Address of the sender.
    pub from: String,
    /// What it is made of.
    pub kind: Kind,
}

/// The make of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `text/plain`, quoted-printable UTF-8.
    Plain,
    /// `multipart/alternative` of text and HTML.
    Html,
    /// `multipart/mixed` of text and one file.
    Attachment,
    /// `multipart/related`: HTML with an image by `cid:`.
    Inline,
    /// `text/plain` in ISO-8859-1.
    Latin1,
}

const PEOPLE: [(&str, &str); 8] = [
    ("Ada Lovelace", "ada@analytical.example"),
    ("Jürgen Groß", "juergen@brauhaus.example"),
    ("Amélie Poulain", "amelie@montmartre.example"),
    ("佐藤 花子", "hanako@tokyo.example"),
    ("Олег Иванов", "oleg@vostok.example"),
    ("Maria da Conceição", "maria@lisboa.example"),
    ("Billing", "billing@hosting.example"),
    ("O'Brien, \"Pat\"", "pat@dublin.example"),
];

const SUBJECTS: [&str; 10] = [
    "Minutes of Tuesday's meeting",
    "Rechnung für März – bitte prüfen",
    "Your order has shipped",
    "Réservation confirmée pour le 14 juillet",
    "来週の会議について",
    "Отчёт за квартал",
    "Lunch? 🍜",
    "A rather long subject that has to be folded because nobody writes lines of more than seventy-eight characters in a header",
    "Question about the contract",
    "Build 4711 failed on main",
];

const WORDS: [&str; 24] = [
    "server", "invoice", "Tuesday", "budget", "größer", "contract", "travel", "agenda", "review",
    "élève", "quarter", "ticket", "release", "draft", "payment", "customer", "naïve", "summary",
    "weekly", "notes", "plan", "shipment", "status", "reply",
];

/// A PNG of one transparent pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// The first `count` messages of the series, oldest first; message n is the same whatever `count` is.
#[must_use]
pub fn messages(count: usize) -> Vec<SampleMail> {
    let mut made: Vec<SampleMail> = Vec::with_capacity(count);
    for number in 0..count {
        let mut random = Random::new(number as u64 + 1);
        // Every third message answers one of the last nine.
        let parent = (number % 3 == 2).then(|| number - 1 - random.below(number.min(9)));
        let parent = parent.and_then(|index| made.get(index)).cloned();
        made.push(message(number, parent.as_ref(), &mut random));
    }
    made
}

/// A plain message with this subject, from `sender@example.org`, Message-ID `<{id}@example.org>`.
#[must_use]
pub fn plain(id: &str, subject: &str, text: &str) -> Vec<u8> {
    let head = format!(
        "From: Sender <sender@example.org>\r\nTo: <rcpt@example.com>\r\nSubject: {}\r\nDate: Tue, 01 Sep 2026 10:00:00 +0000\r\n\
         Message-ID: <{id}@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        encoded_words(subject)
    );
    format!("{head}{}\r\n", text.replace('\n', "\r\n")).into_bytes()
}

fn message(number: usize, parent: Option<&SampleMail>, random: &mut Random) -> SampleMail {
    let kind = [
        Kind::Plain,
        Kind::Html,
        Kind::Html,
        Kind::Attachment,
        Kind::Latin1,
        Kind::Plain,
        Kind::Inline,
    ][number % 7];
    let (name, from) = PEOPLE[random.below(PEOPLE.len())];
    let subject = match parent {
        Some(parent) if parent.subject.starts_with("Re: ") => parent.subject.clone(),
        Some(parent) => format!("Re: {}", parent.subject),
        None => format!("{} ({number})", SUBJECTS[random.below(SUBJECTS.len())]),
    };
    let message_id = format!(
        "<sample.{number}.{:08x}@{}>",
        random.number() >> 32,
        from.split('@').nth(1).unwrap_or("example.org")
    );
    let thread = parent.map_or_else(|| message_id.clone(), |parent| parent.thread.clone());
    // One every 7 hours from 1 January 2026 on: days 1 to 28 of twelve months hold 1,152 of them.
    let hours = number * 7;
    let (day, hour) = (hours / 24 % 28 + 1, hours % 24);
    let month = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ][hours / 24 / 28 % 12];
    let mut text = format!(
        "From: {} <{from}>\r\nTo: \"The Reader\" <reader@example.com>\r\nSubject: {}\r\nDate: {day} {month} 2026 {hour:02}:{:02}:00 +0000\r\n\
         Message-ID: {message_id}\r\n",
        display_name(name),
        encoded_words(&subject),
        number % 60,
    );
    if let Some(parent) = parent {
        text.push_str(&format!("In-Reply-To: {}\r\n", parent.message_id));
        let between = if parent.thread == parent.message_id {
            String::new()
        } else {
            format!("\r\n {}", parent.message_id)
        };
        text.push_str(&format!("References: {}{between}\r\n", parent.thread));
    }
    text.push_str("MIME-Version: 1.0\r\n");
    let mut raw = text.into_bytes();
    raw.extend_from_slice(&content(kind, number, &paragraph(random)));
    SampleMail {
        raw,
        subject,
        message_id,
        thread,
        from: from.to_owned(),
        kind,
    }
}

fn content(kind: Kind, number: usize, body: &str) -> Vec<u8> {
    let bound = format!("=_sample_{number}");
    let plain = format!(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n",
        quoted_printable(body)
    );
    let html = |extra: &str| {
        let page = format!(
            "<html><body><p>{}</p>{extra}</body></html>",
            body.replace('\n', "<br>\n")
        );
        format!(
            "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            base64_lines(page.as_bytes())
        )
    };
    let multipart = |subtype: &str, parts: &[String]| {
        let mut text = format!("Content-Type: multipart/{subtype}; boundary=\"{bound}\"\r\n\r\n");
        for part in parts {
            text.push_str(&format!("--{bound}\r\n{part}"));
        }
        format!("{text}--{bound}--\r\n").into_bytes()
    };
    match kind {
        Kind::Plain => plain.into_bytes(),
        Kind::Html => multipart("alternative", &[plain, html("")]),
        Kind::Attachment => {
            let (name, media, bytes) = attachment(number);
            let file = format!(
                "Content-Type: {media}\r\nContent-Disposition: attachment; filename*=utf-8''{name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                base64_lines(&bytes)
            );
            multipart("mixed", &[plain, file])
        }
        Kind::Inline => {
            let image = format!(
                "Content-Type: image/png; name=pixel.png\r\nContent-ID: <pixel.{number}@example.org>\r\nContent-Disposition: inline; filename=pixel.png\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{PIXEL}\r\n"
            );
            multipart(
                "related",
                &[
                    html(&format!("<img src=\"cid:pixel.{number}@example.org\">")),
                    image,
                ],
            )
        }
        Kind::Latin1 => {
            let mut raw = b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".to_vec();
            raw.extend(
                body.replace('\n', "\r\n")
                    .chars()
                    .map(|letter| u8::try_from(letter).unwrap_or(b'?')),
            );
            raw.extend_from_slice(b"\r\n");
            raw
        }
    }
}

/// File name as RFC 5987 wants it, media type, content.
fn attachment(number: usize) -> (String, &'static str, Vec<u8>) {
    match number % 3 {
        0 => (
            format!("Gr%C3%B6%C3%9Fen-{number}.csv"),
            "text/csv; charset=utf-8",
            "name;größe\r\nalpha;1\r\nbeta;2\r\n"
                .repeat(40)
                .into_bytes(),
        ),
        1 => {
            let mut pdf = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
            let mut random = Random::new(number as u64);
            pdf.extend((0..6000).map(|_| (random.number() >> 56) as u8));
            pdf.extend_from_slice(b"\n%%EOF\n");
            (format!("report-{number}.pdf"), "application/pdf", pdf)
        }
        _ => (
            format!("notes-{number}.txt"),
            "text/plain; charset=utf-8",
            "Notes, äöü.\r\n".repeat(20).into_bytes(),
        ),
    }
}

fn paragraph(random: &mut Random) -> String {
    let mut text = String::from("Hello,\n\n");
    for _ in 0..3 + random.below(6) {
        let mut words: Vec<_> = (0..6 + random.below(8))
            .map(|_| WORDS[random.below(WORDS.len())])
            .collect();
        words.push("=3D?");
        text.push_str(&words.join(" "));
        text.push('\n');
    }
    text.push_str("\n.a line that starts with a dot\n-- \nSigned\n");
    text
}

fn display_name(name: &str) -> String {
    if name.is_ascii() {
        return format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    encoded_words(name)
}

/// RFC 2047 with base64 where the text needs it, folded.
fn encoded_words(text: &str) -> String {
    if text.is_ascii() {
        let mut folded = String::new();
        let mut column = 9;
        for word in text.split(' ') {
            if column + word.len() > 75 {
                folded.push_str("\r\n");
                column = 0;
            }
            folded.push_str(if folded.is_empty() { "" } else { " " });
            folded.push_str(word);
            column += word.len() + 1;
        }
        return folded;
    }
    let letters: Vec<char> = text.chars().collect();
    let words: Vec<String> = letters
        .chunks(10)
        .map(|part| {
            format!(
                "=?utf-8?B?{}?=",
                STANDARD.encode(part.iter().collect::<String>())
            )
        })
        .collect();
    words.join("\r\n ")
}

fn base64_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    lines.join("\r\n")
}

/// RFC 2045, section 6.7.
fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    for line in text.split('\n') {
        let mut column = 0;
        for (index, byte) in line.bytes().enumerate() {
            let last = index + 1 == line.len();
            let plain = (byte.is_ascii_graphic() && byte != b'=') || (byte == b' ' && !last);
            let piece = if plain {
                char::from(byte).to_string()
            } else {
                format!("={byte:02X}")
            };
            if column + piece.len() > 75 {
                out.push_str("=\r\n");
                column = 0;
            }
            column += piece.len();
            out.push_str(&piece);
        }
        out.push_str("\r\n");
    }
    out.truncate(out.len() - 2);
    out
}
