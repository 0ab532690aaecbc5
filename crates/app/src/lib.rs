//! The one hall that every surface enters by: use cases, callers and their permissions, sessions,
//! the audit log, validation that needs state. It knows neither HTTP nor HTML.
//!
//! A surface describes what it was asked ([`Request`], [`Target`]), has it admitted
//! ([`App::admit`]) and calls the operation ([`App::call`]) with input that the contract validated.
//!
//! | Module | Noun |
//! |---|---|
//! | `app` | the hall itself: start, shutdown, health |
//! | `auth` | admission |
//! | `dispatch` | from an operation of the contract to its use case |
//! | `first_start` | defaults and prepared values written at the start |
//! | `sessions` | sessions of the console and their session tokens |
//! | `tokens`, `token_api` | access tokens in use; their use cases |
//! | `token_format` | the form in which tokens are exported |
//! | [`commands`] | use cases of the command line, on a bare store |
//! | `settings_api`, `queues` | run-time settings; queue settings |
//! | `account` | accounts: register, show, change, delete, verify |
//! | `reading` | folders, messages, text, source, attachments, flags |
//! | `submit` | sending |
//! | `outbox` | queued messages |
//! | `stats` | counters, statistics, licence |

mod account;
mod app;
mod auth;
pub mod commands;
mod dispatch;
mod first_start;
mod input;
mod mask;
mod outbox;
mod paging;
mod queues;
mod rate;
mod reading;
mod reply;
mod request;
mod sessions;
mod settings_api;
mod stats;
mod submit;
mod token_api;
mod token_format;
mod tokens;

pub use app::{App, AppConfig, StartError};
pub use reply::{Reply, ReplyBody};
pub use request::{Admitted, CallInput, Credential, RateStatus, Refusal, Request, Target};
pub use sessions::{Session, Sessions};
pub use tokens::AuditLimits;

/// Logs the cause of an internal failure; the caller of the API does not see it.
pub(crate) fn internal(what: &str, error: &dyn std::fmt::Display) -> posthouse_model::ApiError {
    tracing::error!(%error, "{what} failed");
    posthouse_model::ApiError::internal()
}
