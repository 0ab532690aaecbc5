//! Keeping the message index of a folder equal to the server: what to ask ([`decide`]), and what the answers mean
//! ([`compare`]). Pure: no I/O, no clock.
//!
//! A sync is: `decide` on the counters of the folder; ask what the [`Plan`] says; give the answers to `compare` as they
//! come, part by part; record each part of the [`Changes`] together with its delta; at the end record the counters.
//!
//! The counters are those from *before* the questions. What happens meanwhile is then seen twice at worst, and a fact
//! that the index holds already is no change. So a sync that breaks off, and is begun anew from what was recorded,
//! neither loses nor repeats.

mod changes;
mod compare;
mod decide;
mod names;

pub use changes::{Changes, Chunks, NewMessage, Updated};
pub use compare::{Compared, Fact, Facts, compare, cut};
pub use decide::{FULL_AGE, FolderStatus, Gone, Offers, Plan, ResetReason, decide};
