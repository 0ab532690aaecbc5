//! What a connection found, committed with the events that tell of it.

use std::time::Duration;

use posthouse_backend::{BackendError, Change, Phase, Step};
use posthouse_model::{
    AccountState, EventType, Timestamp,
    account::{AccountError, AccountStatus},
};
use posthouse_store::{Batch, StoreError, accounts, announce as markers, mailboxes};
use serde_json::json;

use super::{
    actor::{End, STORE_PAUSE},
    announce::Pending,
    connection::Connection,
    memory,
};
use crate::event::NewEvent;

impl Connection {
    pub(super) async fn record(&mut self, step: Step) -> Result<(), StoreError> {
        let id = &self.shared.id;
        let mut recorder = self.engine.recorder();
        recorder
            .batch
            .guard_lease(id.as_str(), self.engine.node(), self.epoch);
        let now = self.engine.store().now();
        let mut status = self.status.clone();
        for delta in &step.deltas {
            memory::record(&mut recorder.batch, id, delta)?;
        }
        if !step.deltas.is_empty() {
            status.sync_time = Some(now);
        }
        if let Some(listing) = &step.mailboxes {
            mailboxes::set_listing(&mut recorder.batch, id, listing, now)?;
        }
        let special_use = |path: &str| {
            step.mailboxes
                .iter()
                .flatten()
                .find(|mailbox| mailbox.path == path)
                .and_then(|mailbox| mailbox.special_use)
                .map(|special| special.to_string())
        };
        let mut marked = now;
        for change in &step.changes {
            match change {
                Change::MessageNew {
                    id: message,
                    uid,
                    path,
                    ..
                } => {
                    let pending = Pending {
                        uid: *uid,
                        path: path.clone(),
                    };
                    // Markers are taken in order of their times: those of one step in its order.
                    markers::put(&mut recorder.batch, id, 0, message, &pending, marked)?;
                    marked = marked.after(Duration::from_millis(1));
                }
                Change::MailboxNew { path, uid_validity } => {
                    let special = special_use(path);
                    let data = json!({
                        "path": path,
                        "name": name_of(path, step.mailboxes.as_deref()),
                        "specialUse": special.clone().map_or(json!(false), Into::into),
                        "uidValidity": uid_validity,
                    });
                    let event = NewEvent {
                        path: Some(path.clone()),
                        special_use: special,
                        ..NewEvent::new(EventType::MailboxNew, data)
                    };
                    recorder.event(id, Some(&self.config), event);
                }
                Change::MailboxDeleted { path } => {
                    let data = json!({
                        "path": path,
                        "name": name_of(path, step.mailboxes.as_deref()),
                        "specialUse": false,
                    });
                    let event = NewEvent {
                        path: Some(path.clone()),
                        ..NewEvent::new(EventType::MailboxDeleted, data)
                    };
                    recorder.event(id, Some(&self.config), event);
                }
                Change::MailboxReset {
                    path,
                    uid_validity,
                    previous,
                    reason,
                } => {
                    let special = special_use(path);
                    let data = json!({
                        "path": path,
                        "name": name_of(path, step.mailboxes.as_deref()),
                        "specialUse": special.clone().map_or(json!(false), Into::into),
                        "uidValidity": uid_validity.map_or(json!(false), Into::into),
                        "prevUidValidity": previous.map_or(json!(false), Into::into),
                        "reason": reason,
                    });
                    let event = NewEvent {
                        path: Some(path.clone()),
                        special_use: special,
                        ..NewEvent::new(EventType::MailboxReset, data)
                    };
                    recorder.event(id, Some(&self.config), event);
                }
            }
        }
        let state = match step.phase {
            Phase::Syncing => AccountState::Syncing,
            Phase::Following => AccountState::Connected,
        };
        let logged_in = self.shared.state() == AccountState::Connecting;
        if logged_in && (!status.initialized || status.last_error.is_some()) {
            let user = self
                .config
                .imap
                .as_ref()
                .and_then(|imap| imap.auth.as_ref())
                .map(|auth| auth.user.clone());
            let event = NewEvent::new(EventType::AuthenticationSuccess, json!({ "user": user }));
            recorder.event(id, Some(&self.config), event);
        }
        if logged_in {
            status.auth_failing_since = None;
        }
        if state == AccountState::Connected {
            status.last_error = None;
            if !status.initialized {
                status.initialized = true;
                let data = json!({ "initialized": true });
                let event = NewEvent::new(EventType::AccountInitialized, data);
                recorder.event(id, Some(&self.config), event);
            }
        }
        if state != self.shared.state() {
            accounts::set_state(&mut recorder.batch, id, self.epoch, state, None, now);
        }
        if status != self.status {
            accounts::set_status(&mut recorder.batch, id, &status)?;
        }
        recorder.commit().await?;
        self.status = status;
        self.engine.note_state(&self.shared, Some(state));
        Ok(())
    }

    /// Records a failure; the same error again changes nothing and announces nothing.
    pub(super) async fn failed(&mut self, error: BackendError) -> End {
        let (state, event, response, code, token_request) = match &error {
            BackendError::Authentication {
                response,
                code,
                token_request,
            } => (
                AccountState::AuthenticationError,
                EventType::AuthenticationError,
                response.clone(),
                code.clone(),
                token_request.clone(),
            ),
            BackendError::Connection { response, code } => (
                AccountState::ConnectError,
                EventType::ConnectError,
                response.clone(),
                code.clone(),
                None,
            ),
            BackendError::Timeout => (
                AccountState::ConnectError,
                EventType::ConnectError,
                "The mail server did not answer in time".to_owned(),
                "ETIMEDOUT".to_owned(),
                None,
            ),
            BackendError::Memory(_) => {
                tracing::error!(account = %self.shared.id, %error, "the store failed while syncing");
                tokio::time::sleep(STORE_PAUSE).await;
                return End::Reload;
            }
            other => (
                AccountState::ConnectError,
                EventType::ConnectError,
                other.to_string(),
                "EPROTOCOL".to_owned(),
                None,
            ),
        };
        let lived = self.following_since.map(|since| since.elapsed());
        tracing::info!(account = %self.shared.id, %error, "the connection failed");
        // A connection that worked and was lost is set up again before anybody is told.
        if lived.is_some() && state == AccountState::ConnectError {
            return match self.transition(AccountState::Connecting).await {
                Ok(()) => End::Failed { lived },
                Err(error) => self.store_failed(&error).await,
            };
        }
        let last = AccountError {
            description: None,
            response,
            server_response_code: code,
            token_request,
        };
        let same = self.status.last_error.as_ref().is_some_and(|known| {
            known.server_response_code == last.server_response_code
                && known.response == last.response
        });
        let mut recorder = self.engine.recorder();
        recorder
            .batch
            .guard_lease(self.shared.id.as_str(), self.engine.node(), self.epoch);
        if !same {
            let data = json!({
                "response": last.response,
                "serverResponseCode": last.server_response_code,
                "tokenRequest": last.token_request,
            });
            let data = strip_nulls(data);
            recorder.event(
                &self.shared.id,
                Some(&self.config),
                NewEvent::new(event, data),
            );
        }
        let mut status = self.status.clone();
        status.last_error = Some(last);
        let mut disabled = false;
        if state == AccountState::AuthenticationError {
            let now = Timestamp::now();
            let since = *status.auth_failing_since.get_or_insert(now);
            let most = self.engine.config().max_auth_failure;
            disabled = !most.is_zero() && now.since(since) >= most;
        }
        if disabled {
            self.disable_imap(&mut recorder.batch, &mut status);
        }
        let recorded = accounts::set_status(&mut recorder.batch, &self.shared.id, &status);
        accounts::set_state(
            &mut recorder.batch,
            &self.shared.id,
            self.epoch,
            state,
            status.last_error.as_ref(),
            self.engine.store().now(),
        );
        if let Err(error) = recorded {
            tracing::error!(account = %self.shared.id, %error, "the status has no JSON form");
        }
        if let Err(error) = recorder.commit().await {
            return self.store_failed(&error.into()).await;
        }
        match &status.last_error {
            Some(error) => self.engine.note_failure(&self.shared, state, error),
            None => self.engine.note_state(&self.shared, Some(state)),
        }
        self.status = status;
        if disabled {
            return End::Reload;
        }
        End::Failed { lived }
    }

    /// A server that refused for days is not asked any more (behaviour 8.2).
    fn disable_imap(&self, batch: &mut Batch, status: &mut AccountStatus) {
        let mut config = (*self.config).clone();
        if let Some(imap) = &mut config.imap {
            imap.disabled = Some(true);
        }
        let store = self.engine.store();
        if let Err(error) =
            accounts::update_config(store, batch, &self.shared.id, self.version, &config)
        {
            tracing::error!(account = %self.shared.id, %error, "the account cannot be written");
            return;
        }
        // Whoever enables it again starts anew.
        status.auth_failing_since = None;
        if let Some(last) = &mut status.last_error {
            last.response = format!(
                "IMAP was disabled, as authentication kept failing: {}",
                last.response
            );
        }
        tracing::warn!(account = %self.shared.id, "IMAP was disabled, as authentication kept failing");
    }
}

fn name_of(path: &str, listing: Option<&[posthouse_model::mailbox::Mailbox]>) -> String {
    listing
        .into_iter()
        .flatten()
        .find(|mailbox| mailbox.path == path)
        .map_or_else(|| path.to_owned(), |mailbox| mailbox.name.clone())
}

fn strip_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}
