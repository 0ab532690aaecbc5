//! Mail servers of an address, for whoever sets up an account.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use posthouse_discover::{DiscoverConfig, DiscoverError, Discovered, Discoverer, source};
use posthouse_model::ApiError;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{App, CallInput, Reply, internal};

/// How long what was found is remembered.
const KEEP: Duration = Duration::from_secs(600);
/// How many addresses are remembered.
const MOST: usize = 1000;

/// The finder and what it found lately. Nothing is set up before the first question.
pub(crate) struct Autoconfig {
    config: DiscoverConfig,
    discoverer: OnceCell<Discoverer>,
    /// By whole address: user names may be part of what a server tells.
    found: Mutex<HashMap<String, (Instant, Discovered)>>,
}

impl Autoconfig {
    pub(crate) fn new(config: DiscoverConfig) -> Self {
        Self {
            config,
            discoverer: OnceCell::new(),
            found: Mutex::default(),
        }
    }

    pub(crate) async fn discoverer(&self) -> Result<&Discoverer, DiscoverError> {
        self.discoverer
            .get_or_try_init(|| async { Discoverer::new(self.config.clone()) })
            .await
    }

    async fn ask(&self, email: &str) -> Result<Discovered, DiscoverError> {
        if let Some(known) = self.recall(email) {
            return Ok(known);
        }
        let found = self.discoverer().await?.discover(email).await?;
        // What was not found may be there in a minute, or was behind a passing failure.
        if found.source != source::NONE {
            self.remember(email, &found);
        }
        Ok(found)
    }

    fn recall(&self, email: &str) -> Option<Discovered> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, known) = found.get(email)?;
        (since.elapsed() < KEEP).then(|| known.clone())
    }

    fn remember(&self, email: &str, discovered: &Discovered) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MOST {
            found.retain(|_, (since, _)| since.elapsed() < KEEP);
        }
        if found.len() >= MOST {
            found.clear();
        }
        found.insert(email.to_owned(), (Instant::now(), discovered.clone()));
    }
}

impl App {
    /// The name of an address, as its own zone tells it.
    pub(crate) async fn name_of(&self, address: IpAddr) -> Option<String> {
        let discoverer = self.finder().discoverer().await.ok()?;
        discoverer.name_of(address).await
    }

    /// The mail servers of an address, as far as they can be found. It takes some seconds at most, and connections to hosts that
    /// the address names: callers limit how often it is asked for.
    ///
    /// # Errors
    /// 400 when the address has no domain name, 500 when the configuration cannot be used.
    pub async fn autoconfig(&self, email: &str) -> Result<Discovered, ApiError> {
        self.finder().ask(email).await.map_err(|error| match error {
            DiscoverError::Address => {
                ApiError::invalid_field("email", "\"email\" must have a domain name")
            }
            DiscoverError::Setup(error) => internal("looking for mail servers", &error),
        })
    }

    /// `GET /v1/autoconfig`.
    pub(crate) async fn get_autoconfig(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let email = input.query().filled("email").unwrap_or_default();
        let found = self.autoconfig(email).await?;
        let mut answer = json!({ "imap": or_false(&found.imap), "smtp": or_false(&found.smtp) });
        if let Some(hint) = &found.app_password {
            answer["appPassword"] = json!(hint);
        }
        answer["_source"] = found.source.into();
        Reply::json(&answer)
    }
}

fn or_false(server: &Option<impl Serialize>) -> Value {
    match server {
        Some(server) => json!(server),
        None => false.into(),
    }
}
