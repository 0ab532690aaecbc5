#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use posthouse_imap::command::{Command, Dialect, Piece};
use proptest::prelude::{any, *};
use serde_json::json;

const GMAIL: Offers = Offers {
    gmail: true,
    object_id: false,
    mod_seq: true,
};
const OBJECTS: Offers = Offers {
    gmail: false,
    object_id: true,
    mod_seq: true,
};
const PLAIN: Offers = Offers {
    gmail: false,
    object_id: false,
    mod_seq: false,
};

fn search(value: Value) -> Search {
    serde_json::from_value(value).unwrap()
}

fn shown(key: &SearchKey) -> String {
    let command = key.write(Command::new("SEARCH"));
    assert_eq!(command.invalid(), None);
    let text: String = command
        .render("a", Dialect::default())
        .iter()
        .map(|piece| match piece {
            Piece::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        })
        .collect();
    text.strip_prefix("a SEARCH ")
        .unwrap()
        .trim_end()
        .to_owned()
}

fn compiled(value: Value, offers: Offers) -> String {
    match Program::compile(&search(value), offers, 50) {
        Ok(Program::Search(key)) => shown(&key),
        Ok(Program::Nothing) => "-".to_owned(),
        Ok(Program::Thread { thread, rest }) => format!("{thread}: {}", shown(&rest)),
        Err(BackendError::Input { status, code, .. }) => format!("{status} {code}"),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn every_condition_has_its_key() {
    for (value, expected) in [
        (json!({}), "ALL"),
        (json!({"seq": "1:3,60:*"}), "1:3,50"),
        (json!({"seq": "*"}), "50"),
        (json!({"seq": "60:70"}), "-"),
        (json!({"uid": "100:200,7"}), "UID 7,100:200"),
        (json!({"uid": "*:5"}), "UID 5:*"),
        (json!({"uid": "*"}), "UID 4294967295:*"),
        (
            json!({"answered": true, "deleted": false}),
            "ANSWERED UNDELETED",
        ),
        (json!({"draft": true, "flagged": false}), "DRAFT UNFLAGGED"),
        (json!({"unseen": true}), "UNSEEN"),
        (json!({"unseen": false}), "SEEN"),
        (json!({"seen": false}), "UNSEEN"),
        (json!({"from": "a b", "to": "c"}), "FROM \"a b\" TO \"c\""),
        (json!({"cc": "c", "bcc": "d"}), "CC \"c\" BCC \"d\""),
        (json!({"subject": "Grüße"}), "SUBJECT {7}\r\nGrüße"),
        (json!({"body": "a\r\nb"}), "BODY {4}\r\na\r\nb"),
        (json!({"subject": ""}), "ALL"),
        (json!({"larger": 10, "smaller": 20}), "LARGER 10 SMALLER 20"),
        (
            json!({"before": "2024-08-09", "since": "2022-08-09T23:59:59Z"}),
            "BEFORE 9-Aug-2024 SINCE 9-Aug-2022",
        ),
        (json!({"sentBefore": "2024-08-09"}), "SENTBEFORE 9-Aug-2024"),
        (json!({"sentSince": "2024-08-09"}), "SENTSINCE 9-Aug-2024"),
        (
            json!({"header": {"List-Id": "rust"}}),
            "HEADER List-Id \"rust\"",
        ),
        (
            json!({"header": {"X-A": true, "X-B": false}}),
            "HEADER X-A \"\" NOT HEADER X-B \"\"",
        ),
        (
            json!({"header": {"X-A": ["a", "b"], "X-N": 5}}),
            "HEADER X-A \"a\" HEADER X-A \"b\" HEADER X-N \"5\"",
        ),
        (json!({"header": {"X A": "a"}}), "400 InvalidInput"),
        (json!({"header": {"X-A": {}}}), "400 InvalidInput"),
        (json!({"seq": "1:x"}), "400 InvalidInput"),
        (json!({"uid": ""}), "400 InvalidInput"),
        (json!({"uid": "0"}), "400 InvalidInput"),
    ] {
        assert_eq!(compiled(value.clone(), PLAIN), expected, "{value}");
    }
}

#[test]
fn extensions_are_used_where_they_are() {
    for (value, gmail, objects, plain) in [
        (
            json!({"modseq": 7}),
            "MODSEQ 7",
            "MODSEQ 7",
            "422 MissingServerExtension",
        ),
        (
            json!({"modseq": 0}),
            "ALL",
            "ALL",
            "422 MissingServerExtension",
        ),
        (
            json!({"emailId": "12"}),
            "X-GM-MSGID 12",
            "EMAILID 12",
            "422 MissingServerExtension",
        ),
        (
            json!({"emailId": "M1a-_"}),
            "-",
            "EMAILID M1a-_",
            "422 MissingServerExtension",
        ),
        (
            json!({"emailId": "a b"}),
            "-",
            "-",
            "422 MissingServerExtension",
        ),
        (
            json!({"threadId": "12"}),
            "X-GM-THRID 12",
            "THREADID 12",
            "-",
        ),
        (
            json!({"threadId": "00000000000000ff", "seen": true}),
            "X-GM-THRID 255",
            "",
            "00000000000000ff: SEEN",
        ),
        (
            json!({"emailIds": ["1", "2", "3"]}),
            "OR OR X-GM-MSGID 1 X-GM-MSGID 2 X-GM-MSGID 3",
            "OR OR EMAILID 1 EMAILID 2 EMAILID 3",
            "422 MissingServerExtension",
        ),
        (
            json!({"emailIds": []}),
            "-",
            "-",
            "422 MissingServerExtension",
        ),
        (
            json!({"gmailRaw": "has:attachment"}),
            "X-GM-RAW \"has:attachment\"",
            "422 MissingServerExtension",
            "422 MissingServerExtension",
        ),
        (
            json!({"labels": {"has": ["A b"], "not": ["C"]}}),
            "X-GM-LABELS \"A b\" NOT X-GM-LABELS \"C\"",
            "422 MissingServerExtension",
            "422 MissingServerExtension",
        ),
        (json!({"labels": {}}), "ALL", "ALL", "ALL"),
    ] {
        for (offers, expected) in [(GMAIL, gmail), (OBJECTS, objects), (PLAIN, plain)] {
            // What is written only for some of them.
            if expected.is_empty() || (offers == GMAIL && expected == "X-GM-THRID 255") {
                continue;
            }
            assert_eq!(
                compiled(value.clone(), offers),
                expected,
                "{value} {offers:?}"
            );
        }
    }
}

#[test]
fn ten_thousand_ids_make_a_shallow_program() {
    let ids: Vec<String> = (1..=10_000).map(|id| id.to_string()).collect();
    let Program::Search(key) =
        Program::compile(&search(json!({ "emailIds": ids })), GMAIL, 1).unwrap()
    else {
        panic!("no program");
    };
    fn depth(key: &SearchKey) -> usize {
        match key {
            SearchKey::Or(a, b) => 1 + depth(a).max(depth(b)),
            _ => 0,
        }
    }
    assert_eq!(depth(&key), 14);
}

/// What steers a reader of commands.
const PIECES: [&str; 16] = [
    "\r\n",
    "\n",
    "\r",
    "\"",
    "\\",
    "{3}\r\n",
    "{3+}\r\n",
    "~{0}\r\n",
    "(",
    ")",
    " OR ALL ",
    "a LOGOUT\r\n",
    "*",
    "\0",
    "ü",
    "%",
];

/// Texts of any kind: whatever there is, and what somebody would try.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(proptest::sample::select(PIECES.as_slice()), 0..8)
            .prop_map(|pieces| pieces.concat()),
    ]
}

proptest! {
    /// Whatever is searched for stays in its place: the program is one line, or literals of exactly the bytes that were given.
    ///
    /// `PROPTEST_CASES` sets how many are tried; `make fuzz` tries for longer.
    #[test]
    fn nothing_breaks_out(texts in proptest::collection::vec(text(), 12), numbers in "[0-9:*,]{0,12}", here in any::<u32>()) {
        let [from, to, cc, bcc, body, subject, name, value, raw, email, thread, label] = <[String; 12]>::try_from(texts).unwrap();
        let Value::Object(mut all) = json!({
            "from": from, "to": to, "cc": cc, "bcc": bcc, "body": body, "subject": subject,
            "header": { name: value }, "uid": numbers, "gmailRaw": raw, "emailId": email, "threadId": thread,
            "emailIds": [label, email], "seq": numbers, "unseen": true,
        }) else { unreachable!() };
        let mut place = 0;
        all.retain(|_, _| { place += 1; here & (1 << place) != 0 });
        for offers in [GMAIL, OBJECTS, PLAIN] {
            let (Ok(Program::Search(key)) | Ok(Program::Thread { rest: key, .. })) =
                Program::compile(&search(Value::Object(all.clone())), offers, 9) else { continue };
            let command = key.write(Command::new("SEARCH"));
            if command.invalid().is_none() {
                let bytes: Vec<u8> = command.render("a", Dialect::default()).into_iter().flat_map(|piece| match piece {
                    Piece::Bytes(bytes) => bytes,
                    _ => Vec::new(),
                }).collect();
                prop_assert!(one_command(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// Whether a server reads one command and nothing after it: a line ends with CRLF, unless it ends with the size of a literal.
fn one_command(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let line = &rest[..end];
        rest = &rest[end + 2..];
        let size = line.strip_suffix(b"}").and_then(|line| {
            let open = line.iter().rposition(|byte| *byte == b'{')?;
            std::str::from_utf8(&line[open + 1..])
                .ok()?
                .trim_end_matches('+')
                .parse::<usize>()
                .ok()
        });
        // A bare CR or LF ends a line for some servers.
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return false;
        }
        match size {
            Some(size) if size <= rest.len() => rest = &rest[size..],
            Some(_) => return false,
            None => return rest.is_empty(),
        }
    }
    false
}
