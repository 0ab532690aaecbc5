//! What who is signed in changes of the door: password, one-time passwords, sessions.

use posthouse_model::{ApiError, Timestamp};
use posthouse_store::{Batch, BatchError, settings};
use serde_json::json;

use super::{
    Console, Door, NewSession, Visit, code,
    login::fingerprint,
    password::has_good_length,
    record::{self, AuthData},
    totp,
};
use crate::{Session, SessionKind, internal};

/// Recovery codes made at once.
const RECOVERY_CODES: usize = 10;
/// Confirmations by password or code in a minute.
const CONFIRMATIONS: u64 = 10;

/// The state of the door, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// Name to log in with.
    pub user: String,
    /// When the password was set.
    pub password_set: Timestamp,
    /// Whether a login needs a one-time password.
    pub totp: bool,
    /// Recovery codes that were not used yet.
    pub recovery_left: usize,
}

/// A secret that waits for its first code.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The secret, base32.
    pub secret: String,
    /// The `otpauth://` address that authenticator apps read from a QR code.
    pub address: String,
}

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEntry {
    /// The session.
    pub session: Session,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl Console<'_> {
    /// The session of who is signed in.
    ///
    /// # Errors
    /// 401 when nobody is.
    pub async fn signed_in(&self, visit: &Visit) -> Result<Session, ApiError> {
        match self.door(visit).await? {
            Door::Open(session) => Ok(session),
            _ => Err(ApiError::new(401, "Session has ended")),
        }
    }

    /// The state of the door.
    ///
    /// # Errors
    /// 401 when nobody is signed in.
    pub async fn security(&self, visit: &Visit) -> Result<Security, ApiError> {
        let session = self.signed_in(visit).await?;
        let auth = self.stored().await?;
        let codes = self.stored_setting(record::RECOVERY).await?;
        Ok(Security {
            user: session.user,
            password_set: auth.map_or(session.created, |auth| auth.password_set),
            totp: self.totp_enabled().await?,
            recovery_left: codes.as_array().map_or(0, Vec::len),
        })
    }

    /// Sets the first password, or another one; every other session ends. The first needs a visitor
    /// who may set up, another one the `current`.
    ///
    /// # Errors
    /// 400 for a password that is too short or too long, 401 when nobody is signed in, 403 for a
    /// wrong current password, 409 when somebody else has set one meanwhile.
    pub async fn change_password(
        &self,
        visit: &Visit,
        current: Option<&str>,
        new: &str,
    ) -> Result<NewSession, ApiError> {
        if !has_good_length(new) {
            return Err(ApiError::invalid_field(
                "password",
                "The password must have 8 to 256 characters",
            ));
        }
        let (auth, read) = AuthData::read_to_replace(self.app.store())
            .await
            .map_err(|error| internal("reading the administrator", &error))?;
        let door = self.door(visit).await?;
        let remember = match (&auth, door) {
            (None, Door::Setup) => false,
            (Some(auth), Door::Open(session)) => {
                self.confirm_password(auth, current.unwrap_or_default())
                    .await?;
                session.remember
            }
            (None, _) => return Err(ApiError::new(403, "The set-up code is missing")),
            (Some(_), Door::Setup | Door::SetupCode) => return Err(set_already()),
            (Some(_), _) => return Err(ApiError::new(401, "Session has ended")),
        };
        let record = self.app.desk().hasher.record(new.to_owned()).await?;
        let auth = AuthData::with_password(auth.as_ref(), record, Timestamp::now());
        let mut batch = Batch::new();
        auth.write(self.app.store(), &mut batch, &read)
            .await
            .map_err(|error| internal("storing the password", &error))?;
        match self.app.store().commit(batch).await {
            Ok(_) => {}
            Err(BatchError::GuardFailed {
                name: settings::REPLACE_GUARD,
            }) => return Err(set_already()),
            Err(error) => return Err(internal("storing the password", &error)),
        }
        self.app.tokens().invalidate();
        self.app.settings_changed().await?;
        tracing::info!(address = ?visit.address, "the console's password was set");
        let mut session = Session::new(SessionKind::Full, &auth.user, auth.password_version, visit);
        session.remember = remember;
        self.issue(visit, session).await
    }

    /// Draws a secret for one-time passwords; they are needed once a code confirmed it. It takes the password: whoever
    /// sits at a browser that was left open must not lock its owner out.
    ///
    /// # Errors
    /// 401 when nobody is signed in, 403 for a wrong password, 409 when they are needed already, 429 after too many
    /// attempts.
    pub async fn totp_enrol(
        &self,
        visit: &Visit,
        password: &str,
        host: Option<&str>,
    ) -> Result<Enrolment, ApiError> {
        let session = self.signed_in(visit).await?;
        if self.totp_enabled().await? {
            return Err(ApiError::new(409, "One-time passwords are on already"));
        }
        self.confirm(&session, password).await?;
        let secret = totp::new_secret().map_err(|error| internal("drawing a secret", &error))?;
        let mut batch = Batch::new();
        settings::set(
            self.app.store(),
            &mut batch,
            record::TOTP_SEED,
            &json!(secret),
            true,
        )
        .map_err(|error| internal("storing a secret", &error))?;
        self.commit(batch).await?;
        Ok(Enrolment {
            address: totp::address(&secret, &session.user, host),
            secret,
        })
    }

    /// The secret that waits for its first code, if one does.
    ///
    /// # Errors
    /// 401 when nobody is signed in.
    pub async fn totp_pending(
        &self,
        visit: &Visit,
        host: Option<&str>,
    ) -> Result<Option<Enrolment>, ApiError> {
        let session = self.signed_in(visit).await?;
        if self.totp_enabled().await? {
            return Ok(None);
        }
        let seed = self.stored_setting(record::TOTP_SEED).await?;
        Ok(seed.as_str().map(|secret| Enrolment {
            secret: secret.to_owned(),
            address: totp::address(secret, &session.user, host),
        }))
    }

    /// Makes one-time passwords needed, by the first code; the answer is the recovery codes, which
    /// are shown this once.
    ///
    /// # Errors
    /// 401 when nobody is signed in, 403 for a wrong code, 409 without a secret or when they are
    /// needed already, 429 after too many attempts.
    pub async fn totp_confirm(&self, visit: &Visit, typed: &str) -> Result<Vec<String>, ApiError> {
        let session = self.signed_in(visit).await?;
        self.limit_confirmations(&session.user).await?;
        let seed = self.stored_setting(record::TOTP_SEED).await?;
        let Some(seed) = seed
            .as_str()
            .filter(|_| !self.app.settings().bool(record::TOTP_ENABLED))
        else {
            return Err(ApiError::new(409, "There is no new secret to confirm"));
        };
        self.use_code(seed, typed).await?;
        let mut batch = Batch::new();
        settings::set(
            self.app.store(),
            &mut batch,
            record::TOTP_ENABLED,
            &json!(true),
            true,
        )
        .map_err(|error| internal("storing a setting", &error))?;
        let codes = self.draw_recovery_codes(&mut batch)?;
        self.commit(batch).await?;
        tracing::info!(address = ?visit.address, "one-time passwords were switched on");
        Ok(codes)
    }

    /// Switches one-time passwords off, or forgets a secret that was not confirmed.
    ///
    /// # Errors
    /// 401 when nobody is signed in, 403 for a wrong password, 429 after too many attempts.
    pub async fn totp_disable(&self, visit: &Visit, password: &str) -> Result<(), ApiError> {
        let session = self.signed_in(visit).await?;
        if self.totp_enabled().await? {
            self.confirm(&session, password).await?;
        }
        let mut batch = Batch::new();
        record::forget_totp(&mut batch);
        self.commit(batch).await?;
        tracing::info!(address = ?visit.address, "one-time passwords were switched off");
        Ok(())
    }

    /// New recovery codes in place of the old, shown this once.
    ///
    /// # Errors
    /// 401 when nobody is signed in, 403 for a wrong password, 409 when one-time passwords are off,
    /// 429 after too many attempts.
    pub async fn recovery_codes(
        &self,
        visit: &Visit,
        password: &str,
    ) -> Result<Vec<String>, ApiError> {
        let session = self.signed_in(visit).await?;
        if !self.totp_enabled().await? {
            return Err(ApiError::new(409, "One-time passwords are off"));
        }
        self.confirm(&session, password).await?;
        let mut batch = Batch::new();
        let codes = self.draw_recovery_codes(&mut batch)?;
        self.commit(batch).await?;
        Ok(codes)
    }

    /// The sessions of who is signed in, the last used first.
    ///
    /// # Errors
    /// 401 when nobody is signed in.
    pub async fn sessions(&self, visit: &Visit) -> Result<Vec<SessionEntry>, ApiError> {
        let current = self.signed_in(visit).await?;
        let sessions = self.app.sessions().list(&current.user).await?;
        Ok(sessions
            .into_iter()
            .map(|session| SessionEntry {
                current: session.id == current.id,
                session,
            })
            .collect())
    }

    /// Ends one of one's sessions; whether there was one.
    ///
    /// # Errors
    /// 401 when nobody is signed in.
    pub async fn revoke(&self, visit: &Visit, id: &str) -> Result<bool, ApiError> {
        let session = self.signed_in(visit).await?;
        let revoked = self.app.sessions().revoke(&session.user, id).await?;
        self.app.end_reference_tokens(&session.user).await?;
        Ok(revoked)
    }

    /// Ends all of one's sessions but this; how many there were.
    ///
    /// # Errors
    /// 401 when nobody is signed in.
    pub async fn revoke_others(&self, visit: &Visit) -> Result<u64, ApiError> {
        let session = self.signed_in(visit).await?;
        let cookie = visit.cookie.as_deref().unwrap_or_default();
        let ended = self
            .app
            .sessions()
            .revoke_others(&session.user, cookie)
            .await?;
        self.app.end_reference_tokens(&session.user).await?;
        Ok(ended)
    }

    async fn totp_enabled(&self) -> Result<bool, ApiError> {
        Ok(self.stored_setting(record::TOTP_ENABLED).await? == json!(true))
    }

    async fn limit_confirmations(&self, user: &str) -> Result<(), ApiError> {
        self.limit(&format!("confirm:{}", fingerprint(user)), CONFIRMATIONS)
            .await
    }

    /// 403 unless this is the password of who is signed in.
    async fn confirm(&self, session: &Session, password: &str) -> Result<(), ApiError> {
        match self.stored().await? {
            Some(auth) if auth.user == session.user => self.confirm_password(&auth, password).await,
            _ => Err(ApiError::new(401, "Session has ended")),
        }
    }

    async fn confirm_password(&self, auth: &AuthData, password: &str) -> Result<(), ApiError> {
        self.limit_confirmations(&auth.user).await?;
        let right = password.chars().count() <= super::MAX_PASSWORD
            && self
                .app
                .desk()
                .hasher
                .verify(auth.password.clone(), password.to_owned())
                .await?;
        if right {
            Ok(())
        } else {
            Err(ApiError::new(403, "The current password is wrong"))
        }
    }

    /// Draws recovery codes and stores their hashes.
    fn draw_recovery_codes(&self, batch: &mut Batch) -> Result<Vec<String>, ApiError> {
        let codes = (0..RECOVERY_CODES)
            .map(|_| code::draw())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| internal("drawing recovery codes", &error))?;
        let digests: Vec<_> = codes.iter().map(|code| code::digest(code)).collect();
        settings::set(
            self.app.store(),
            batch,
            record::RECOVERY,
            &json!(digests),
            true,
        )
        .map_err(|error| internal("storing recovery codes", &error))?;
        Ok(codes)
    }
}

fn set_already() -> ApiError {
    ApiError::new(409, "The password was set by somebody else meanwhile")
}
