//! The console's door: passwords, one-time passwords, sessions, the set-up code (behaviour 22).
//!
//! | Module | Noun |
//! |---|---|
//! | [`code`] | codes for people to type |
//! | [`door`] | who stands before the door, which way is open |
//! | [`first_run`] | the steps of the first run |
//! | [`limit`] | how often one may try |
//! | [`login`] | the steps of a login |
//! | [`password`] | password records |
//! | [`prepare`] | the password that configuration or command line set |
//! | [`record`] | what is stored of the administrator |
//! | [`security`] | password, one-time passwords and sessions of who is signed in |
//! | [`totp`] | one-time passwords |

mod code;
mod door;
mod first_run;
mod limit;
mod login;
mod password;
mod prepare;
mod record;
mod security;
mod totp;

use std::{net::IpAddr, time::Duration};

use posthouse_model::ApiError;
use posthouse_store::settings;
use serde_json::Value;

pub use door::{Arrival, Door, FORWARDING_HEADERS, Visit};
pub use first_run::FirstRun;
pub use login::LoginStep;
pub(crate) use password::has_good_length;
pub use password::{BadRecord, MAX_PASSWORD, MIN_PASSWORD};
pub(crate) use prepare::{store_new_password, store_prepared_password};
pub use security::{Enrolment, Security, SessionEntry};

use crate::{App, Session, SessionKind, Visitor, auth::address_listed, internal};
use door::{Facts, Way, way};
use record::AuthData;

/// What a process keeps for its console.
pub(crate) struct Desk {
    hasher: password::Hasher,
    /// The one-time set-up code; none if the system had no randomness to give, so that none fits.
    setup_code: Option<String>,
    spent: limit::Spent,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let setup_code = code::draw()
            .inspect_err(|error| tracing::error!(%error, "drawing the set-up code failed"))
            .ok();
        Self {
            hasher: password::Hasher::default(),
            setup_code,
            spent: limit::Spent::default(),
        }
    }
}

/// A session that was begun: what the browser is to keep.
#[derive(Clone)]
pub struct NewSession {
    /// Value of the cookie `ee`.
    pub cookie: String,
    /// How long the browser keeps it; none for as long as it is open.
    pub max_age: Option<Duration>,
    /// The session.
    pub session: Session,
}

/// Use cases of the console's door.
#[derive(Clone, Copy)]
pub struct Console<'a> {
    app: &'a App,
}

impl App {
    /// The console.
    #[must_use]
    pub const fn console(&self) -> Console<'_> {
        Console { app: self }
    }

    /// Whether the console may be opened by this visitor; everybody may unless addresses are listed.
    ///
    /// Where proxies are named, the client's address must be on the list. Where they are not, what is said of the
    /// client may be made up, so every address on the way must be: the socket's peer, and each entry of
    /// `X-Forwarded-For` (`passed`; one that is no address is on no list). Nothing that a client adds opens it.
    #[must_use]
    pub fn console_admits(&self, visitor: &Visitor, passed: &[&str]) -> bool {
        let list = &self.config().admin_addresses;
        if list.is_empty() {
            return true;
        }
        if self.config().proxies_named && self.settings().bool("enableApiProxy") {
            return address_listed(visitor.address, list);
        }
        let is_listed = |entry: &str| {
            entry
                .trim()
                .parse::<IpAddr>()
                .is_ok_and(|address| address_listed(address, list))
        };
        address_listed(visitor.peer, list) && passed.iter().copied().all(is_listed)
    }
}

impl Console<'_> {
    /// Whether a request was made at this machine. Where proxies are named, everything may come through one on this
    /// machine.
    #[must_use]
    pub fn is_local(&self, arrival: &Arrival<'_>) -> bool {
        !self.app.config().proxies_named && arrival.is_local()
    }

    /// Which way is open to a visitor.
    ///
    /// # Errors
    /// The store fails.
    pub async fn door(&self, visit: &Visit) -> Result<Door, ApiError> {
        let session = match &visit.cookie {
            Some(cookie) if visit.background => self.app.sessions().peek(cookie).await?,
            Some(cookie) => self.app.sessions().open(cookie).await?,
            None => None,
        };
        let session = session
            .filter(|session| session.kind == SessionKind::Setup || self.is_current(session));
        let way = way(Facts {
            password: self.password_is_set(),
            totp: self.app.settings().bool(record::TOTP_ENABLED),
            loopback: visit.loopback,
            session: session.as_ref().map(|session| session.kind),
        });
        Ok(match (way, session) {
            (Way::Open, Some(session)) => Door::Open(session),
            (Way::Open | Way::Login, _) => Door::Login,
            (Way::Setup, _) => Door::Setup,
            (Way::SetupCode, _) => Door::SetupCode,
            (Way::Totp, _) => Door::Totp,
        })
    }

    /// Whether there is a password.
    #[must_use]
    pub fn password_is_set(&self) -> bool {
        self.known().is_some()
    }

    /// The code that opens the set-up from elsewhere; none once there is a password. For the
    /// terminal of whoever starts the server, and nothing else.
    #[must_use]
    pub fn setup_code_to_print(&self) -> Option<&str> {
        if self.password_is_set() {
            return None;
        }
        self.app.desk().setup_code.as_deref()
    }

    /// Whether a session was begun with today's password.
    pub(crate) fn is_current(&self, session: &Session) -> bool {
        match self.known() {
            Some(auth) => {
                session.password_version == auth.password_version && session.user == auth.user
            }
            None => session.password_version == 0,
        }
    }

    /// The administrator as of the last quarter of a second.
    fn known(&self) -> Option<AuthData> {
        AuthData::of(self.app.settings().value(record::AUTH))
    }

    /// The administrator as of now.
    async fn stored(&self) -> Result<Option<AuthData>, ApiError> {
        AuthData::read(self.app.store())
            .await
            .map_err(|error| internal("reading the administrator", &error))
    }

    async fn stored_setting(&self, key: &str) -> Result<Value, ApiError> {
        settings::get(self.app.store(), key)
            .await
            .map(Option::unwrap_or_default)
            .map_err(|error| internal("reading a setting", &error))
    }

    /// Begins a session in place of the visitor's last: an id that somebody knew before is worth
    /// nothing after.
    async fn issue(&self, visit: &Visit, session: Session) -> Result<NewSession, ApiError> {
        if let Some(cookie) = &visit.cookie {
            self.app.sessions().end(cookie).await?;
        }
        let cookie = self.app.sessions().begin(&session).await?;
        Ok(NewSession {
            cookie,
            max_age: session.remember.then(|| session.lasts()),
            session,
        })
    }
}
