//! Users' scripts: the pool that runs them, who may use it, and what they may reach.
//!
//! | Module | Noun |
//! |---|---|
//! | [`host`] | requests that scripts make |
//! | [`turns`] | lanes whose scripts run now |

mod host;
mod turns;

use std::sync::Arc;

use bytes::Bytes;
use posthouse_model::RouteId;
use posthouse_net::NetError;
use posthouse_script::{Call, Pool};
pub use posthouse_script::{ErrorKind, Level, LogLine, Logs, Output, Script, ScriptError};
use serde::de::IgnoredAny;

pub(crate) use turns::Turns;

use self::host::WebHost;
use crate::{Engine, EngineConfig, Settings, settings::SettingsCell};

/// The part of the workers of webhooks that may run scripts at once, and the part of these that one route may have: one
/// in so many.
const SHARE: usize = 4;

/// The pool and its turns. No process runs while there is nothing to run.
pub(crate) struct Scripts {
    pool: Option<Pool>,
    pub(crate) turns: Turns,
}

impl Scripts {
    /// By the configuration of the process; without one of workers nothing is run.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(crate) fn new(
        config: &EngineConfig,
        settings: &Arc<SettingsCell>,
    ) -> Result<Self, NetError> {
        let pool = match &config.scripts {
            Some(options) => {
                let host = WebHost::new(config, options.max_response_body, settings.clone())?;
                Some(Pool::new(options.clone(), Arc::new(host)))
            }
            None => None,
        };
        let lanes = (config.webhook_workers / SHARE).max(1);
        Ok(Self {
            pool,
            turns: Turns::new(lanes, (lanes / SHARE).max(1)),
        })
    }

    fn pool(&self) -> Result<&Pool, ScriptError> {
        self.pool.as_ref().ok_or_else(|| ScriptError {
            kind: ErrorKind::Start,
            stage: None,
            name: "WorkerError".to_owned(),
            message: "this process runs no scripts".to_owned(),
            stack: Box::default(),
            logs: Logs::default(),
        })
    }

    /// Ends all workers.
    pub(crate) async fn close(&self) {
        if let Some(pool) = &self.pool {
            pool.close().await;
        }
    }
}

/// What scripts see as `env`: the setting, if it is JSON.
#[must_use]
pub(crate) fn env(settings: &Settings) -> Arc<str> {
    let text = settings.text("scriptEnv").unwrap_or("{}");
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => text.into(),
        Err(_) => "{}".into(),
    }
}

/// The payload as scripts of this route see it: with `_route`. It is a JSON object with fields.
#[must_use]
pub fn with_route(payload: &str, route: &RouteId) -> String {
    // Ids need no escapes: no need to read it all.
    match payload.trim_end().strip_suffix('}') {
        Some(open) => format!("{open},\"_route\":{{\"id\":\"{route}\"}}}}"),
        None => payload.to_owned(),
    }
}

impl Engine {
    /// Compiles a filter or a map, and runs nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Syntax`] with line and column, or no worker to ask.
    pub async fn check_script(&self, body: &str) -> Result<(), ScriptError> {
        self.scripts().pool()?.check(body).await
    }

    /// Runs a route's scripts over a payload that has its `_route`.
    ///
    /// # Errors
    /// Whatever keeps them from giving a result.
    pub async fn run_script(
        &self,
        route: &RouteId,
        script: &Script,
        payload: Bytes,
    ) -> Result<Output, ScriptError> {
        let mut call = Call::new(script.clone(), payload);
        call.env = env(&self.settings());
        call.tag = route.as_str().into();
        self.scripts().pool()?.run(call).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_payload_names_its_route() {
        let route = RouteId::named("AAAB");
        let text = with_route("{\"event\":\"x\",\"data\":{}}", &route);
        let value: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({ "event": "x", "data": {}, "_route": { "id": "AAAB" } });
        assert_eq!(value, expected);
    }

    #[test]
    fn an_env_that_is_no_json_is_empty() {
        let of = |text: &str| env(&Settings::new([("scriptEnv".to_owned(), json!(text))]));
        assert_eq!(&*of("{\"a\":1}"), "{\"a\":1}");
        assert_eq!(&*of("{a:1}"), "{}");
        assert_eq!(&*of(""), "{}");
    }
}
