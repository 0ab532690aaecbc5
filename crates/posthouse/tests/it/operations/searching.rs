//! Searching, on real servers.

use serde_json::{Value, json};

use super::{House, message, subjects};

#[tokio::test]
async fn every_key_on_dovecot() {
    every_key("Dovecot").await;
}

#[tokio::test]
async fn every_key_on_cyrus() {
    every_key("Cyrus").await;
}

async fn every_key(server: &str) {
    let mut house = House::on(server).await;
    let reply = "In-Reply-To: <one@example.com>\r\nReferences: <one@example.com>\r\nX-Tag: blue\r\nCc: cleo@example.org\r\n";
    let long = format!("{}\r\n{}", "Bcc: dora@example.org\r\n", "x".repeat(3000));
    for (subject, flags, more) in [
        ("one", "\\Seen \\Answered", ""),
        ("two", "\\Flagged \\Draft", reply),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "", ""),
        ("four", "\\Deleted", long.as_str()),
    ] {
        house
            .imap
            .append("INBOX", flags, &message(subject, more))
            .await;
    }
    let all = ["four", "Grüße", "two", "one"];
    for (search, expected) in [
        (json!({}), &all[..]),
        (json!({ "seq": "2:3" }), &all[1..3]),
        (json!({ "seq": "*" }), &all[..1]),
        (json!({ "seq": "9:10" }), &[]),
        (json!({ "uid": "1,4:*" }), &["four", "one"]),
        (json!({ "uid": "1:*" }), &all[..]),
        (json!({ "answered": true }), &["one"]),
        (
            json!({ "answered": false, "deleted": false }),
            &["Grüße", "two"],
        ),
        (json!({ "draft": true }), &["two"]),
        (json!({ "unseen": true }), &["four", "Grüße", "two"]),
        (json!({ "seen": true }), &["one"]),
        (json!({ "flagged": true, "seen": true }), &[]),
        (json!({ "from": "ANN" }), &all[..]),
        (json!({ "to": "bob@example.net" }), &all[..]),
        (json!({ "cc": "cleo" }), &["two"]),
        (json!({ "bcc": "dora" }), &["four"]),
        (json!({ "subject": "grüße" }), &["Grüße"]),
        (json!({ "subject": "nothing \" of \\ this" }), &[]),
        (json!({ "body": "Body of two" }), &["two"]),
        (json!({ "larger": 2000 }), &["four"]),
        (json!({ "smaller": 2000 }), &["Grüße", "two", "one"]),
        (
            json!({ "since": "2020-01-01", "before": "2090-01-01" }),
            &all[..],
        ),
        (json!({ "before": "2020-01-01" }), &[]),
        (
            json!({ "sentSince": "2026-11-03", "sentBefore": "2026-11-04" }),
            &all[..],
        ),
        (json!({ "sentBefore": "2026-11-03T23:00:00Z" }), &[]),
        (json!({ "header": { "X-Tag": "blue" } }), &["two"]),
        (json!({ "header": { "X-Tag": true } }), &["two"]),
        (
            json!({ "header": { "X-Tag": false } }),
            &["four", "Grüße", "one"],
        ),
        (
            json!({ "header": { "Message-ID": "<one@example.com>" } }),
            &["one"],
        ),
        (json!({ "modseq": 1 }), &all[..]),
        (json!({ "modseq": 999_999_999 }), &[]),
    ] {
        assert_eq!(house.found(search.clone()).await, expected, "{search}");
    }
}

/// A conversation is searched for by the id that listings show, also where the server knows none.
#[tokio::test]
async fn conversations() {
    let mut house = House::on("Dovecot").await;
    let reply = "References: <one@example.com>\r\n";
    house.imap.append("INBOX", "", &message("one", "")).await;
    house.imap.append("INBOX", "", &message("other", "")).await;
    house.imap.append("INBOX", "", &message("two", reply)).await;
    let page = house
        .client
        .get(&house.path("/messages?path=INBOX"))
        .await
        .ok();
    let thread = page["messages"][0]["threadId"].clone();
    assert_eq!(thread, page["messages"][2]["threadId"]);
    assert_eq!(
        house.found(json!({ "threadId": thread })).await,
        ["two", "one"]
    );
    assert_eq!(
        house
            .found(json!({ "threadId": thread, "subject": "one" }))
            .await,
        ["one"]
    );
    assert!(
        house
            .found(json!({ "threadId": "nonsense" }))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn pages_and_cursors() {
    let mut house = House::on("Dovecot").await;
    for number in 0..25 {
        let subject = format!("mail {number}");
        house.imap.append("INBOX", "", &message(&subject, "")).await;
    }
    house.imap.append("INBOX", "", &message("other", "")).await;
    let body = json!({ "search": { "subject": "mail" } });
    let search = house.path("/search?path=INBOX&pageSize=10");
    let mut seen: Vec<String> = Vec::new();
    let mut page = house.client.post(&search, &body).await.ok();
    assert_eq!((&page["total"], &page["pages"]), (&json!(25), &json!(3)));
    assert_eq!(page["prevPageCursor"], Value::Null);
    loop {
        seen.extend(subjects(&page));
        let Some(cursor) = page["nextPageCursor"].as_str() else {
            break;
        };
        page = house
            .client
            .post(&format!("{search}&cursor={cursor}"), &body)
            .await
            .ok();
    }
    let expected: Vec<String> = (0..25)
        .rev()
        .map(|number| format!("mail {number}"))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(page["page"], 2);
    let back = page["prevPageCursor"].as_str().unwrap();
    let back = house
        .client
        .post(&format!("{search}&cursor={back}"), &body)
        .await
        .ok();
    assert_eq!(back["page"], 1);
    let beyond = house
        .client
        .post(&format!("{search}&page=99"), &body)
        .await
        .ok();
    assert_eq!((subjects(&beyond).len(), &beyond["total"]), (0, &json!(25)));
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_said() {
    let house = House::on("Dovecot").await;
    for (search, path, status, code) in [
        (
            json!({ "emailId": "1" }),
            "INBOX",
            422,
            json!("MissingServerExtension"),
        ),
        (
            json!({ "emailIds": ["1"] }),
            "INBOX",
            422,
            json!("MissingServerExtension"),
        ),
        (
            json!({ "gmailRaw": "has:pdf" }),
            "INBOX",
            422,
            json!("MissingServerExtension"),
        ),
        (
            json!({ "labels": { "has": ["A"] } }),
            "INBOX",
            422,
            json!("MissingServerExtension"),
        ),
        (json!({ "seq": "a:b" }), "INBOX", 400, json!("InvalidInput")),
        (
            json!({ "header": { "a:b": "x" } }),
            "INBOX",
            400,
            json!("InvalidInput"),
        ),
        (json!({}), "Nowhere", 404, json!("FolderNotFound")),
        (json!({ "larger": -1 }), "INBOX", 400, Value::Null),
        (json!({ "since": "yesterday" }), "INBOX", 400, Value::Null),
    ] {
        let answer = house
            .client
            .post(
                &house.path(&format!("/search?path={path}")),
                &json!({ "search": search }),
            )
            .await
            .expect(status);
        assert_eq!(
            answer.get("code").cloned().unwrap_or_default(),
            code,
            "{search}"
        );
    }
    let search = json!({ "search": {} });
    house
        .client
        .post(&house.path("/search"), &search)
        .await
        .expect(400);
    for (cursor, code) in [
        ("gmail_x", "InvalidCursorType"),
        ("imap_%25", "InvalidCursorValue"),
    ] {
        let path = house.path(&format!("/search?path=INBOX&cursor={cursor}"));
        let answer = house.client.post(&path, &search).await.expect(400);
        assert_eq!(answer["code"], code);
    }
}
