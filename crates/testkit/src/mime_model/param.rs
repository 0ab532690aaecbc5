//! Parameters of Content-Type and Content-Disposition, in the ways in use.

use std::fmt::Write as _;

use super::field;
use crate::random::Random;

/// A parameter, `; name=value` in one of many ways, and the value that it means.
pub(super) fn name(random: &mut Random, key: &str) -> (Vec<u8>, String) {
    let between = ["; ", ";\r\n ", ";", ";\r\n\t"][random.below(4)];
    let extension = ["pdf", "txt", "tar.gz", "dat"][random.below(4)];
    let simple = ["plan", "Report-2026", "a_b"][random.below(3)];
    let (value, meaning) = match random.below(7) {
        0 => {
            let meaning = format!("{simple}.{extension}");
            (format!("{key}={meaning}"), meaning)
        }
        1 => {
            let meaning = format!("{simple} (1); \"final\" \\ a,b=c.{extension}");
            let quoted = meaning.replace('\\', "\\\\").replace('"', "\\\"");
            (format!("{key}=\"{quoted}\""), meaning)
        }
        // RFC 2231: a charset.
        2 => {
            let (charset, words) = field::script(random);
            let meaning = format!("{}.{extension}", words.join(" "));
            let value = percent(&field::encode(charset, &meaning));
            let language = ["", "en"][random.below(2)];
            (format!("{key}*={charset}'{language}'{value}"), meaning)
        }
        // RFC 2231: continued, in any order.
        3 => {
            let (charset, words) = field::script(random);
            let meaning = format!("{}.{extension}", words.join(" "));
            let bytes = field::encode(charset, &meaning);
            let mut pieces = Vec::new();
            for (at, piece) in bytes.chunks(1 + random.below(12)).enumerate() {
                let start = if at == 0 {
                    format!("{charset}''")
                } else {
                    String::new()
                };
                pieces.push(format!("{key}*{at}*={start}{}", percent(piece)));
            }
            if random.chance(20) {
                pieces.reverse();
            }
            (pieces.join(between), meaning)
        }
        // RFC 2231: continued without a charset.
        4 => {
            let meaning = format!("{simple} {simple}.{extension}");
            let cut = random.below(meaning.len());
            let (one, two) = meaning.split_at(cut);
            (
                format!("{key}*0=\"{one}\"{between}{key}*1=\"{two}\""),
                meaning,
            )
        }
        // Not allowed, and the most common of all.
        5 => {
            let (value, meaning) = field::encoded(random);
            let value = String::from_utf8(value).unwrap();
            (format!("{key}=\"{value}\""), meaning)
        }
        _ => {
            let (_, words) = field::script(random);
            let meaning = format!("{}.{extension}", words.join(" ").replace('"', ""));
            (format!("{key}=\"{meaning}\""), meaning)
        }
    };
    (format!("{between}{value}").into_bytes(), meaning)
}

fn percent(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => out.push(char::from(*byte)),
            other => drop(write!(out, "%{other:02X}")),
        }
    }
    out
}
