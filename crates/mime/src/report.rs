//! What a message says about another one: that it could not be delivered, that it was, that somebody complained of it.
//!
//! Two steps. [`Look`] says from what a listing has whether a message may be such a report; only then its source is fetched and handed
//! to [`read`]. Both are bounded in time and memory whatever the message holds. `docs/BOUNCES.md` explains what is read and how replies
//! get their category.

pub mod auto_reply;
mod bounce;
mod candidate;
mod category;
mod complaint;
mod delivery_report;
mod delivery_status;
mod field;
mod free_text;
mod original;
mod parts;
mod reply;
mod sender;

pub use bounce::{Bounce, Failure, Response};
pub use candidate::{Candidate, Look};
pub use category::{Blocklist, BlocklistType, Category, RecommendedAction, Verdict, judge};
pub use complaint::{Complained, Complaint};
pub use delivery_report::DeliveryReport;

/// So many bytes of a message are looked at: fetch no more than these.
pub const MAX_READ: usize = 1 << 20;

/// What a message turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A message was not delivered (RFC 3464, and what programs write instead).
    Bounce(Box<Bounce>),
    /// A message was delivered, is late, or went on to where no reports come from (RFC 3464).
    Delivery(DeliveryReport),
    /// A recipient complained (RFC 5965).
    Complaint(Box<Complaint>),
}

/// Reads the source of a message, as far as it is a candidate. What is not surely a report is none.
#[must_use]
pub fn read(raw: &[u8], candidate: Candidate) -> Option<Report> {
    let raw = raw.get(..MAX_READ).unwrap_or(raw);
    let raw = parts::mended(raw);
    let tree = parts::Tree::read(&raw);
    if candidate.complaint
        && let Some(complaint) = complaint::read(&tree)
    {
        return Some(Report::Complaint(Box::new(complaint)));
    }
    let status = delivery_status::of(&tree);
    if candidate.delivery_report
        && let Some(report) = delivery_report::read(&tree, &status)
    {
        return Some(Report::Delivery(report));
    }
    let bounce = candidate.bounce.then(|| bounce::read(&tree, &status));
    Some(Report::Bounce(Box::new(bounce.flatten()?)))
}
