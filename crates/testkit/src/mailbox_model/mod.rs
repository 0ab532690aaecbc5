//! What a follower of a mailbox must tell, worked out from what was done to the mailbox: no more, no less, nothing twice.
//!
//! * [`Mailbox`]: what a second client did, folder by folder and message by message. What came and went while the follower could not
//!   look falls together to what is left of it.
//! * [`Told`]: what the follower said, from its webhooks.
//! * [`Checker`]: compares the two from checkpoint to checkpoint and says what was lost, repeated or invented.
//!
//! Pure: no clock, no I/O. Times are milliseconds since the run began.
//!
//! What the follower may choose, and nothing else:
//!
//! * What was true for a moment while it was looking, it may have seen or not; seen in part is told in part, in order.
//! * The content of a folder that it sees for the first time, or anew after a reset, is taken in silently: there is a UID below which
//!   nothing is announced and from which on everything is. What arrived after `mailboxNew` or `mailboxReset` was told is above it.
//! * A message that went before it was read is `messageMissing`, with or without `messageDeleted` after it, or not told at all.
//! * Messages older than the account's `notifyFrom` are never `messageNew`; their flags and their end are told.
//! * A folder that is taken away while the follower looks may seem emptied first; one that is taken away unseen may not.

mod check;
mod fault;
mod folder_walk;
mod history;
mod message_walk;
mod told;

pub use check::Checker;
pub use fault::{Fault, FaultKind};
pub use history::{Flags, Mailbox, Span, When, flags};
pub use told::{Fact, Told};
