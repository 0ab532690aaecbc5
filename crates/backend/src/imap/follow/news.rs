//! What a server says unasked.

use posthouse_imap::{Notice, SequenceSet, Untagged};

use super::input::News;
use crate::imap::{connect::Conn, sync::Fact};

/// Whether a notice says anything of the messages of the open folder.
pub fn counts(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Overflow
            | Notice::Untagged(
                Untagged::Exists(_)
                    | Untagged::Expunge(_)
                    | Untagged::Vanished { .. }
                    | Untagged::Fetch(_)
            )
    )
}

/// Whether there is anything to look at.
pub fn pending(session: &Conn) -> bool {
    session.has_notice(counts)
}

/// What the notices since the last call, and one taken before, say of the open folder.
pub fn news(session: &mut Conn, first: Option<Notice>) -> Option<News> {
    let notices = session.take_notices();
    let exists = session.selected()?.exists;
    let labels = session.has("X-GM-EXT-1");
    of(first.into_iter().chain(notices), exists, labels)
}

fn of(notices: impl Iterator<Item = Notice>, exists: u32, labels: bool) -> Option<News> {
    let mut news = News {
        exists,
        ..News::default()
    };
    let mut numbers = Vec::new();
    for notice in notices {
        match notice {
            Notice::Overflow => news.blind = true,
            Notice::Untagged(Untagged::Exists(_)) => news.arrived = true,
            Notice::Untagged(Untagged::Expunge(number)) => {
                let lowest = news.gone_from.map_or(number, |known| known.min(number));
                news.gone_from = Some(lowest.max(1));
            }
            Notice::Untagged(Untagged::Vanished { uids, .. }) => {
                for (first, last) in uids.ranges() {
                    news.vanished.add_range(first, last.unwrap_or(first));
                }
            }
            Notice::Untagged(Untagged::Fetch(fetch)) => {
                let told = fetch.flags.is_some() || fetch.gm_labels.is_some();
                let number = fetch.seq;
                // Where there are labels, a message that changed may have changed these, which are not told.
                if labels && fetch.mod_seq.is_some() && fetch.gm_labels.is_none() {
                    news.blind = true;
                }
                match Fact::of(*fetch) {
                    Some(fact) if told => news.facts.push(fact),
                    Some(_) => {}
                    None if told => numbers.push(number),
                    None => {}
                }
            }
            Notice::Untagged(_) | Notice::IdleEnded => {}
        }
    }
    if numbers.is_empty() {
        // Nothing that a number would have to be found for.
    } else if news.gone_from.is_some() || !news.vanished.is_empty() {
        // Numbers from before and after that mean different messages.
        news.blind = true;
    } else {
        news.numbers = numbers.into_iter().collect::<SequenceSet>();
    }
    news.any().then_some(news)
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthouse_imap::Fetch;

    fn fetch(seq: u32, uid: Option<u32>, flag: Option<&str>) -> Notice {
        Notice::Untagged(Untagged::Fetch(Box::new(Fetch {
            seq,
            uid,
            flags: flag.map(|flag| vec![flag.to_owned()]),
            ..Fetch::default()
        })))
    }

    #[test]
    fn what_is_known_of_what_happened() {
        let heard = |notices: Vec<Notice>| of(notices.into_iter(), 7, false);
        assert_eq!(heard(vec![Notice::IdleEnded]), None);
        assert_eq!(heard(vec![fetch(3, Some(9), None)]), None, "nothing told");
        let arrived = heard(vec![Notice::Untagged(Untagged::Exists(7))]).unwrap_or_default();
        assert!(arrived.arrived && arrived.exists == 7 && !arrived.blind);
        let expunge = |number| Notice::Untagged(Untagged::Expunge(number));
        let gone = heard(vec![expunge(5), expunge(2), expunge(4)]).unwrap_or_default();
        assert_eq!(gone.gone_from, Some(2));
        let flags = heard(vec![
            fetch(3, Some(9), Some("a")),
            fetch(4, None, Some("b")),
        ]);
        let flags = flags.unwrap_or_default();
        assert_eq!(
            (flags.facts.len(), flags.numbers.to_string()),
            (1, "4".to_owned())
        );
        // Which message the 4 was cannot be told any more.
        let mixed = heard(vec![fetch(4, None, Some("b")), expunge(2)]).unwrap_or_default();
        assert!(mixed.blind && mixed.numbers.is_empty());
        assert!(heard(vec![Notice::Overflow]).unwrap_or_default().blind);
        // On Gmail only that something changed is told.
        let change = Notice::Untagged(Untagged::Fetch(Box::new(Fetch {
            seq: 1,
            uid: Some(5),
            mod_seq: Some(8),
            ..Fetch::default()
        })));
        assert!(
            of(std::iter::once(change), 7, true)
                .unwrap_or_default()
                .blind
        );
    }
}
