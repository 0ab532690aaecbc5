//! Sessions of the console and their session tokens (behaviour 2.1, 2.3).

use std::{str::FromStr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use posthouse_model::{AccountId, ApiError, Timestamp, token::TokenValue};
use posthouse_store::{Batch, Store, sessions};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::internal;

/// What session tokens begin with.
pub(crate) const SESSION_TOKEN_PREFIX: &str = "sess_";

/// How long a session lasts after its last use.
const SESSION_TTL: Duration = Duration::from_secs(24 * 3600);
/// How long a session token lasts after its last use.
const TOKEN_TTL: Duration = Duration::from_secs(900);
/// Where sealed cookies are at home, so that nothing else that is sealed passes for one.
const COOKIE_PLACE: &str = "cookie.ee";

/// A signed-in administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub user: String,
    /// Since when.
    pub created: Timestamp,
    /// From where.
    pub address: Option<String>,
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
        let expires = self.store.now().after(SESSION_TTL);
        sessions::put(&mut batch, &session_row(&sid), session, expires)
            .map_err(|error| internal("making a session", &error))?;
        self.commit(batch).await?;
        let sealed = self
            .store
            .sealer()
            .seal(COOKIE_PLACE, "ee", sid.as_bytes())
            .map_err(|error| internal("sealing a cookie", &error))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
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

    /// A token for one account that lives as long as it is used and the session goes on.
    ///
    /// # Errors
    /// 401 when the session has ended.
    pub async fn token(&self, cookie: &str, account: &AccountId) -> Result<String, ApiError> {
        let ended = || ApiError::new(401, "Session has ended");
        let sid = self.session_id(cookie).ok_or_else(ended)?;
        self.live(&sid).await?.ok_or_else(ended)?;
        let value =
            TokenValue::generate().map_err(|error| internal("making a session token", &error))?;
        let token = SessionToken {
            tie: tie(&sid, &value),
            account: account.clone(),
        };
        let mut batch = Batch::new();
        let expires = self.store.now().after(TOKEN_TTL);
        sessions::put(&mut batch, &token_row(&value), &token, expires)
            .map_err(|error| internal("making a session token", &error))?;
        self.commit(batch).await?;
        Ok(format!("{SESSION_TOKEN_PREFIX}{}", value.expose()))
    }

    /// The account that a session token opens, if its session goes on.
    ///
    /// # Errors
    /// The store fails.
    pub async fn resolve_token(
        &self,
        token: &str,
        cookie: Option<&str>,
    ) -> Result<Option<AccountId>, ApiError> {
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
        let Some((stored, expires)) = found else {
            return Ok(None);
        };
        if !ties(&sid, &value, &stored.tie) || self.live(&sid).await?.is_none() {
            return Ok(None);
        }
        self.slide(&id, now, expires, TOKEN_TTL).await?;
        Ok(Some(stored.account))
    }

    async fn live(&self, sid: &str) -> Result<Option<Session>, ApiError> {
        let now = self.store.now();
        let row = session_row(sid);
        let found = sessions::get::<Session>(&self.store, &row, now)
            .await
            .map_err(|error| internal("reading a session", &error))?;
        let Some((session, expires)) = found else {
            return Ok(None);
        };
        self.slide(&row, now, expires, SESSION_TTL).await?;
        Ok(Some(session))
    }

    /// Moves the end on, but not at every use: a write a tenth of the lifetime is enough.
    async fn slide(
        &self,
        id: &str,
        now: Timestamp,
        expires: Timestamp,
        ttl: Duration,
    ) -> Result<(), ApiError> {
        let next = now.after(ttl);
        if next.since(expires) < ttl / 10 {
            return Ok(());
        }
        let mut batch = Batch::new();
        sessions::touch(&mut batch, id, next);
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
