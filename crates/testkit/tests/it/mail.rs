use std::collections::HashSet;

use posthouse_testkit::mail::{self, Kind};

#[test]
fn the_series_is_the_same_every_time_and_varied() {
    let many = mail::messages(300);
    let few = mail::messages(20);
    for (a, b) in many.iter().zip(&few) {
        assert_eq!(a.raw, b.raw);
    }
    let ids: HashSet<_> = many.iter().map(|sample| &sample.message_id).collect();
    assert_eq!(ids.len(), 300);
    for kind in [
        Kind::Plain,
        Kind::Html,
        Kind::Attachment,
        Kind::Inline,
        Kind::Latin1,
    ] {
        assert!(
            many.iter().filter(|sample| sample.kind == kind).count() > 20,
            "{kind:?}"
        );
    }
    let replies = many
        .iter()
        .filter(|sample| sample.thread != sample.message_id)
        .count();
    assert!((80..=120).contains(&replies), "{replies} replies");
    let known: HashSet<_> = many.iter().map(|sample| &sample.message_id).collect();
    assert!(many.iter().all(|sample| known.contains(&sample.thread)));
}

#[test]
fn every_line_ends_with_crlf_and_is_short_enough() {
    for sample in mail::messages(300) {
        assert!(sample.raw.ends_with(b"\r\n"));
        let mut previous = 0;
        for (index, &byte) in sample.raw.iter().enumerate() {
            assert!(
                byte != b'\n' || sample.raw[index - 1] == b'\r',
                "{}: bare LF",
                sample.message_id
            );
            assert!(
                byte != b'\r' || sample.raw[index + 1] == b'\n',
                "{}: bare CR",
                sample.message_id
            );
            if byte == b'\n' {
                assert!(
                    index - previous <= 1000,
                    "{}: a line of {}",
                    sample.message_id,
                    index - previous
                );
                previous = index;
            }
        }
    }
}
