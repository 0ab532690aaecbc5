//! The engine: an actor for each account, events and their delivery, the outbox.
//!
//! It does not know who is calling or over which route. State and the events it causes are
//! committed in one batch ([`Recorder`]); whatever waits to be done stands in the store, so that a
//! crash at any point loses nothing.
//!
//! | Module | Noun |
//! |---|---|
//! | `account` | actors, and calls to them ([`AccountHandle`]) |
//! | `change_log` | the last changes, for streams |
//! | `credentials` | credentials that stand elsewhere than with their account |
//! | `event` | recording events and where they go |
//! | `http` | the client for URLs that users gave |
//! | `outbox` | sending queued messages |
//! | `protocol_log` | what is said to mail servers, kept on demand |
//! | `route` | the routes that events are offered to |
//! | [`script`] | users' scripts |
//! | `webhook` | delivering events |

mod account;
mod change_log;
mod config;
mod credentials;
mod engine;
mod event;
mod http;
mod metrics;
mod outbox;
mod protocol_log;
mod route;
pub mod script;
mod settings;
mod webhook;

pub use account::{AccountHandle, Answered, CallContext, LocalAccount, SentFolder};
pub use change_log::{ChangeLog, Listening, Numbered};
pub use config::EngineConfig;
pub use engine::{Engine, MailboxFactory, StartError};
pub use event::{DEFAULT_ENDPOINT, NewEvent, Recorder, default_url};
pub use metrics::Metrics;
pub use outbox::{AtTheDoor, Callers, SmtpRoute, connect_smtp, verify_smtp};
pub use settings::Settings;
pub use webhook::{Endpoints, Trial, TrialAnswer, TrialFailure};

/// A number in 0..1, for jitter.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, which is harmless.
    if getrandom::fill(&mut bytes).is_err() {
        return 0.5;
    }
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
