//! What a connection found, committed with the events that tell of it.

use std::time::Duration;

use posthouse_backend::{BackendError, Phase, Step};
use posthouse_model::{
    AccountState, EventType, Timestamp,
    account::{AccountError, AccountStatus, SyncError},
};
use posthouse_store::{Batch, StoreError, accounts, departures};
use serde_json::json;

use super::{
    actor::{End, STORE_PAUSE},
    changes::{Outcome, Writer},
    connection::Connection,
};
use crate::event::NewEvent;

impl Connection {
    /// Records a step.
    pub(super) async fn record(&mut self, step: &Step) -> Result<Outcome, StoreError> {
        // A deletion that was held back may have been announced while this was made ready.
        for _ in 0..3 {
            match self.try_record(step).await {
                Err(StoreError::Batch(error)) if error.is_guard(departures::GUARD) => {}
                other => return other,
            }
        }
        self.try_record(step).await
    }

    async fn try_record(&mut self, step: &Step) -> Result<Outcome, StoreError> {
        let id = &self.shared.id;
        let mut recorder = self.engine.recorder();
        recorder
            .batch
            .guard_lease(id.as_str(), self.engine.node(), self.epoch);
        let now = self.engine.store().now();
        let mut status = self.status.clone();
        let window = self.engine.settings().number("moveWindow").unwrap_or(5);
        let writer = Writer {
            store: self.engine.store(),
            account: id,
            config: &self.config,
            window: Duration::from_secs(window),
            first: self.following_since.is_none(),
            now,
        };
        let mut arrivals = self.arrivals.clone();
        let outcome = writer.write(&mut recorder, &mut arrivals, step).await?;
        if !step.deltas.is_empty() {
            status.sync_time = Some(now);
        }
        if let Some(trouble) = &step.trouble {
            status.sync_error = trouble.as_ref().map(|trouble| SyncError {
                path: trouble.path.clone(),
                time: now,
                error: trouble.response.clone(),
            });
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
        self.arrivals = arrivals;
        self.status = status;
        self.engine.note_state(&self.shared, Some(state));
        if outcome.held {
            self.engine.wake_departures();
        }
        Ok(outcome)
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

fn strip_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}
