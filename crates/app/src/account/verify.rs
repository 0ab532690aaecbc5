//! `POST /v1/verifyAccount`: whether settings would work, without registering (behaviour 8.3).

use std::{sync::Arc, time::Duration};

use posthouse_backend::{BackendError, Network};
use posthouse_engine::{SmtpRoute, verify_smtp};
use posthouse_model::{ApiError, account::AccountConfig, mailbox::Mailbox};
use posthouse_net::EgressPolicy;
use posthouse_smtp::SmtpError;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::change;
use crate::{App, CallInput, Reply};

/// What is said when the time is over.
const LATE: &str = "The server did not answer in time";

impl App {
    /// `POST /v1/verifyAccount`: always 200, the answer says what works.
    pub(crate) async fn verify_account(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let config = Arc::new(change::apply(&AccountConfig::default(), &input.valid.body)?);
        let folders = input.body().is("mailboxes");
        // Logging in may take longer than a command; the caller may ask for more.
        let limit = input.timeout.max(self.engine().config().connect_timeout);
        Reply::json(&self.verify_config(&config, folders, limit).await)
    }

    /// What works of a configuration: `imap` and `smtp`, where it has them, and `mailboxes`.
    pub(super) async fn verify_config(
        &self,
        config: &AccountConfig,
        folders: bool,
        limit: Duration,
    ) -> Map<String, Value> {
        let (imap, smtp) = tokio::join!(
            self.verify_imap(config, folders, limit),
            self.verify_smtp(config, limit)
        );
        let mut answer = Map::new();
        if let Some((outcome, listing)) = imap {
            answer.insert("imap".to_owned(), outcome);
            if let Some(listing) = listing {
                answer.insert("mailboxes".to_owned(), listing);
            }
        }
        if let Some(outcome) = smtp {
            answer.insert("smtp".to_owned(), outcome);
        }
        answer
    }

    async fn verify_imap(
        &self,
        config: &AccountConfig,
        folders: bool,
        limit: Duration,
    ) -> Option<(Value, Option<Value>)> {
        config.imap.as_ref()?;
        Some(
            match self
                .try_imap(config, folders, limit, EgressPolicy::Off)
                .await
            {
                Ok(listing) => (json!({ "success": true }), folders.then(|| json!(listing))),
                Err(error) => (imap_failure(error), None),
            },
        )
    }

    async fn verify_smtp(&self, config: &AccountConfig, limit: Duration) -> Option<Value> {
        config.smtp.as_ref()?;
        Some(
            match self.try_smtp(config, limit, EgressPolicy::Off).await {
                Ok(()) => json!({ "success": true }),
                Err(SmtpTrial::NoHost) => failure("The SMTP server has no host name", "ENOHOST"),
                Err(SmtpTrial::Late) => failure(LATE, "ETIMEDOUT"),
                Err(SmtpTrial::Failed(error)) => smtp_failure(&error),
            },
        )
    }

    /// Logs in to the IMAP server of a configuration, if the policy lets it be dialled; the folders if they are wanted.
    pub(crate) async fn try_imap(
        &self,
        config: &AccountConfig,
        folders: bool,
        limit: Duration,
        egress: EgressPolicy,
    ) -> Result<Vec<Mailbox>, BackendError> {
        let network = Network {
            egress,
            ..self.engine().network()
        };
        let work = Box::pin(posthouse_backend::imap::verify_imap(
            config, &network, folders,
        ));
        timeout(limit, work)
            .await
            .unwrap_or(Err(BackendError::Timeout))
    }

    /// Logs in to the SMTP server of a configuration, if the policy lets it be dialled.
    pub(crate) async fn try_smtp(
        &self,
        config: &AccountConfig,
        limit: Duration,
        egress: EgressPolicy,
    ) -> Result<(), SmtpTrial> {
        let config = Arc::new(config.clone());
        let mut route =
            SmtpRoute::of(self.engine(), None, &config, None, None).ok_or(SmtpTrial::NoHost)?;
        route.egress = egress;
        let work = Box::pin(verify_smtp(&route));
        timeout(limit, work)
            .await
            .map_err(|_| SmtpTrial::Late)?
            .map_err(SmtpTrial::Failed)
    }
}

/// Why a login to an SMTP server did not succeed.
pub(crate) enum SmtpTrial {
    /// There is no server to ask.
    NoHost,
    /// The time was over.
    Late,
    /// The server or the way to it.
    Failed(SmtpError),
}

fn failure(error: &str, code: &str) -> Value {
    json!({ "success": false, "error": error, "code": code })
}

fn imap_failure(error: BackendError) -> Value {
    let text = match &error {
        BackendError::Timeout => LATE.to_owned(),
        other => other.to_string(),
    };
    let (response, code) = match error {
        BackendError::Authentication { response, code, .. }
        | BackendError::Connection { response, code }
        | BackendError::Mailbox { response, code } => (Some(response), code),
        BackendError::Refused { response, code } => (
            Some(response),
            code.unwrap_or_else(|| "ServerRefused".to_owned()),
        ),
        BackendError::NotFound { code, .. } | BackendError::Input { code, .. } => {
            (None, code.to_owned())
        }
        BackendError::Timeout => (None, "ETIMEDOUT".to_owned()),
        BackendError::Memory(_) => (None, "InternalError".to_owned()),
    };
    let mut answer = failure(&text, &code);
    if let Some(response) = response {
        answer["responseText"] = response.into();
    }
    answer
}

fn smtp_failure(error: &SmtpError) -> Value {
    let mut answer = failure(&error.to_string(), error.code());
    if let Some(code) = error.response_code() {
        answer["statusCode"] = code.into();
    }
    if let Some(response) = error.response() {
        answer["responseText"] = response.into();
    }
    answer
}
