//! Behaviour of the IMAP client engine: server replies of the field, dialogues, properties, a live
//! server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod dialogues;
mod driver;
mod field;
mod live;
mod properties;
mod resync;
mod round_trip;
mod scripted;
