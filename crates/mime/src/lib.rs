//! Message parsing and building, without I/O.
//!
//! Everything here takes bytes and gives bytes or text: it can be tested without a socket, and it never
//! fails on a stranger's message. Reading is tolerant and linear in its input; writing is strict.
//!
//! * reading: [`header`] (fields, encoded words, parameters, addresses, dates), [`decode`] (transfer
//!   encodings), [`charset`], [`text`] (a text part as a string), [`message`] (what a header says),
//!   [`calendar`] (what is planned), [`report`] (what became of another message)
//! * writing: [`build`] (a message from its parts), [`raw`] (changes to the header of a finished
//!   message), [`rewrite_html`] (changes to its HTML)
//! * in between: [`quote`] (a message inside of another), [`html`] (text from HTML and back, previews), [`links`] (where HTML leads to), [`websafe`] (HTML that
//!   a page may show)

pub mod address;
mod body;
pub mod build;
mod built;
pub mod calendar;
pub mod charset;
pub mod date;
pub mod decode;
mod encode;
pub mod header;
pub mod html;
mod images;
pub mod links;
mod media;
pub mod message;
pub mod param;
mod part;
mod probe;
pub mod quote;
pub mod raw;
pub mod report;
mod rewrite;
mod shift;
mod strip;
mod style;
mod tame;
pub mod text;
pub mod websafe;
pub mod word;

pub use build::{BuildError, Built, Disposition, Outgoing, OutgoingAttachment, build};
pub use header::{Headers, decode_param, decode_text, parse_addresses, parse_date, parse_headers};
pub use posthouse_model::message::Address;
pub use rewrite::rewrite_html;
