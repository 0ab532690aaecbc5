//! What new messages say of others: bounces, delivery reports, complaints (behaviour 16).
//!
//! The source of a message that may be such a report is read right after the message, over the same connection, a few at
//! once. It counts as part of the message: what cannot be read now is tried again by the same rules as the message itself,
//! so that a cut costs no bounce, and those behind it are not held up. After the last try, or if the message went
//! meanwhile, it is announced as the message that it is, without the report.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use posthouse_backend::{BackendError, Follow};
use posthouse_mime::report::{Candidate, Look, MAX_READ, Report};
use posthouse_model::message::{HeaderChoice, Message, MessageOptions};
use posthouse_store::announce::Marker;

use super::announce::{Announcer, Pending, READ};

/// Sources read at once, and their bytes by what the server says of their sizes.
const AT_ONCE: (usize, usize) = (8, 2 << 20);

/// Headers that tell a report, beside those that every message is read with.
const HEADERS: [&str; 2] = ["auto-submitted", "x-failed-recipients"];

/// A new message, and what it says of another one.
pub(super) struct Seen {
    pub(super) message: Message,
    pub(super) report: Option<Report>,
}

/// What reading a message gave.
pub(super) type Read = Result<Seen, BackendError>;

/// Messages that were read, with their markers.
pub(super) type Readings = Vec<(Marker<Pending>, Read)>;

/// A message whose source is to be read.
struct Wanted {
    /// Its place among those that were read.
    place: usize,
    id: String,
    candidate: Candidate,
    /// What will be read of it, bytes.
    size: usize,
}

impl From<Message> for Seen {
    fn from(message: Message) -> Self {
        Self {
            message,
            report: None,
        }
    }
}

/// What to read of a message so that it shows whether it may be a report.
pub(super) fn with_marks(mut options: MessageOptions) -> MessageOptions {
    let mut names = match options.headers {
        HeaderChoice::All => return options,
        HeaderChoice::None => Vec::new(),
        HeaderChoice::Named(names) => names,
    };
    for name in HEADERS {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    options.headers = HeaderChoice::Named(names);
    options
}

/// Takes headers out that were read for [`with_marks`] alone.
fn without_marks(message: &mut Message, asked: &HeaderChoice) {
    match asked {
        HeaderChoice::All => {}
        HeaderChoice::None => message.headers = None,
        HeaderChoice::Named(names) => {
            if let Some(headers) = &mut message.headers {
                headers.retain(|name, _| names.contains(name));
            }
        }
    }
}

/// As what the source must be looked at. The message keeps the headers that were asked for.
fn candidate(message: &mut Message, asked: &HeaderChoice) -> Candidate {
    let candidate = Look::of(message).candidate();
    without_marks(message, asked);
    candidate
}

impl Announcer<'_> {
    /// Reads what messages report that were read together. On a lost connection also gives that error; messages whose
    /// source is missing then are left out, to be read once more.
    pub(super) async fn reports(
        &self,
        follower: &mut dyn Follow,
        read: Vec<(Marker<Pending>, Result<Message, BackendError>)>,
        asked: &HeaderChoice,
    ) -> Result<(Readings, Option<BackendError>), BackendError> {
        let mut out = Readings::with_capacity(read.len());
        let mut wanted = Vec::new();
        for (marker, mut read) in read {
            if let Ok(message) = &mut read {
                let candidate = candidate(message, asked);
                if candidate.is_some() {
                    let size = message.size.and_then(|size| usize::try_from(size).ok());
                    wanted.push(Wanted {
                        place: out.len(),
                        id: marker.reference.clone(),
                        candidate,
                        size: size.map_or(MAX_READ, |size| size.min(MAX_READ)),
                    });
                }
            }
            out.push((marker, read.map(Seen::from)));
        }
        let mut wanted = wanted.into_iter().peekable();
        while wanted.peek().is_some() {
            let mut some: Vec<Wanted> = Vec::new();
            let mut bytes = 0;
            while let Some(next) =
                wanted.next_if(|next| some.is_empty() || fits(some.len(), bytes, next.size))
            {
                bytes += next.size;
                some.push(next);
            }
            match self.sources(follower, &some).await? {
                Ok(sources) => self.judge(&mut out, some, sources).await,
                Err(error) => {
                    let late: HashSet<String> =
                        some.into_iter().chain(wanted).map(|one| one.id).collect();
                    out.retain(|(marker, _)| !late.contains(&marker.reference));
                    for id in late {
                        self.shared.retry_later(id, Duration::ZERO, true);
                    }
                    return Ok((out, Some(error)));
                }
            }
        }
        Ok((out, None))
    }

    /// The sources of these messages; in the inner error the connection is lost.
    async fn sources(
        &self,
        follower: &mut dyn Follow,
        some: &[Wanted],
    ) -> Result<Result<Vec<Result<Bytes, BackendError>>, BackendError>, BackendError> {
        let ids: Vec<String> = some.iter().map(|one| one.id.clone()).collect();
        let limit = u32::try_from(MAX_READ).unwrap_or(u32::MAX);
        let read = tokio::time::timeout(READ, follower.sources(&ids, limit)).await;
        match read.unwrap_or(Err(BackendError::Timeout)) {
            Ok(sources) => Ok(Ok(sources)),
            // Which of them it was shows when each is read alone.
            Err(error @ BackendError::Refused { .. }) => {
                tracing::warn!(account = %self.shared.id, %error, "sources of new messages were not read together");
                let mut sources = Vec::with_capacity(ids.len());
                for id in &ids {
                    sources.push(self.source_alone(id).await?);
                }
                Ok(Ok(sources))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Reads what a message reports that was read over a connection of its own.
    pub(super) async fn report_alone(
        &self,
        marker: Marker<Pending>,
        mut read: Result<Message, BackendError>,
        asked: &HeaderChoice,
    ) -> Result<Readings, BackendError> {
        let candidate = read.as_mut().map(|message| candidate(message, asked));
        let candidate = candidate.unwrap_or_default();
        let id = marker.reference.clone();
        let mut out = vec![(marker, read.map(Seen::from))];
        if candidate.is_some() {
            let source = self.source_alone(&id).await?;
            let wanted = Wanted {
                place: 0,
                id,
                candidate,
                size: 0,
            };
            self.judge(&mut out, vec![wanted], vec![source]).await;
        }
        Ok(out)
    }

    async fn source_alone(&self, id: &str) -> Result<Result<Bytes, BackendError>, BackendError> {
        self.alone(async { self.mailbox.source(id).await?.beginning(MAX_READ).await })
            .await
    }

    /// Puts what sources say to their messages.
    async fn judge(
        &self,
        out: &mut Readings,
        some: Vec<Wanted>,
        sources: Vec<Result<Bytes, BackendError>>,
    ) {
        for (one, source) in some.into_iter().zip(sources) {
            let Some((_, read)) = out.get_mut(one.place) else {
                continue;
            };
            match source {
                Ok(source) => {
                    let candidate = one.candidate;
                    // A long message takes a while.
                    let work = tokio::task::spawn_blocking(move || {
                        posthouse_mime::report::read(&source, candidate)
                    });
                    if let (Ok(report), Ok(seen)) = (work.await, read) {
                        seen.report = report;
                    }
                }
                Err(
                    error @ (BackendError::Refused { .. }
                    | BackendError::Connection { .. }
                    | BackendError::Timeout),
                ) if !self.shared.is_last_try(&one.id) => *read = Err(error),
                Err(error) => {
                    tracing::warn!(
                        account = %self.shared.id, message = one.id, %error,
                        "a new message is announced without what it may report"
                    );
                }
            }
        }
    }
}

/// Whether one more source fits to those that are read at once.
const fn fits(count: usize, bytes: usize, size: usize) -> bool {
    count < AT_ONCE.0 && bytes.saturating_add(size) <= AT_ONCE.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(names: &[&str]) -> HeaderChoice {
        HeaderChoice::Named(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn marks_are_read_and_not_shown() {
        let read = |headers| {
            with_marks(MessageOptions {
                headers,
                ..MessageOptions::default()
            })
            .headers
        };
        assert_eq!(read(HeaderChoice::All), HeaderChoice::All);
        assert_eq!(read(HeaderChoice::None), asked(&HEADERS));
        let own = asked(&["auto-submitted", "list-id"]);
        assert_eq!(
            read(own.clone()),
            asked(&["auto-submitted", "list-id", "x-failed-recipients"])
        );
        for (choice, left) in [
            (HeaderChoice::All, Some(2)),
            (HeaderChoice::None, None),
            (own, Some(1)),
        ] {
            let headers = serde_json::json!({
                "auto-submitted": ["auto-generated"], "x-failed-recipients": ["a@b"],
            });
            let mut message = Message {
                headers: headers.as_object().cloned(),
                ..Message::default()
            };
            without_marks(&mut message, &choice);
            assert_eq!(message.headers.map(|headers| headers.len()), left);
        }
    }
}
