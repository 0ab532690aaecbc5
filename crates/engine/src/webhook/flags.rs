//! The error flags (behaviour 7.2): set by a failure, cleared by the next success, written only when they change.

use posthouse_model::{AccountId, account::AccountStatus, route::WebhookRoute, secret::mask_url};
use posthouse_store::{Batch, StoreError, accounts, deliveries::Delivery, routes, settings};
use serde_json::{Value, json};

use super::attempt::{Attempt, Target};
use crate::{Engine, Settings};

/// Which flags are set.
pub struct Flags {
    instance: bool,
    account: bool,
    route: bool,
    /// There is an account to carry a flag.
    has_account: bool,
}

impl Flags {
    /// As they are stored.
    #[must_use]
    pub fn of(
        settings: &Settings,
        status: Option<&AccountStatus>,
        route: Option<&WebhookRoute>,
    ) -> Self {
        Self {
            instance: settings.is_stored("webhookErrorFlag"),
            account: status.is_some_and(|status| status.webhook_error_flag.is_some()),
            route: route.is_some_and(|route| route.webhook_error_flag.is_some()),
            has_account: status.is_some(),
        }
    }

    /// Adds what changes by an attempt. The flag belongs to whoever named the target: the route, the account or
    /// the instance.
    ///
    /// # Errors
    /// Only if the flag has no JSON form.
    pub fn update(
        &mut self,
        engine: &Engine,
        batch: &mut Batch,
        account: &AccountId,
        delivery: &Delivery,
        target: &Target,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let own = self.has_account && engine.settings().text("webhooks") != Some(&target.url);
        let flag = attempt.failure.as_ref().map(|failure| {
            json!({
                "event": delivery.kind,
                "message": failure.message,
                "time": engine.store().now(),
                "url": mask_url(&target.url),
                "code": failure.code,
                "statusCode": attempt.status,
            })
        });
        let set = if target.route.is_some() {
            &mut self.route
        } else if own {
            &mut self.account
        } else {
            &mut self.instance
        };
        if flag.is_some() == *set {
            return Ok(());
        }
        *set = flag.is_some();
        if let Some(route) = &target.route {
            return routes::set_error(batch, route, flag.as_ref());
        }
        if own {
            return accounts::set_webhook_error(batch, account, flag.as_ref());
        }
        let flag = flag.unwrap_or(Value::Null);
        settings::set(engine.store(), batch, "webhookErrorFlag", &flag, true)
    }
}
