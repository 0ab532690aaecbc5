//! The steps of a login.

use std::time::Duration;

use posthouse_model::{ApiError, Timestamp};
use posthouse_store::{Batch, rates, settings};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Console, NewSession, Visit, code, limit::source, password::MAX_PASSWORD, record, totp,
};
use crate::{Session, SessionKind, internal};

/// Logins from one address in a minute.
const PER_ADDRESS: u64 = 30;
/// Logins of one user in a minute.
const PER_USER: u64 = 10;
/// Second steps of one user in a minute.
const SECOND_STEPS: u64 = 10;
/// Set-up codes from one address in a minute, and from all.
const SETUP_CODES: (u64, u64) = (10, 60);
/// How long a code that was used is refused: longer than its step and all that are near it.
const REUSE: Duration = Duration::from_secs(12 * 60);
/// How long a recovery code that was used is refused, should the list that has lost it be lost.
const RECOVERY_REUSE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Where a right password leads.
#[derive(Clone)]
pub enum LoginStep {
    /// In.
    Done(NewSession),
    /// To the second step; the session opens nothing else.
    Totp(NewSession),
}

impl Console<'_> {
    /// The first step: name and password.
    ///
    /// # Errors
    /// 403 with the same words whatever was wrong, 429 after too many attempts.
    pub async fn login(
        &self,
        user: &str,
        password: &str,
        remember: bool,
        visit: &Visit,
    ) -> Result<LoginStep, ApiError> {
        let refused = || ApiError::new(403, "Failed to authenticate");
        let user = user.trim();
        self.limit(&format!("login:{}", source(visit.address)), PER_ADDRESS)
            .await?;
        self.limit(&format!("user:{}", fingerprint(user)), PER_USER)
            .await?;
        let Some(auth) = self.stored().await? else {
            return Err(refused());
        };
        // The password is verified whoever is named, so that the time does not tell who exists.
        let right = password.chars().count() <= MAX_PASSWORD
            && self
                .app
                .desk()
                .hasher
                .verify(auth.password.clone(), password.to_owned())
                .await?;
        if !right || user != auth.user {
            tracing::warn!(address = ?visit.address, "a login to the console failed");
            return Err(refused());
        }
        let second = self.stored_setting(record::TOTP_ENABLED).await? == json!(true);
        let kind = if second {
            SessionKind::Pending
        } else {
            SessionKind::Full
        };
        let mut session = Session::new(kind, &auth.user, auth.password_version, visit);
        session.remember = remember;
        let issued = self.issue(visit, session).await?;
        if second {
            return Ok(LoginStep::Totp(NewSession {
                max_age: None,
                ..issued
            }));
        }
        tracing::info!(address = ?visit.address, "signed in to the console");
        Ok(LoginStep::Done(issued))
    }

    /// The second step: a one-time password.
    ///
    /// # Errors
    /// 401 without a first step, 403 for a code that is wrong or was used, 429 after too many
    /// attempts.
    pub async fn totp(&self, visit: &Visit, code: &str) -> Result<NewSession, ApiError> {
        let pending = self.pending(visit).await?;
        self.limit_second_step(&pending.user).await?;
        let seed = self.stored_setting(record::TOTP_SEED).await?;
        self.use_code(seed.as_str().unwrap_or_default(), code)
            .await?;
        self.finish(visit, pending).await
    }

    /// The second step by a recovery code, which is worth nothing afterwards.
    ///
    /// # Errors
    /// As [`Console::totp`].
    pub async fn recovery(&self, visit: &Visit, typed: &str) -> Result<NewSession, ApiError> {
        let pending = self.pending(visit).await?;
        self.limit_second_step(&pending.user).await?;
        let digest = code::digest(typed);
        let mut left: Vec<String> =
            serde_json::from_value(self.stored_setting(record::RECOVERY).await?)
                .unwrap_or_default();
        let known = left.len();
        left.retain(|stored| !bool::from(stored.as_bytes().ct_eq(digest.as_bytes())));
        if left.len() == known
            || !self
                .claim(&format!("recovery:{digest}"), 0, RECOVERY_REUSE)
                .await?
        {
            tracing::warn!(address = ?visit.address, "a wrong recovery code");
            return Err(ApiError::new(403, "Invalid or used recovery code"));
        }
        let mut batch = Batch::new();
        settings::set(
            self.app.store(),
            &mut batch,
            record::RECOVERY,
            &json!(left),
            true,
        )
        .map_err(|error| internal("storing recovery codes", &error))?;
        self.commit(batch).await?;
        self.finish(visit, pending).await
    }

    /// Shows the set-up code; the session opens the set-up, for an hour, until there is a password.
    ///
    /// # Errors
    /// 403 for a wrong code or when there is a password, 429 after too many attempts.
    pub async fn setup_code(&self, visit: &Visit, typed: &str) -> Result<NewSession, ApiError> {
        self.limit(&format!("setup:{}", source(visit.address)), SETUP_CODES.0)
            .await?;
        self.limit("setup", SETUP_CODES.1).await?;
        if self.stored().await?.is_some() {
            return Err(ApiError::new(
                403,
                "There is a password already, log in with it",
            ));
        }
        let right = self.app.desk().setup_code.as_ref().is_some_and(|code| {
            let (code, typed) = (code::digest(code), code::digest(typed));
            code.as_bytes().ct_eq(typed.as_bytes()).into()
        });
        if !right {
            tracing::warn!(address = ?visit.address, "a wrong set-up code");
            return Err(ApiError::new(403, "Wrong set-up code"));
        }
        self.issue(visit, Session::new(SessionKind::Setup, "", 0, visit))
            .await
    }

    /// Ends the visitor's session.
    ///
    /// # Errors
    /// The store fails.
    pub async fn logout(&self, visit: &Visit) -> Result<(), ApiError> {
        match &visit.cookie {
            Some(cookie) => self.app.sessions().end(cookie).await,
            None => Ok(()),
        }
    }

    /// Holds a one-time password against a secret and takes it out of use, on every node.
    pub(super) async fn use_code(&self, seed: &str, typed: &str) -> Result<(), ApiError> {
        let wrong = || ApiError::new(403, "Invalid or used code");
        let now = Timestamp::now();
        let step = totp::matching_step(seed, typed, now).ok_or_else(wrong)?;
        // A new secret has codes of its own in the same step.
        if self
            .claim(&format!("totp:{}", fingerprint(seed)), step, REUSE)
            .await?
        {
            Ok(())
        } else {
            Err(wrong())
        }
    }

    /// Whether this is the first to claim it: a counter row that all nodes share.
    async fn claim(&self, key: &str, bucket: i64, kept: Duration) -> Result<bool, ApiError> {
        let store = self.app.store();
        let key = format!("console:used:{key}");
        let count = rates::count(store, &key, bucket, store.now().after(kept))
            .await
            .map_err(|error| internal("claiming a code", &error))?;
        Ok(count == 1)
    }

    /// The session that waits for its second step.
    async fn pending(&self, visit: &Visit) -> Result<Session, ApiError> {
        let ended = || ApiError::new(401, "The login took too long, begin again");
        let cookie = visit.cookie.as_deref().ok_or_else(ended)?;
        let session = self.app.sessions().open(cookie).await?.ok_or_else(ended)?;
        let auth = self.stored().await?.ok_or_else(ended)?;
        if session.kind != SessionKind::Pending || session.password_version != auth.password_version
        {
            return Err(ended());
        }
        Ok(session)
    }

    async fn limit_second_step(&self, user: &str) -> Result<(), ApiError> {
        self.limit(&format!("totp:{}", fingerprint(user)), SECOND_STEPS)
            .await
    }

    async fn finish(&self, visit: &Visit, pending: Session) -> Result<NewSession, ApiError> {
        let mut session = Session::new(
            SessionKind::Full,
            &pending.user,
            pending.password_version,
            visit,
        );
        session.remember = pending.remember;
        tracing::info!(address = ?visit.address, "signed in to the console");
        self.issue(visit, session).await
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<(), ApiError> {
        self.app
            .store()
            .commit(batch)
            .await
            .map_err(|error| internal("writing the administrator", &error))?;
        self.app.settings_changed().await
    }
}

/// Stands for a text of any length in a key.
pub(super) fn fingerprint(text: &str) -> String {
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.chars().take(32).collect()
}
