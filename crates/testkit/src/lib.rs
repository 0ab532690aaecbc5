//! What tests of every crate share. Knows nothing of ours but the contract, and is never shipped.
//!
//! * [`env`]: the addresses of the Dovecot, the Cyrus, the Postfix and the PostgreSQL that `make test` starts.
//! * [`ImapClient`], [`imap_append`], [`imap_messages`]: a plain IMAP client to prepare mailboxes and look into them.
//! * [`SmtpSink`]: an SMTP server that keeps what it gets and fails on demand.
//! * [`HookSink`]: an HTTP server that keeps the webhooks it gets and fails on demand.
//! * [`MailRelay`]: the way between two mail servers, which names the client and may change messages.
//! * [`DnsServer`]: a DNS server that knows the records it is given.
//! * [`Website`]: a web server for documents, over any stream.
//! * [`ProxyServer`]: a SOCKS and HTTP proxy that writes down where it was asked to go.
//! * [`FaultProxy`]: a TCP proxy that delays, cuts, dribbles, swallows, corrupts or forgets.
//! * [`Server`]: the real `posthouse` binary as a child process, with [`Client`] to call it; it
//!   holds every answer against the OpenAPI document.
//! * [`mail`]: realistic messages, the same ones every time.
//! * [`reports`]: messages that report on others: bounces, complaints.
//! * [`mime_model`]: messages of every make from a seed, with what they mean.
//! * [`mailbox_model`]: what a follower of a mailbox must tell, and a checker of what it told.
//! * [`Random`]: numbers that look random and are the same for the same seed.
//! * [`access_token`]: an OAuth 2.0 access token that the Dovecot of the tests takes.
//!
//! Everything listens on 127.0.0.1 and on ports that the system chooses. What goes wrong panics with a sentence that says what was
//! expected: a test library has nobody to hand an error to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answer_check;
mod dns;
pub mod env;
mod fault_proxy;
mod hook_sink;
mod http;
mod http_client;
mod imap_client;
mod imap_folders;
pub mod mail;
mod mail_relay;
pub mod mailbox_model;
pub mod mime_model;
mod oauth;
mod proxy;
mod random;
pub mod reports;
mod server;
mod smtp_session;
mod smtp_sink;
mod wait;
mod web;

pub use dns::DnsServer;
pub use env::{cyrus_addr, imap_addr, imaps_addr, postgres_url, unique_user};
pub use fault_proxy::{FaultProxy, Mode, News};
pub use hook_sink::{Hook, HookReply, HookSink};
pub use http_client::{Answer, Client};
pub use imap_client::{ImapClient, StoredMessage, imap_append, imap_messages};
pub use mail_relay::MailRelay;
pub use oauth::access_token;
pub use proxy::{ProxyServer, Visit};
pub use random::Random;
pub use server::{Server, ServerBuilder};
pub use smtp_sink::{Auth, Fault, Phase, ReceivedMail, SmtpSink};
pub use wait::{eventually, free_port};
pub use web::{Page, WebRequest, WebServer, Website};
