//! The tokens with which the API reference makes calls for an administrator.
//!
//! Beside each stands a row among the sessions, by which an administrator's are found when a session ends.

use std::{str::FromStr, time::Duration};

use posthouse_model::{
    ApiError, Caller, Scope, Timestamp,
    token::{TokenId, TokenRecord, TokenValue},
};
use posthouse_store::{Batch, Store, StoreError, sessions, tokens};
use serde_json::{Value, json};

use crate::{
    App, internal,
    token_api::NewToken,
    token_console::{Issued, require_administrator},
};

/// How long one lives.
const REFERENCE_TTL: Duration = Duration::from_secs(15 * 60);
/// Marks them in their metadata.
const REFERENCE: &str = "apiReference";

impl App {
    /// A token of scope `api` with which the API reference makes calls for an administrator. It ends
    /// by itself after a quarter of an hour, and with every end of one of the administrator's sessions.
    ///
    /// # Errors
    /// The store fails; 403 for callers that are no administrator.
    pub async fn reference_token(&self, caller: &Caller) -> Result<Issued, ApiError> {
        let user = require_administrator(caller)?;
        let issued = self
            .store_token(NewToken {
                scopes: vec![Scope::Api.as_str().to_owned()],
                description: Some("Calls from the API reference".to_owned()),
                metadata: Some(json!({ REFERENCE: user }).to_string()),
                expires: Some(Timestamp::now().after(REFERENCE_TTL)),
                remote_address: caller.address.map(|address| address.to_string()),
                ..NewToken::default()
            })
            .await?;
        let failed = |error: &dyn std::fmt::Display| internal("noting a token", error);
        let (id, now) = (issued.record.id.to_string(), self.store().now());
        let mut batch = Batch::new();
        sessions::put(
            &mut batch,
            &format!("reference:{id}"),
            Some(&owner(user)),
            &id,
            now,
            now.after(REFERENCE_TTL),
        )
        .map_err(|error| failed(&error))?;
        self.store()
            .commit(batch)
            .await
            .map_err(|error| failed(&error))?;
        Ok(issued)
    }

    /// Deletes a token of the API reference that this administrator was given; whether there was one.
    ///
    /// # Errors
    /// The store fails; 403 for callers that are no administrator.
    pub async fn revoke_reference_token(
        &self,
        caller: &Caller,
        value: &str,
    ) -> Result<bool, ApiError> {
        let user = require_administrator(caller)?;
        let Ok(value) = TokenValue::from_str(value.trim()) else {
            return Ok(false);
        };
        let found = self.console_token(value.id()).await?;
        let own = found.is_some_and(|token| reference_user(&token.record).as_deref() == Some(user));
        Ok(own && self.delete_console_token(caller, value.id()).await?)
    }

    /// Deletes the tokens of the API reference that an administrator was given: sessions of theirs have ended.
    pub(crate) async fn end_reference_tokens(&self, user: &str) -> Result<(), ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("deleting tokens", error);
        let mut batch = Batch::new();
        delete_all(self.store(), &mut batch, user)
            .await
            .map_err(|error| failed(&error))?;
        if batch.is_empty() {
            return Ok(());
        }
        self.store()
            .commit(batch)
            .await
            .map_err(|error| failed(&error))?;
        self.tokens().invalidate();
        Ok(())
    }
}

/// Deletes those of an administrator.
pub(crate) async fn delete_all(
    store: &Store,
    batch: &mut Batch,
    user: &str,
) -> Result<(), StoreError> {
    for row in sessions::list::<String>(store, &owner(user), store.now()).await? {
        if let Ok(id) = TokenId::from_str(&row.data) {
            tokens::delete(batch, &id);
        }
        sessions::delete(batch, &row.id);
    }
    Ok(())
}

/// Whose list their rows stand in.
fn owner(user: &str) -> String {
    format!("reference:{user}")
}

/// The administrator for whom the API reference made a token.
fn reference_user(record: &TokenRecord) -> Option<String> {
    let metadata: Value = serde_json::from_str(record.metadata.as_deref()?).ok()?;
    metadata.get(REFERENCE)?.as_str().map(str::to_owned)
}
