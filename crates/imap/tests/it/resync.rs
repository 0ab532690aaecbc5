//! Catching up with a mailbox: CONDSTORE, QRESYNC, PARTIAL.

use posthouse_imap::{
    Caught, Error, FetchItem, FetchOptions, Ids, Known, Notice, Partial, SearchKey, SequenceSet,
    Untagged,
};

use crate::scripted::Step::{Expect, Send};
use crate::scripted::open;

const IN: &str = "PREAUTH [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC UNSELECT ESEARCH PARTIAL]";

/// `uid` or `-set`.
fn show(caught: &[Caught]) -> Vec<String> {
    let one = |caught: &Caught| match caught {
        Caught::Fetch(fetch) => format!("{}@{}", fetch.uid.unwrap(), fetch.mod_seq.unwrap_or(0)),
        Caught::Vanished(uids) => format!("-{uids}"),
    };
    caught.iter().map(one).collect()
}

#[tokio::test]
async fn a_known_mailbox_tells_what_changed_when_it_is_opened() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 SELECT \"INBOX\" (QRESYNC (67890007 90060115194045000))"),
            Send("* OK [CLOSED] x\r\n* 100 EXISTS\r\n* OK [UIDVALIDITY 67890007] x\r\n* OK [UIDNEXT 600] x\r\n"),
            Send("* OK [HIGHESTMODSEQ 90060115205545359] x\r\n* VANISHED (EARLIER) 41,43:116,540\r\n"),
            Send("* 49 FETCH (UID 117 FLAGS (\\Seen) MODSEQ (90060115194045001))\r\n* 9 FETCH (FLAGS ())\r\n* VANISHED 7\r\nP1 OK [READ-WRITE] x\r\n"),
            Expect("P2 UNSELECT"),
            Send("P2 OK x\r\n"),
            Expect("P3 SELECT \"Sent\" (QRESYNC (1 1))"),
            Send("* 0 EXISTS\r\n* OK [UIDVALIDITY 2] x\r\n* OK [NOMODSEQ] x\r\nP3 OK x\r\n"),
        ],
    )
    .await;
    let mut caught = Vec::new();
    let known = Known {
        uid_validity: 67_890_007,
        mod_seq: 90_060_115_194_045_000,
    };
    let selected = c
        .select_known("inbox", known, |one| caught.push(one))
        .await
        .unwrap();
    assert_eq!(show(&caught), ["-41,43:116,540", "117@90060115194045001"]);
    assert_eq!(
        (selected.exists, selected.uid_next, selected.highest_mod_seq),
        (99, Some(600), Some(90_060_115_205_545_359)),
        "what went earlier is not in the count, what goes now is"
    );
    // News while it opens is not lost.
    let notices = c.take_notices();
    assert_eq!(notices.len(), 2);
    assert!(matches!(
        &notices[1],
        Notice::Untagged(Untagged::Vanished { earlier: false, uids }) if uids.contains(7)
    ));

    let known = Known {
        uid_validity: 0,
        mod_seq: 0,
    };
    let selected = c.select_known("Sent", known, |_| panic!()).await.unwrap();
    assert_eq!(
        (selected.uid_validity, selected.highest_mod_seq),
        (Some(2), None)
    );
}

#[tokio::test]
async fn fetch_tells_what_changed_and_what_is_gone() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 12345 VANISHED)"),
            Send("* VANISHED (EARLIER) 300:310,405\r\n* 1 FETCH (UID 404 MODSEQ (65402) FLAGS (\\Seen))\r\n"),
            Send("* 4 FETCH (FLAGS (\\Seen))\r\n* VANISHED 9\r\nP1 OK x\r\n"),
            Expect("P2 UID FETCH 1:* (UID FLAGS) (PARTIAL -1:-30)"),
            Send("* 8 FETCH (UID 12 FLAGS ())\r\nP2 OK x\r\n"),
            Expect("P3 UID FETCH 1:* (UID) (CHANGEDSINCE 5 PARTIAL 1:500)"),
            Send("P3 OK x\r\n"),
            Expect("P4 FETCH 1:2 (UID)"),
            Send("* 1 FETCH (FLAGS ())\r\nP4 OK x\r\n"),
            Expect("P5 UID SEARCH RETURN (ALL COUNT PARTIAL 1:2) ALL"),
            Send("* ESEARCH (TAG \"P5\") UID ALL 1:3 COUNT 3 PARTIAL (1:2 1:2)\r\nP5 OK x\r\n"),
        ],
    )
    .await;
    let items = [FetchItem::Uid, FetchItem::Flags];
    let mut caught = Vec::new();
    let options = FetchOptions {
        changed_since: Some(12_345),
        vanished: true,
        partial: None,
    };
    c.fetch_with(SequenceSet::all(), &items, options, |one| caught.push(one))
        .await
        .unwrap();
    assert_eq!(show(&caught), ["-300:310,405", "404@65402"]);
    assert_eq!(c.take_notices().len(), 2);

    let mut caught = Vec::new();
    let newest = FetchOptions {
        partial: Some(Partial::Newest(1, 30)),
        ..FetchOptions::default()
    };
    c.fetch_with(SequenceSet::all(), &items, newest, |one| caught.push(one))
        .await
        .unwrap();
    assert_eq!(show(&caught), ["12@0"]);
    let both = FetchOptions {
        changed_since: Some(5),
        vanished: false,
        partial: Some(Partial::Oldest(0, 500)),
    };
    c.fetch_with(SequenceSet::all(), &items[..1], both, |_| panic!())
        .await
        .unwrap();
    let mut count = 0;
    let by_number = Ids::Seq(SequenceSet::range(1, 2));
    c.fetch_with(by_number, &items[..1], FetchOptions::default(), |_| {
        count += 1
    })
    .await
    .unwrap();
    assert_eq!(count, 1);

    let found = c
        .search_return(&SearchKey::All, "ALL COUNT PARTIAL 1:2")
        .await
        .unwrap();
    assert_eq!(
        (found.all, found.count, found.partial),
        (
            Some(SequenceSet::range(1, 3)),
            Some(3),
            Some(("1:2".to_owned(), SequenceSet::range(1, 2)))
        )
    );
}

#[tokio::test]
async fn what_is_not_offered_is_not_asked() {
    let mut c = open("PREAUTH [CAPABILITY IMAP4rev1]", vec![]).await;
    let unsupported = |result: Result<(), Error>| match result {
        Err(Error::Unsupported(what)) => what,
        other => panic!("{other:?}"),
    };
    let ask = [
        (Some(1), false, None, "CONDSTORE"),
        (Some(1), true, None, "QRESYNC"),
        (None, false, Some(Partial::Oldest(1, 2)), "PARTIAL"),
    ];
    for (changed_since, vanished, partial, missing) in ask {
        let options = FetchOptions {
            changed_since,
            vanished,
            partial,
        };
        let result = c
            .fetch_with(SequenceSet::all(), &[FetchItem::Uid], options, drop)
            .await;
        assert_eq!(unsupported(result), missing);
    }
    let options = FetchOptions {
        vanished: true,
        ..FetchOptions::default()
    };
    let result = c
        .fetch_with(SequenceSet::all(), &[FetchItem::Uid], options, drop)
        .await;
    assert!(matches!(result, Err(Error::Invalid(_))));
    let known = Known {
        uid_validity: 1,
        mod_seq: 1,
    };
    let result = c.select_known("INBOX", known, drop).await.map(drop);
    assert_eq!(unsupported(result), "QRESYNC");
}
