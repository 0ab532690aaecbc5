//! The one hall that every surface enters by: use cases, callers and their permissions, sessions,
//! the audit log, validation that needs state. It knows neither HTTP nor HTML.
//!
//! A surface describes what it was asked ([`Request`], [`Target`]), has it admitted
//! ([`App::admit`]) and calls the operation ([`App::call`]) with input that the contract validated.
//!
//! | Module | Noun |
//! |---|---|
//! | `app` | the hall itself: start, shutdown, health |
//! | [`admin`] | the door of the console: passwords, logins, one-time passwords, set-up |
//! | `auth` | admission |
//! | `dispatch` | from an operation of the contract to its use case |
//! | `once` | calls under an idempotency key |
//! | `first_start` | defaults and prepared values written at the start |
//! | `hosted` | signed links to the form with which a visitor adds a mailbox |
//! | `sessions` | sessions of the console and their session tokens |
//! | `tokens`, `token_api`, `token_console` | access tokens in use; their use cases, also in the console |
//! | `ability` | what a token may do, in plain words |
//! | `token_format` | the form in which tokens are exported |
//! | [`commands`] | use cases of the command line, on a bare store |
//! | `settings_api`, `settings_console`, `queues` | run-time settings over the API and on pages; queue settings |
//! | `local_addresses` | addresses of this machine |
//! | `account` | accounts: register, show, change, delete, verify |
//! | `reading` | folders, messages, text, source, attachments, flags |
//! | `submit` | sending |
//! | `decoder`, `lifted` | base64 that comes in pieces; contents that were decoded while the body arrived |
//! | `delivery_test` | a message sent to see how it arrives |
//! | `gateways`, `templates`, `suppressions` | what messages are sent through, made from, and held back by |
//! | `autoconfig` | mail servers of an address |
//! | `outbox` | queued messages |
//! | `dashboard`, `attention`, `recent` | the numbers of the dashboard, what needs attention, the newest events |
//! | `changes` | the change stream |
//! | `route` | webhook routes |
//! | `tracking` | links in sent messages: trackers, and ways to leave a list |
//! | `signed` | data in links that was written here |
//! | `webhook_test` | a sample webhook sent to try a target |
//! | `stats` | counters, statistics, licence |

mod ability;
mod account;
pub mod admin;
mod app;
mod attention;
mod auth;
mod autoconfig;
mod changes;
mod changing;
pub mod commands;
mod dashboard;
mod decoder;
mod delivery_test;
mod dispatch;
mod event_log;
mod first_start;
mod folders;
mod gateway_console;
mod gateways;
mod hosted;
mod input;
mod lifted;
mod local_addresses;
mod mask;
mod once;
mod outbox;
mod paging;
mod process;
mod queues;
mod rate;
mod reading;
mod recent;
mod reference_tokens;
mod reply;
mod request;
mod route;
mod sessions;
mod settings_api;
mod settings_console;
mod signed;
mod stats;
mod submit;
mod suppression_console;
mod suppressions;
mod template_console;
mod templates;
mod token_api;
mod token_console;
mod token_format;
mod tokens;
mod tracking;
mod webhook_test;

pub use ability::{
    Ability, GROUPS, Grant, GroupWords, Level, PRESETS, Preset, Surface, Warning, ability,
    action_title, actions_of,
};
pub use account::{
    AccountFilter, AccountRow, AccountTrial, AccountsPage, LogLine, Transition, WebhookRouting,
    advice::{self, Advice, Trouble as AccountTrouble},
};
pub use admin::{Console, Door, LoginStep, NewSession, Visit};
pub use app::{App, AppConfig, StartError};
pub use attention::{Finding, Place, Severity};
pub use changes::{EventStream, StillAdmitted};
pub use dashboard::{Dashboard, Health, Queue, Range, Series, Versions};
pub use decoder::{Base64Decoder, NotBase64};
pub use hosted::{
    CreateError, Created, Fault, Field, HostedApp, Link, LinkError, MailServer, Outcome,
    ServerEntry, ServerForm, ServerInput, Trial, Trouble, Why,
};
pub use lifted::Lifted;
pub use local_addresses::LocalAddress;
pub use once::Claimed;
pub use posthouse_discover::{AppPassword, DiscoverConfig, Discovered, Login, Server};
pub use posthouse_template::Rendered;
pub use process::{Disk, Memory};
pub use recent::{RecentDelivery, RecentEvent};
pub use reply::{Repeat, Reply, ReplyBody};
pub use request::{Admitted, CallInput, Credential, RateStatus, Refusal, Request, Target, Visitor};
pub use route::{RoutePayload, RouteTrial, RouteTrialResult, RouteView};
pub use sessions::{Session, SessionKind, Sessions};
pub use settings_console::SettingView;
pub use template_console::PreviewFault;
pub use token_console::{
    AccountSuggestion, Issued, Listed, TokenFilter, TokenListing, TokenView, preview,
};
pub use tokens::AuditLimits;
pub use tracking::{Leaving, LinkFault, LinkVisit};
pub use webhook_test::{WebhookTest, WebhookTestResult};

/// Logs the cause of an internal failure; the caller of the API does not see it.
pub(crate) fn internal(what: &str, error: &dyn std::fmt::Display) -> posthouse_model::ApiError {
    tracing::error!(%error, "{what} failed");
    posthouse_model::ApiError::internal()
}
