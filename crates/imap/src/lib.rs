//! IMAP client engine (RFC 9051, RFC 3501 and extensions): a core without I/O and a thin driver.
//!
//! From the wire up:
//!
//! - [`framer`]: bytes to responses: lines joined with their literals; bodies as a stream.
//! - [`token`]: the generic tree of a response.
//! - [`response`], [`status`], [`fetch`], [`envelope`], [`bodystructure`]: typed views of the tree.
//! - [`mailbox_name`], [`set`], [`words`], [`date`]: the vocabulary both directions share.
//! - [`command`], [`search`], [`items`], [`sasl`]: what is sent.
//! - [`session`]: the state machine: bytes in, events out, commands queued.
//! - [`driver`]: one connection over any byte stream, every wait with a deadline.
//!
//! - [`quirks`]: what servers do wrong, by name.
//!
//! Replies that break the grammar never end a connection: what is not understood stays as tokens.

pub mod bodystructure;
pub mod command;
pub mod date;
pub mod driver;
pub mod envelope;
pub mod fetch;
pub mod framer;
pub mod items;
pub mod mailbox_name;
pub mod observer;
pub mod quirks;
pub mod response;
pub mod sasl;
pub mod search;
pub mod session;
pub mod set;
pub mod status;
pub mod token;
mod wire_names;
pub mod words;

pub use bodystructure::{BodyPart, Disposition};
pub use driver::{
    Appended, BodyStream, Caught, Connection, Error, FetchOptions, Ids, Known, ListOptions, Notice,
    Options, Partial, StoreAction, StoreOptions, Stored, Timeouts,
};
pub use envelope::{Address, Envelope};
pub use fetch::{Fetch, Section, SectionData};
pub use framer::Limits;
pub use items::{FetchItem, StatusItem};
pub use mailbox_name::MailboxName;
pub use observer::Observer;
pub use quirks::{Quirk, Quirks};
pub use response::{
    Esearch, ListEntry, MailboxStatus, Namespace, Namespaces, Quota, QuotaResource, Untagged,
};
pub use sasl::Sasl;
pub use search::SearchKey;
pub use session::{Selected, State};
pub use set::SequenceSet;
pub use status::{Code, Condition, CopyUid, Status};
pub use wire_names::WireNames;
pub use words::Words;
