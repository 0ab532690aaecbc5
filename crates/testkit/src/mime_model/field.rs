//! Header values: text and addresses, written in one of many ways.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use encoding_rs::Encoding;

use super::ModelAddress;
use crate::random::Random;

/// Charsets and words that they can write.
const SCRIPTS: [(&str, &[&str]); 16] = [
    (
        "utf-8",
        &[
            "Grüße",
            "Ελλάδα",
            "日本語",
            "😀👍",
            "naïve",
            "žluť",
            "שלום",
            "ok?",
            "a=b",
            "_x_",
        ],
    ),
    ("UTF-8", &["plain", "Ünïcödé", "👩‍👧", "ǅ", "x"]),
    ("iso-8859-1", &["Grüße", "café", "Ærø", "plain", "50%"]),
    ("ISO-8859-2", &["Łódź", "ąę", "plain"]),
    ("iso-8859-15", &["€", "œuvre", "plain"]),
    ("windows-1250", &["Příliš", "kůň", "plain"]),
    ("windows-1251", &["Привет", "мир", "plain"]),
    ("windows-1252", &["“quoted”", "–", "€5"]),
    ("windows-1253", &["Καλημέρα", "plain"]),
    ("windows-1255", &["שלום", "plain"]),
    ("koi8-r", &["Тема", "письма", "plain"]),
    ("gb18030", &["会议", "𠀀", "plain"]),
    ("big5", &["許功蓋", "台灣", "plain"]),
    ("euc-kr", &["안녕", "세상", "plain"]),
    ("shift_jis", &["表示", "ソート", "plain"]),
    ("iso-2022-jp", &["日本語", "の件名", "plain"]),
];

const ASCII: [&str; 10] = [
    "Re:", "report", "of", "2026", "(draft)", "a/b", "100%", "[list]", "x_y", "it's",
];

/// A charset, and words that it can write.
pub(super) fn script(random: &mut Random) -> (&'static str, Vec<&'static str>) {
    let (charset, words) = SCRIPTS[random.below(SCRIPTS.len())];
    let count = 1 + random.below(6);
    let words = (0..count)
        .map(|_| words[random.below(words.len())])
        .collect();
    (charset, words)
}

/// A text in a charset.
pub(super) fn encode(charset: &str, text: &str) -> Vec<u8> {
    let encoding = Encoding::for_label(charset.as_bytes()).unwrap();
    let (bytes, _, lost) = encoding.encode(text);
    assert!(!lost, "{text} in {charset}");
    bytes.into_owned()
}

fn ascii(random: &mut Random) -> Vec<&'static str> {
    (0..1 + random.below(8))
        .map(|_| ASCII[random.below(ASCII.len())])
        .collect()
}

/// A space, perhaps with a fold.
fn space(random: &mut Random) -> &'static str {
    ["\r\n ", "\r\n\t", " ", " "][random.below(4)]
}

fn folded(random: &mut Random, words: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(space(random).as_bytes());
        }
        out.extend_from_slice(word.as_bytes());
    }
    out
}

/// An unstructured value and its meaning.
pub(super) fn text(random: &mut Random) -> (Vec<u8>, String) {
    match random.below(5) {
        0 => {
            let words = ascii(random);
            (folded(random, &words), words.join(" "))
        }
        // Raw UTF-8.
        1 => {
            let (_, words) = script(random);
            (folded(random, &words), words.join(" "))
        }
        // Encoded words between others.
        2 => {
            let (before, after) = (ascii(random), ascii(random));
            let (value, middle) = encoded(random);
            let space = space(random);
            let (left, right) = (folded(random, &before), folded(random, &after));
            let value = [&left[..], space.as_bytes(), &value, b" ", &right].concat();
            (
                value,
                format!("{} {middle} {}", before.join(" "), after.join(" ")),
            )
        }
        _ => encoded(random),
    }
}

/// Encoded words (RFC 2047) and their meaning.
pub(super) fn encoded(random: &mut Random) -> (Vec<u8>, String) {
    let (charset, words) = script(random);
    let meaning = words.join(" ");
    // UTF-8 may be cut anywhere: some senders do. The others between characters, as each word must be whole by itself.
    let mut pieces: Vec<Vec<u8>> = vec![Vec::new()];
    if charset.eq_ignore_ascii_case("utf-8") && random.chance(30) {
        for byte in meaning.bytes() {
            if random.chance(10) {
                pieces.push(Vec::new());
            }
            pieces.last_mut().unwrap().push(byte);
        }
    } else {
        let mut texts = vec![String::new()];
        for c in meaning.chars() {
            if random.chance(10) {
                texts.push(String::new());
            }
            texts.last_mut().unwrap().push(c);
        }
        pieces = texts.iter().map(|text| encode(charset, text)).collect();
    }
    let base64 = random.chance(50);
    let between = ["\r\n ", " ", "\r\n\t"][random.below(3)];
    let language = if random.chance(5) { "*en" } else { "" };
    let mut out = Vec::new();
    for (at, piece) in pieces.iter().filter(|piece| !piece.is_empty()).enumerate() {
        if at > 0 {
            out.extend_from_slice(between.as_bytes());
        }
        let text = match (base64, random.chance(10)) {
            (true, true) => STANDARD_NO_PAD.encode(piece),
            (true, false) => STANDARD.encode(piece),
            (false, _) => q(piece),
        };
        let letter = match (base64, random.chance(50)) {
            (true, true) => "B",
            (true, false) => "b",
            (false, true) => "Q",
            (false, false) => "q",
        };
        out.extend_from_slice(format!("=?{charset}{language}?{letter}?{text}?=").as_bytes());
    }
    (out, meaning)
}

/// The Q encoding, strict enough for a phrase.
fn q(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b' ' => "_".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
        other => format!("={other:02X}"),
    };
    bytes.iter().map(one).collect()
}

/// One mailbox.
pub(super) fn mailbox(random: &mut Random) -> (Vec<u8>, ModelAddress) {
    let locals = ["ada", "bob.b", "c+tag", "\"john doe\"", "x_y-z", "jörg"];
    let hosts = [
        "example.com",
        "mail.example.org",
        "[192.0.2.1]",
        "bücher.example",
        "xn--bcher-kva.example",
    ];
    let address = format!(
        "{}@{}",
        locals[random.below(locals.len())],
        hosts[random.below(hosts.len())]
    );
    let bracketed = format!("<{address}>");
    let (value, name) = match random.below(6) {
        0 => (address.clone().into_bytes(), None),
        1 => (bracketed.into_bytes(), None),
        2 => {
            let names = [
                "Ada Lovelace",
                "John Q. Public",
                "J. R. R. Tolkien",
                "Bob",
                "Grüße Köln",
            ];
            let name = names[random.below(names.len())];
            (
                format!("{name}{}{bracketed}", space(random)).into_bytes(),
                Some(name.to_owned()),
            )
        }
        3 => {
            let names = [
                "Doe, John",
                "A \"quoted\" name",
                "back\\slash",
                "a@b; c: <d> (e)",
                "Team: x;",
                "Größe, 3",
            ];
            let name = names[random.below(names.len())];
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            (
                format!("\"{quoted}\" {bracketed}").into_bytes(),
                Some(name.to_owned()),
            )
        }
        4 => {
            let names = ["Ada Lovelace", "the (nested) one", "Bob"];
            let name = names[random.below(names.len())];
            (
                format!("{address} ({name})").into_bytes(),
                Some(name.to_owned()),
            )
        }
        _ => {
            let (mut value, name) = encoded(random);
            value.extend_from_slice(space(random).as_bytes());
            value.extend_from_slice(bracketed.as_bytes());
            (value, Some(name))
        }
    };
    (value, ModelAddress { name, address })
}

/// A list of mailboxes and groups.
pub(super) fn list(random: &mut Random) -> (Vec<u8>, Vec<ModelAddress>) {
    let (mut value, mut meaning) = (Vec::new(), Vec::new());
    for at in 0..1 + random.below(4) {
        if at > 0 {
            value.push(b',');
            value.extend_from_slice(space(random).as_bytes());
        }
        if random.chance(80) {
            let (one, address) = mailbox(random);
            value.extend_from_slice(&one);
            meaning.push(address);
            continue;
        }
        let (name, meant) = match random.below(3) {
            0 => (b"Friends of ours".to_vec(), "Friends of ours".to_owned()),
            1 => (b"\"A: B\"".to_vec(), "A: B".to_owned()),
            _ => encoded(random),
        };
        meaning.push(ModelAddress {
            name: Some(meant),
            address: String::new(),
        });
        value.extend_from_slice(&name);
        value.push(b':');
        for at in 0..random.below(3) {
            if at > 0 {
                value.push(b',');
            }
            value.extend_from_slice(space(random).as_bytes());
            let (one, address) = mailbox(random);
            value.extend_from_slice(&one);
            meaning.push(address);
        }
        value.push(b';');
    }
    (value, meaning)
}
