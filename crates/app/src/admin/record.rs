//! What is stored of the administrator: internal settings, sealed.

use posthouse_model::Timestamp;
use posthouse_store::{Batch, Store, StoreError, sessions, settings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::reference_tokens;

/// Name, password and since when.
pub(super) const AUTH: &str = "authData";
/// Whether a login needs a one-time password.
pub(super) const TOTP_ENABLED: &str = "totpEnabled";
/// The secret of one-time passwords, base32; not in use until they are enabled.
pub(super) const TOTP_SEED: &str = "totpSeed";
/// SHA-256 of the recovery codes that were not used yet.
pub(super) const RECOVERY: &str = "totpRecoveryCodes";

/// Name of the administrator unless the store names another.
const DEFAULT_USER: &str = "admin";

/// The administrator.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthData {
    /// Name to log in with.
    pub(super) user: String,
    /// PHC string.
    pub(super) password: String,
    /// Another one at each new password; sessions carry it.
    pub(super) password_version: i64,
    /// When the password was set.
    pub(super) password_set: Timestamp,
}

impl AuthData {
    /// Reads a stored value; none without a password.
    pub(super) fn of(value: Value) -> Option<Self> {
        serde_json::from_value(value)
            .ok()
            .filter(|auth: &Self| !auth.password.is_empty())
    }

    /// The stored one.
    pub(super) async fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        Ok(Self::read_to_replace(store).await?.0)
    }

    /// The stored one, with what [`AuthData::write`] replaces.
    pub(super) async fn read_to_replace(
        store: &Store,
    ) -> Result<(Option<Self>, settings::Read), StoreError> {
        let read = settings::read(store, AUTH).await?;
        Ok((read.value.clone().and_then(Self::of), read))
    }

    /// With a new password; the name stays.
    pub(super) fn with_password(previous: Option<&Self>, password: String, now: Timestamp) -> Self {
        let last = previous.map_or(0, |auth| auth.password_version);
        Self {
            user: previous.map_or_else(|| DEFAULT_USER.to_owned(), |auth| auth.user.clone()),
            password,
            password_version: now.millis().max(last.saturating_add(1)),
            password_set: now,
        }
    }

    /// Stores it in place of what was read, and ends every session with the tokens of the API reference. The batch fails
    /// if somebody else stored another one since.
    pub(super) async fn write(
        &self,
        store: &Store,
        batch: &mut Batch,
        read: &settings::Read,
    ) -> Result<(), StoreError> {
        settings::replace(store, batch, read, AUTH, &json!(self))?;
        reference_tokens::delete_all(store, batch, &self.user).await?;
        sessions::delete_all(batch);
        Ok(())
    }
}

/// Switches one-time passwords off and forgets what belongs to them.
pub(super) fn forget_totp(batch: &mut Batch) {
    for key in [TOTP_ENABLED, TOTP_SEED, RECOVERY] {
        settings::delete(batch, key);
    }
}
