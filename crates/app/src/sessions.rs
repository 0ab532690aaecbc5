//! Sessions of the console and their session tokens (behaviour 2.1, 2.3).

use std::{str::FromStr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use posthouse_model::{
    AccountId, ApiError, Caller, Timestamp, caller::Identity, token::TokenValue,
};
use posthouse_store::{
    Batch, Store,
    sessions::{self, Stored},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Visit, internal};

/// What session tokens begin with.
pub(crate) const SESSION_TOKEN_PREFIX: &str = "sess_";

/// How long a session lasts after its last use.
const SESSION_TTL: Duration = Duration::from_secs(24 * 3600);
/// How long one lasts that is to be remembered.
const REMEMBERED_TTL: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a session lasts at the most, used or not.
const SESSION_END: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long one lasts at the most that is to be remembered.
const REMEMBERED_END: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long the second step of a login may take.
const PENDING_TTL: Duration = Duration::from_secs(600);
/// How long the set-up may take.
const SETUP_TTL: Duration = Duration::from_secs(3600);
/// How long a session token lasts after its last use.
const TOKEN_TTL: Duration = Duration::from_secs(900);
/// How exactly the last use of a session is kept.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// Sessions a user has at the most; the ones not used for longest end first.
const KEPT: u32 = 100;
/// Characters kept of a user agent.
const USER_AGENT: usize = 256;
/// Where sealed cookies are at home, so that nothing else that is sealed passes for one.
const COOKIE_PLACE: &str = "cookie.ee";

/// What a session opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SessionKind {
    /// The console.
    Full,
    /// The second step of the login.
    Pending,
    /// The set-up, while there is no password.
    Setup,
}

/// A session of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Names it in a list; it opens nothing.
    pub id: String,
    /// What it opens.
    pub kind: SessionKind,
    /// Who; empty during the set-up.
    pub user: String,
    /// Since when.
    pub created: Timestamp,
    /// Last use, to the minute.
    pub seen: Timestamp,
    /// From where it was begun.
    pub address: Option<String>,
    /// By which browser it was begun.
    pub user_agent: Option<String>,
    /// Whether it lasts 30 days instead of 24 hours.
    pub remember: bool,
    /// The password it was begun with; it ends when there is another.
    pub password_version: i64,
}

impl Session {
    /// A session that begins now.
    #[must_use]
    pub fn new(kind: SessionKind, user: &str, password_version: i64, visit: &Visit) -> Self {
        let now = Timestamp::now();
        Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
            kind,
            user: user.to_owned(),
            created: now,
            seen: now,
            address: visit.address.map(|address| address.to_string()),
            user_agent: visit
                .user_agent
                .as_ref()
                .map(|agent| agent.chars().take(USER_AGENT).collect()),
            remember: false,
            password_version,
        }
    }

    /// The signed-in administrator as a caller: everything is allowed.
    #[must_use]
    pub fn caller(&self, address: Option<std::net::IpAddr>) -> Caller {
        Caller {
            identity: Identity::Administrator(self.user.clone()),
            address,
            ..Caller::system()
        }
    }

    /// How long it lasts after its last use, or after its beginning if uses do not prolong it.
    #[must_use]
    pub const fn lasts(&self) -> Duration {
        match self.kind {
            SessionKind::Full if self.remember => REMEMBERED_TTL,
            SessionKind::Full => SESSION_TTL,
            SessionKind::Pending => PENDING_TTL,
            SessionKind::Setup => SETUP_TTL,
        }
    }

    /// When it ends if it is used now: some time after, but not for ever.
    fn ends(&self, now: Timestamp) -> Timestamp {
        let most = if self.remember {
            REMEMBERED_END
        } else {
            SESSION_END
        };
        now.after(self.lasts()).min(self.created.after(most))
    }

    /// Whose list it stands in.
    fn owner(&self) -> Option<&str> {
        (self.kind == SessionKind::Full).then_some(self.user.as_str())
    }
}

#[derive(Serialize, Deserialize)]
struct SessionToken {
    /// HMAC of the token's bytes under the session's id: ties the token to its session.
    tie: String,
    account: AccountId,
}

/// Sessions on the store that all nodes share.
pub struct Sessions {
    store: Store,
}

impl Sessions {
    pub(crate) const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Begins a session; the answer is the value of the cookie `ee`.
    ///
    /// # Errors
    /// The store or the system's randomness fails.
    pub async fn begin(&self, session: &Session) -> Result<String, ApiError> {
        let sid = TokenValue::generate()
            .map_err(|error| internal("making a session", &error))?
            .expose();
        let mut batch = Batch::new();
        let now = self.store.now();
        let (owner, expires) = (session.owner(), now.after(session.lasts()));
        sessions::put(&mut batch, &session_row(&sid), owner, session, now, expires)
            .map_err(|error| internal("making a session", &error))?;
        if let Some(owner) = owner {
            sessions::keep_newest(&mut batch, owner, KEPT);
        }
        self.commit(batch).await?;
        let sealed = self
            .store
            .sealer()
            .seal(COOKIE_PLACE, "ee", sid.as_bytes())
            .map_err(|error| internal("sealing a cookie", &error))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// A value for the forms of a session, which nobody can make up who does not hold its cookie.
    #[must_use]
    pub fn form_key(&self, cookie: &str) -> Option<String> {
        let sid = self.session_id(cookie)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(sid.as_bytes()).ok()?;
        mac.update(b"crumb");
        Some(hex::encode(mac.finalize().into_bytes()))
    }

    /// The session of a cookie; its end moves on.
    ///
    /// # Errors
    /// The store fails.
    pub async fn open(&self, cookie: &str) -> Result<Option<Session>, ApiError> {
        let Some(sid) = self.session_id(cookie) else {
            return Ok(None);
        };
        self.live(&sid).await
    }

    /// The session of a cookie, without that this is a use of it: for what a page asks by itself.
    ///
    /// # Errors
    /// The store fails.
    pub async fn peek(&self, cookie: &str) -> Result<Option<Session>, ApiError> {
        let Some(sid) = self.session_id(cookie) else {
            return Ok(None);
        };
        let found = self.find(&sid, self.store.now()).await?;
        Ok(found.map(|stored| Session {
            seen: stored.seen,
            ..stored.data
        }))
    }

    /// Ends the session of a cookie, and with it its session tokens.
    ///
    /// # Errors
    /// The store fails.
    pub async fn end(&self, cookie: &str) -> Result<(), ApiError> {
        let Some(sid) = self.session_id(cookie) else {
            return Ok(());
        };
        let mut batch = Batch::new();
        sessions::delete(&mut batch, &session_row(&sid));
        self.commit(batch).await
    }

    /// The sessions of a user, the last used first.
    pub(crate) async fn list(&self, user: &str) -> Result<Vec<Session>, ApiError> {
        let stored = self.stored(user).await?;
        Ok(stored.into_iter().map(|(_, session)| session).collect())
    }

    /// Ends the session of a user that a list names so; whether there was one.
    pub(crate) async fn revoke(&self, user: &str, id: &str) -> Result<bool, ApiError> {
        let stored = self.stored(user).await?;
        let Some((row, _)) = stored.into_iter().find(|(_, session)| session.id == id) else {
            return Ok(false);
        };
        let mut batch = Batch::new();
        sessions::delete(&mut batch, &row);
        self.commit(batch).await?;
        Ok(true)
    }

    /// Ends the sessions of a user but that of the cookie; how many there were.
    pub(crate) async fn revoke_others(&self, user: &str, cookie: &str) -> Result<u64, ApiError> {
        let kept = self
            .session_id(cookie)
            .map(|sid| session_row(&sid))
            .unwrap_or_default();
        let mut batch = Batch::new();
        let deleted = sessions::delete_others(&mut batch, user, &kept);
        let committed = self
            .store
            .commit(batch)
            .await
            .map_err(|error| internal("ending sessions", &error))?;
        Ok(committed.affected(deleted))
    }

    /// Rows and sessions of a user.
    async fn stored(&self, user: &str) -> Result<Vec<(String, Session)>, ApiError> {
        let stored = sessions::list::<Session>(&self.store, user, self.store.now())
            .await
            .map_err(|error| internal("listing sessions", &error))?;
        Ok(stored
            .into_iter()
            .map(|stored| {
                let mut session = stored.data;
                session.seen = stored.seen;
                (stored.id, session)
            })
            .collect())
    }

    /// A token for one account that lives as long as it is used and the session goes on.
    ///
    /// # Errors
    /// 401 when the session has ended.
    pub async fn token(&self, cookie: &str, account: &AccountId) -> Result<String, ApiError> {
        let ended = || ApiError::new(401, "Session has ended");
        let sid = self.session_id(cookie).ok_or_else(ended)?;
        self.live(&sid)
            .await?
            .filter(|session| session.kind == SessionKind::Full)
            .ok_or_else(ended)?;
        let value =
            TokenValue::generate().map_err(|error| internal("making a session token", &error))?;
        let token = SessionToken {
            tie: tie(&sid, &value),
            account: account.clone(),
        };
        let mut batch = Batch::new();
        let now = self.store.now();
        let expires = now.after(TOKEN_TTL);
        sessions::put(&mut batch, &token_row(&value), None, &token, now, expires)
            .map_err(|error| internal("making a session token", &error))?;
        self.commit(batch).await?;
        Ok(format!("{SESSION_TOKEN_PREFIX}{}", value.expose()))
    }

    /// The account that a session token opens, and its session, if that goes on.
    ///
    /// # Errors
    /// The store fails.
    pub async fn resolve_token(
        &self,
        token: &str,
        cookie: Option<&str>,
    ) -> Result<Option<(AccountId, Session)>, ApiError> {
        let value = token
            .strip_prefix(SESSION_TOKEN_PREFIX)
            .and_then(|text| TokenValue::from_str(text).ok());
        let sid = cookie.and_then(|cookie| self.session_id(cookie));
        let (Some(value), Some(sid)) = (value, sid) else {
            return Ok(None);
        };
        let id = token_row(&value);
        let now = self.store.now();
        let found = sessions::get::<SessionToken>(&self.store, &id, now)
            .await
            .map_err(|error| internal("reading a session token", &error))?;
        let Some(stored) = found else {
            return Ok(None);
        };
        if !ties(&sid, &value, &stored.data.tie) {
            return Ok(None);
        }
        let Some(session) = self.live(&sid).await? else {
            return Ok(None);
        };
        if session.kind != SessionKind::Full {
            return Ok(None);
        }
        self.used(&stored, now, now.after(TOKEN_TTL)).await?;
        Ok(Some((stored.data.account, session)))
    }

    async fn live(&self, sid: &str) -> Result<Option<Session>, ApiError> {
        let now = self.store.now();
        let Some(stored) = self.find(sid, now).await? else {
            return Ok(None);
        };
        // A half-open door is not held open by walking through it.
        if stored.data.kind == SessionKind::Full {
            self.used(&stored, now, stored.data.ends(now)).await?;
        }
        let mut session = stored.data;
        session.seen = stored.seen;
        Ok(Some(session))
    }

    async fn find(&self, sid: &str, now: Timestamp) -> Result<Option<Stored<Session>>, ApiError> {
        sessions::get::<Session>(&self.store, &session_row(sid), now)
            .await
            .map_err(|error| internal("reading a session", &error))
    }

    /// Notes a use and moves the end on; not at every use, as each is a write.
    async fn used<T>(
        &self,
        stored: &Stored<T>,
        now: Timestamp,
        ends: Timestamp,
    ) -> Result<(), ApiError> {
        if now.since(stored.seen) < SEEN_EVERY {
            return Ok(());
        }
        let mut batch = Batch::new();
        sessions::touch(&mut batch, &stored.id, now, ends);
        self.commit(batch).await
    }

    fn session_id(&self, cookie: &str) -> Option<String> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let sid = self.store.sealer().open(COOKIE_PLACE, "ee", &sealed).ok()?;
        String::from_utf8(sid).ok()
    }

    async fn commit(&self, batch: Batch) -> Result<(), ApiError> {
        self.store
            .commit(batch)
            .await
            .map(drop)
            .map_err(|error| internal("writing a session", &error))
    }
}

/// Where a session is stored: under a hash, so that the store alone opens nothing.
fn session_row(sid: &str) -> String {
    format!("session:{}", hex::encode(Sha256::digest(sid.as_bytes())))
}

/// Where a session token is stored.
fn token_row(value: &TokenValue) -> String {
    format!("token:{}", value.id())
}

fn mac(sid: &str, value: &TokenValue) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(sid.as_bytes()).ok()?;
    mac.update(value.bytes());
    Some(mac)
}

fn tie(sid: &str, value: &TokenValue) -> String {
    mac(sid, value)
        .map(|mac| hex::encode(mac.finalize().into_bytes()))
        .unwrap_or_default()
}

/// Compares in constant time.
fn ties(sid: &str, value: &TokenValue, stored: &str) -> bool {
    let (Some(mac), Ok(stored)) = (mac(sid, value), hex::decode(stored)) else {
        return false;
    };
    mac.verify_slice(&stored).is_ok()
}
