//! Reports made to be slow to read, and ones of arbitrary bytes.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use posthouse_mime::report::{Candidate, judge, read};
use proptest::prelude::*;

use crate::reports::messages;

/// Far above what linear work on a megabyte needs in an unoptimised build on a busy machine; what is quadratic takes minutes.
const LIMIT: Duration = Duration::from_secs(20);

fn in_time(name: &str, raw: &[u8]) {
    let begun = Instant::now();
    let _ = read(raw, Candidate::ANY);
    assert!(begun.elapsed() < LIMIT, "{name}: {:?}", begun.elapsed());
}

const FILES: [&str; 5] = [
    "bounces_reports.txt",
    "bounces_texts.txt",
    "complaints.txt",
    "delivery.txt",
    "others.txt",
];

static ALL: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();

const TOP: &str = "From: MAILER-DAEMON@a.example\r\nSubject: failure notice\r\nAuto-Submitted: auto-replied\r\nIn-Reply-To: <a@b>\r\n";

const PIECES: [&str; 34] = [
    "a:\r\n",
    "Final-Recipient: rfc822;a@b.example\r\n",
    "Final-Recipient: rfc822;a@b.example\r\n\r\n",
    "Action: failed\r\n",
    "Action: failed\r\n\r\n",
    "Final-Recipient: rfc822;a@b.example\r\nAction: failed\r\n\r\n",
    "Original-Rcpt-To: a@b.example\r\n",
    "Feedback-Type: abuse\r\n\r\n",
    "Message-ID: <a@b>\r\n",
    "Message-ID: \r\n\r\n",
    "Message-ID: <a@b>\r\n\r\n",
    "--b\r\n",
    "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
    "--b\r\nContent-Type: message/rfc822\r\n\r\n",
    "--b\r\nContent-Type: message/delivery-status\r\n\r\n",
    "<a@b.example>:\r\n",
    "<a@b.example>: 550 5.1.1 no\r\n",
    "<a",
    "a@b.example\r\n",
    "a@b.example ",
    "\r\n",
    "\n",
    "\r",
    "\r\r\n",
    " ",
    "550 ",
    "550-5.1.1 ",
    "host ",
    "Recipient: a@b.example\r\n",
    "Reason:\r\n",
    "try again in ",
    "user ",
    "\\x{E9}",
    "<p><b>",
];

#[test]
fn a_megabyte_of_anything() {
    for piece in PIECES {
        let much = piece.repeat((1 << 20) / piece.len());
        // Of parts that are no text less is looked at.
        let some = piece.repeat((128 << 10) / piece.len());
        let multipart = |kind: &str| {
            format!(
                "{TOP}Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: {kind}\r\n\r\n{some}\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <a@b>\r\n--b--\r\n"
            )
        };
        in_time(piece, much.as_bytes());
        in_time(piece, format!("{TOP}\r\n{much}").as_bytes());
        in_time(piece, format!("{TOP}{much}").as_bytes());
        for kind in [
            "text/plain",
            "text/html",
            "message/delivery-status",
            "message/feedback-report",
            "text/rfc822-headers",
            "message/rfc822",
        ] {
            in_time(&format!("{kind}: {piece}"), multipart(kind).as_bytes());
        }
        let begun = Instant::now();
        let _ = judge(&much, None);
        assert!(begun.elapsed() < LIMIT, "{piece}");
    }
}

proptest! {
    #[test]
    fn bytes_of_any_kind(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes, Candidate::ANY);
        let _ = judge(&String::from_utf8_lossy(&bytes), Some("5.1.1"));
    }

    /// Reports with a piece taken out or put in.
    #[test]
    fn reports_that_are_bent(which in 0usize..1000, from in 0usize..4000, length in 0usize..200, piece in 0usize..PIECES.len()) {
        let all = ALL.get_or_init(|| FILES.iter().flat_map(|file| messages(file)).collect());
        let (_, mut raw) = all[which % all.len()].clone();
        let from = from.min(raw.len());
        let to = (from + length).min(raw.len());
        raw.splice(from..to, PIECES[piece].bytes());
        let _ = read(&raw, Candidate::ANY);
    }
}
