//! SMTP client session: phases, pipelining, streaming DATA (RFC 5321).
//!
//! A [`Session`] is one connection. It knows no queue and no account: the caller decides what is retried and which sessions
//! are kept for the next message.
//!
//! | Module | What |
//! |---|---|
//! | [`session`] | greeting, EHLO, STARTTLS, RSET, NOOP, QUIT |
//! | [`auth`] | PLAIN, LOGIN, CRAM-MD5, XOAUTH2, OAUTHBEARER |
//! | [`send`] | one message: MAIL, RCPT, DATA, the final dot |
//! | [`envelope`] | addresses, DSN and the commands they become |
//! | [`body`] | line ends and dots on the way out |
//! | [`capabilities`] | what the server offered |
//! | [`reply`] | what the server answered |
//! | [`observer`] | the conversation, for a protocol log |
//! | [`timeouts`] | how long each phase may take |
//! | [`error`] | what goes wrong, in stable codes |

pub mod auth;
pub mod body;
pub mod capabilities;
pub mod envelope;
pub mod error;
pub mod observer;
pub mod reply;
pub mod send;
pub mod session;
pub mod timeouts;

pub use auth::Credentials;
pub use capabilities::Capabilities;
pub use envelope::{Dsn, Envelope, Notify, Ret};
pub use error::{Phase, SmtpError};
pub use observer::{Observer, Watch};
pub use reply::{EnhancedCode, Reply};
pub use send::{Accepted, Rejected, SendFailure};
pub use session::{ConnectOptions, Session, StartTls};
pub use timeouts::Timeouts;
