//! IMAP mailboxes.
//!
//! | Module | What |
//! |---|---|
//! | `ids` | message, attachment and text ids, cursors |
//! | `profile`, `pace` | what is known of providers, and how fast they are connected to |
//! | `connect` | from settings to a connection that is logged in |
//! | `pool`, `open` | sessions for callers, and folders opened on them |
//! | `special`, `folders` | folders and what they are for |
//! | `structure`, `shape` | from FETCH replies to messages |
//! | `origin` | what names a message beyond its place |
//! | `read` | reading messages whole, many at once |
//! | `sources` | beginnings of sources, many at once |
//! | `threads` | conversations on servers that know none |
//! | `manage`, `quota` | folders made, renamed, deleted; storage |
//! | `targets` | the messages that a command works on |
//! | `listing`, `search`, `detail`, `text`, `download`, `update`, `moves`, `delete`, `append` | the verbs on messages |
//! | `follow` | following: a pure core and its shell |
//! | [`sync`] | the message index of a folder: what to ask, what answers mean |
//! | `verify` | trying settings out |

mod append;
mod connect;
mod content;
mod delete;
mod detail;
mod download;
mod events;
mod folders;
mod follow;
mod ids;
mod listing;
mod mailbox;
mod manage;
mod moves;
mod names;
mod open;
mod origin;
mod pace;
mod pool;
mod profile;
mod quota;
mod read;
mod reading;
mod search;
mod shape;
mod sources;
mod special;
mod structure;
pub mod sync;
mod targets;
mod text;
mod threads;
mod update;
mod verify;

pub use ids::{AttachmentId, MessageId, TextId};
pub use mailbox::ImapMailbox;
pub use profile::Profile;
pub use verify::verify_imap;
