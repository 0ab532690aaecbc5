//! The steps of a login.

use std::time::Duration;

use posthouse_model::{ApiError, Timestamp};
use posthouse_store::{Batch, rates, settings};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Console, NewSession, Visit, code,
    limit::{MINUTE, source},
    password::MAX_PASSWORD,
    record, totp,
};
use crate::{Session, SessionKind, internal};

/// Logins from one address in a minute.
const PER_ADDRESS: u64 = 30;
/// Logins of one user from one address in a minute.
const PER_USER: u64 = 10;
/// Failed logins of one user from everywhere in a minute.
const FAILED_PER_USER: u64 = 100;
/// Second steps of one user from one address in a minute.
const SECOND_STEPS: u64 = 10;
/// Second steps that a password opens.
const CODES_PER_LOGIN: u64 = 5;
/// Wrong one-time passwords of one user in an hour.
const WRONG_CODES: u64 = 30;
/// What [`WRONG_CODES`] counts in.
const HOUR: Duration = Duration::from_secs(3600);
/// Set-up codes from one address in a minute. From all addresses together there may be any number: the code has 60
/// random bits, so that a million guesses a second would find it in some 18,000 years, and a limit for all would be a
/// way for strangers to keep its owner out.
const SETUP_CODES: u64 = 10;
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
        let (source, named) = (source(visit), format!("user:{}", fingerprint(user)));
        self.limit(&format!("login:{source}"), PER_ADDRESS).await?;
        self.limit(&format!("{named}:{source}"), PER_USER).await?;
        self.not_spent(&named, "Too many attempts")?;
        let Some(auth) = self.stored().await? else {
            return Err(refused());
        };
        // The password is verified whoever is named, so that the time does not tell who exists.
        let (record, hasher) = (auth.password.clone(), &self.app.desk().hasher);
        let known = user == auth.user;
        let right = password.chars().count() <= MAX_PASSWORD
            && if known {
                hasher.verify(record, password.to_owned()).await?
            } else {
                hasher.verify_in_vain(record, password.to_owned()).await
            };
        if !right || !known {
            tracing::warn!(address = ?visit.proven, "a login to the console failed");
            self.failed(&named, FAILED_PER_USER, MINUTE).await?;
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
    /// 401 without a first step, and after the fifth wrong code with the code `TooManyCodes`; 403 for a code that is
    /// wrong or was used, 429 after too many attempts.
    pub async fn totp(&self, visit: &Visit, code: &str) -> Result<NewSession, ApiError> {
        let pending = self.pending(visit).await?;
        let codes = format!("codes:{}", fingerprint(&pending.user));
        self.not_spent(&codes, "Too many wrong codes; use a recovery code, or")?;
        let attempt = self.second_step(visit, &pending).await?;
        let seed = self.stored_setting(record::TOTP_SEED).await?;
        let used = self.use_code(seed.as_str().unwrap_or_default(), code).await;
        match used {
            Ok(()) => self.finish(visit, pending).await,
            Err(error) if error.status == 403 => {
                tracing::warn!(address = ?visit.proven, "a wrong one-time password");
                self.failed(&codes, WRONG_CODES, HOUR).await?;
                Err(self.refused(visit, attempt, error).await)
            }
            Err(error) => Err(error),
        }
    }

    /// The second step by a recovery code, which is worth nothing afterwards.
    ///
    /// # Errors
    /// As [`Console::totp`].
    pub async fn recovery(&self, visit: &Visit, typed: &str) -> Result<NewSession, ApiError> {
        let pending = self.pending(visit).await?;
        let attempt = self.second_step(visit, &pending).await?;
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
            tracing::warn!(address = ?visit.proven, "a wrong recovery code");
            let error = ApiError::new(403, "Invalid or used recovery code");
            return Err(self.refused(visit, attempt, error).await);
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
        self.limit(&format!("setup:{}", source(visit)), SETUP_CODES)
            .await?;
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
            tracing::warn!(address = ?visit.proven, "a wrong set-up code");
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
        let Some(cookie) = &visit.cookie else {
            return Ok(());
        };
        let session = self.app.sessions().peek(cookie).await?;
        self.app.sessions().end(cookie).await?;
        match session {
            Some(session) if session.kind == SessionKind::Full => {
                self.app.end_reference_tokens(&session.user).await
            }
            _ => Ok(()),
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

    /// Counts a second step, before the code is looked at, so that many at once are no more than one after the other;
    /// the answer is its number among those of this login.
    async fn second_step(&self, visit: &Visit, pending: &Session) -> Result<u64, ApiError> {
        let (user, source) = (fingerprint(&pending.user), source(visit));
        self.limit(&format!("totp:{user}:{source}"), SECOND_STEPS)
            .await?;
        let store = self.app.store();
        let key = format!("console:steps:{}", pending.id);
        let kept = store.now().after(pending.lasts());
        let attempt = rates::count(store, &key, 0, kept)
            .await
            .map_err(|error| internal("counting a second step", &error))?;
        if attempt > CODES_PER_LOGIN {
            return Err(too_many_codes());
        }
        Ok(attempt)
    }

    /// After the last wrong code the login begins anew, with the password.
    async fn refused(&self, visit: &Visit, attempt: u64, error: ApiError) -> ApiError {
        if attempt < CODES_PER_LOGIN {
            return error;
        }
        let cookie = visit.cookie.as_deref().unwrap_or_default();
        match self.app.sessions().end(cookie).await {
            Ok(()) => too_many_codes(),
            Err(error) => error,
        }
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

fn too_many_codes() -> ApiError {
    ApiError::new(401, "Too many wrong codes, log in again").code("TooManyCodes")
}

/// Stands for a text of any length in a key.
pub(super) fn fingerprint(text: &str) -> String {
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.chars().take(32).collect()
}
