//! The steps of the first run: from nothing to the first event. What is done is seen from what is
//! there, so that the steps can be left and come back to.

use posthouse_model::ApiError;
use posthouse_store::{Batch, first_run, settings};
use serde_json::json;

use crate::{App, internal};

/// Whether the steps were put away.
const DISMISSED: &str = "setupDismissed";

/// What of the first run is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstRun {
    /// There is a password.
    pub password: bool,
    /// There is a token besides the one that the first start printed, or that one was used.
    pub token: bool,
    /// There is an account.
    pub mailbox: bool,
    /// Webhooks are on and have a target.
    pub webhook: bool,
    /// There was an event.
    pub event: bool,
    /// They were all done once, or put away.
    pub dismissed: bool,
}

impl FirstRun {
    /// How many steps there are.
    pub const STEPS: usize = 5;

    /// How many are done.
    #[must_use]
    pub fn done(&self) -> usize {
        let steps = [
            self.password,
            self.token,
            self.mailbox,
            self.webhook,
            self.event,
        ];
        steps.iter().filter(|done| **done).count()
    }

    /// Whether all are done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.done() == Self::STEPS
    }

    /// Whether to remind of what is left.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.dismissed && !self.is_complete()
    }
}

impl App {
    /// What of the first run is done. Once everything is, it stays put away, whatever is deleted later.
    ///
    /// # Errors
    /// The store fails.
    pub async fn first_run(&self) -> Result<FirstRun, ApiError> {
        let found = first_run::look(self.store())
            .await
            .map_err(|error| internal("looking at the first run", &error))?;
        let settings = self.settings();
        let state = FirstRun {
            password: self.console().password_is_set(),
            token: found.tokens > 1 || found.token_used,
            mailbox: found.account,
            webhook: settings.bool("webhooksEnabled") && settings.text("webhooks").is_some(),
            event: found.event,
            dismissed: settings.bool(DISMISSED),
        };
        if state.is_complete() && !state.dismissed {
            self.dismiss_first_run().await?;
        }
        Ok(state)
    }

    /// Puts the steps away.
    ///
    /// # Errors
    /// The store fails.
    pub async fn dismiss_first_run(&self) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        settings::set(self.store(), &mut batch, DISMISSED, &json!(true), true)
            .map_err(|error| internal("putting the first run away", &error))?;
        self.store()
            .commit(batch)
            .await
            .map_err(|error| internal("putting the first run away", &error))?;
        self.settings_changed().await
    }
}
