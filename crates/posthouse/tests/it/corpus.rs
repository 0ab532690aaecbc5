//! Messages that are hard to read, through the API: every `tests/corpus/NAME.eml` is put into a mailbox of the real IMAP server as it is,
//! and what the API says of it must be what stands in `tests/corpus/NAME.json`. The name says what is hard.
//!
//! `POSTHOUSE_CORPUS=write` writes the expectations anew from what is said now (`tests/run.sh -p posthouse --test it -- corpus` then shows
//! them in the difference of the working tree): read each before it is committed, it must be what is right.
//!
//! Compared are the detail with all texts, that the listing agrees with it, that the text by its id is the same text, each attachment with
//! its bytes, and the source, which is in the expectation only where the IMAP server itself does not keep it as it came.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use posthouse_testkit::{Client, ImapClient, Server, unique_user};
use serde_json::{Map, Value, json};

use crate::{BINARY, LIMIT, account};

/// What differs from run to run, or says the same of every message of a mailbox.
const VARYING: [&str; 10] = [
    "id",
    "uid",
    "date",
    "path",
    "emailId",
    "threadId",
    "unseen",
    "flags",
    "specialUse",
    "messageSpecialUse",
];

/// Content that is longer stands in an expectation by its length and a checksum.
const SHORT: usize = 2000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The names of the messages, in order.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".eml")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Reading a mailbox through the API.
struct Reader {
    client: Client,
    base: String,
}

impl Reader {
    /// All that the API says of a message; `entry` is what the listing said.
    async fn read(&self, entry: &Value, raw: &[u8]) -> Value {
        let id = entry["id"].as_str().unwrap();
        let mut detail = self.ok(&format!("message/{id}?textType=*")).await;
        let listed = entry.as_object().unwrap().iter();
        for (name, value) in listed.filter(|(name, _)| *name != "text") {
            assert_eq!(
                detail.get(name),
                Some(value),
                "{name} in listing and detail"
            );
        }
        for name in ["id", "encodedSize"] {
            assert_eq!(detail["text"][name], entry["text"][name]);
        }
        let text_id = detail["text"]["id"].as_str().unwrap().to_owned();
        let text = self.ok(&format!("text/{text_id}?textType=*")).await;
        for name in ["plain", "html", "hasMore"] {
            assert_eq!(text[name], detail["text"][name], "{name} by its id");
        }
        detail["text"]["id"] = text_parts(&text_id);
        let files = detail.get_mut("attachments").and_then(Value::as_array_mut);
        for file in files.into_iter().flatten() {
            self.read_attachment(file).await;
        }
        let source = self.get(&format!("message/{id}/source")).await.body;
        let message = detail.as_object_mut().unwrap();
        message.retain(|name, _| !VARYING.contains(&name.as_str()));
        if source != raw {
            message.insert("source".to_owned(), content(&source));
        }
        detail
    }

    /// Puts the part number in place of the id of an attachment, and adds what its download gives.
    async fn read_attachment(&self, file: &mut Value) {
        let id = file["id"].as_str().unwrap();
        let answer = self.get(&format!("attachment/{id}")).await;
        let number = BASE64_URL_SAFE_NO_PAD.decode(id).unwrap();
        let mut out = Map::new();
        out.insert(
            "part".into(),
            String::from_utf8(number[8..].to_vec()).unwrap().into(),
        );
        for (name, value) in file
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "id")
        {
            out.insert(name.clone(), value.clone());
        }
        let header = |name| answer.header(name).unwrap_or_default().to_owned();
        if header("content-type") != file["contentType"] {
            out.insert("servedType".into(), header("content-type").into());
        }
        out.insert("disposition".into(), header("content-disposition").into());
        out.insert("content".into(), content(&answer.body));
        *file = Value::Object(out);
    }

    async fn get(&self, path: &str) -> posthouse_testkit::Answer {
        let answer = self.client.get(&format!("{}/{path}", self.base)).await;
        assert_eq!(answer.status, 200, "{path}");
        answer
    }

    async fn ok(&self, path: &str) -> Value {
        self.get(path).await.json()
    }
}

/// Bytes for an expectation: text as it is, else base64, and what is long by its length and FNV-1a checksum.
fn content(bytes: &[u8]) -> Value {
    if bytes.len() > SHORT {
        let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        return json!({ "bytes": bytes.len(), "fnv1a": format!("{sum:016x}") });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

/// The part numbers in the id of a text: plain, HTML, others (MessagePack arrays of strings).
fn text_parts(id: &str) -> Value {
    fn value(bytes: &mut std::slice::Iter<'_, u8>) -> Value {
        let kind = *bytes.next().unwrap();
        let mut long = || usize::from(*bytes.next().unwrap());
        let length = match kind {
            0x90..=0xbf => usize::from(kind & if kind < 0xa0 { 0x0f } else { 0x1f }),
            0xd9 => long(),
            _ => long() << 8 | long(),
        };
        if matches!(kind, 0x90..=0x9f | 0xdc) {
            (0..length).map(|_| value(bytes)).collect()
        } else {
            let text = bytes.by_ref().take(length).copied().collect();
            String::from_utf8(text).unwrap().into()
        }
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(id).unwrap();
    value(&mut bytes[8..].iter())
}

/// Lines that are only in one of two texts.
fn difference(expected: &str, got: &str) -> String {
    let lines = |text: &str, other: &str, sign: &str| {
        let only = text
            .lines()
            .filter(|line| !other.lines().any(|known| known == *line));
        only.map(|line| format!("  {sign} {line}\n"))
            .collect::<String>()
    };
    lines(expected, got, "-") + &lines(got, expected, "+")
}

#[tokio::test]
async fn the_corpus_of_hard_messages_is_read_as_expected() {
    let write = std::env::var("POSTHOUSE_CORPUS").is_ok_and(|value| value == "write");
    let names = names();
    assert!(names.len() >= 150, "{} messages", names.len());
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    let mut imap = ImapClient::login(&user).await;
    let mut sent = Vec::new();
    for name in names {
        let raw = std::fs::read(folder().join(format!("{name}.eml"))).unwrap();
        let uid = imap.append("INBOX", "", &raw).await;
        sent.push((name, uid, raw));
    }
    let client = server.client().await;
    client.post("/v1/account", &account(&user)).await.ok();
    server.wait_state(&user, "connected", LIMIT).await;
    let base = format!("/v1/account/{user}");
    let reader = Reader { client, base };
    let page = reader.ok("messages?path=INBOX&pageSize=1000").await;
    let mut faults = String::new();
    for (name, uid, raw) in sent {
        let mut entries = page["messages"].as_array().unwrap().iter();
        let entry = entries.find(|entry| entry["uid"] == uid);
        let entry = entry.unwrap_or_else(|| panic!("{name} is not listed"));
        let got = reader.read(entry, &raw).await;
        let got = serde_json::to_string_pretty(&got).unwrap() + "\n";
        let path = folder().join(format!("{name}.json"));
        if write {
            std::fs::write(path, got).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(path).unwrap_or_default();
        if got != expected {
            faults += &format!("{name}:\n{}", difference(&expected, &got));
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}
