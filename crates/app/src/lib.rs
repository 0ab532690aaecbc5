//! The one hall that every surface enters by: use cases, callers and their permissions, sessions,
//! the audit log, validation that needs state. It knows neither HTTP nor HTML.
//!
//! A surface describes what it was asked ([`Request`], [`Target`]), has it admitted
//! ([`App::admit`]) and calls the operation ([`App::call`]) with input that the contract validated.

mod reply;
mod request;

pub use reply::{Reply, ReplyBody};
pub use request::{Admitted, CallInput, Credential, RateStatus, Refusal, Request, Target};
