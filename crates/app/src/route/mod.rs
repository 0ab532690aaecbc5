//! Webhook routes: what the API shows of them, and what the console does with them.
//!
//! | Module | Noun |
//! |---|---|
//! | [`change`] | making, changing and deleting them |
//! | [`check`] | what can be stored |
//! | [`trial`] | their scripts, tried |

mod change;
mod check;
mod trial;

use posthouse_model::{
    ApiError, RouteId, Secret,
    route::{RouteConfig, RouteFault, WebhookRoute},
    secret::{MASK, mask_url},
};
use posthouse_store::{Paging, routes};
use serde_json::{Map, Value, json};

use crate::{App, CallInput, Listed, Reply, internal, paging::frame, token_console::listed};

pub use trial::{RoutePayload, RouteTrial, RouteTrialResult};

/// A route with its secrets masked, and the last errors of its scripts.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteView {
    /// The route.
    pub route: WebhookRoute,
    /// The errors, the newest first.
    pub faults: Vec<RouteFault>,
}

fn not_found() -> ApiError {
    ApiError::not_found(
        "Webhook route was not found for requested ID",
        "WebhookRouteNotFound",
    )
}

impl App {
    /// `GET /v1/webhookRoutes`.
    pub(crate) async fn list_webhook_routes(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let paging = input.query().paging();
        let page = routes::list(self.store(), "", paging)
            .await
            .map_err(|error| internal("reading webhook routes", &error))?;
        let mut answer = frame(page.total, paging);
        let entries: Vec<Value> = page.items.into_iter().map(entry).map(Value::from).collect();
        answer.insert("webhooks".to_owned(), entries.into());
        Reply::json(&answer)
    }

    /// `GET /v1/webhookRoutes/webhookRoute/{webhookRoute}`.
    pub(crate) async fn get_webhook_route(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let id = input.path().text("webhookRoute").unwrap_or_default();
        let route = self.stored_route(&RouteId::named(id)).await?;
        let (v, content) = (route.v, json!(route.config.content));
        let mut answer = entry(route);
        answer.insert("v".to_owned(), v.into());
        answer.insert("content".to_owned(), content);
        Reply::json(&answer)
    }

    /// A page of routes, secrets masked; `query` is looked for in id, name and description.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn console_routes(
        &self,
        query: &str,
        page: u64,
        size: u64,
    ) -> Result<Listed<WebhookRoute>, ApiError> {
        let paging = Paging { page, size };
        let page = routes::list(self.store(), query, paging)
            .await
            .map_err(|error| internal("reading webhook routes", &error))?;
        Ok(listed(page, paging, masked))
    }

    /// A route with its errors, secrets masked.
    ///
    /// # Errors
    /// 404 `WebhookRouteNotFound`; 500 when the store fails.
    pub async fn console_route(&self, id: &RouteId) -> Result<RouteView, ApiError> {
        let route = self.stored_route(id).await?;
        let faults = routes::faults(self.store(), id)
            .await
            .map_err(|error| internal("reading the errors of a route", &error))?;
        Ok(RouteView {
            route: masked(route),
            faults,
        })
    }

    async fn stored_route(&self, id: &RouteId) -> Result<WebhookRoute, ApiError> {
        routes::get(self.store(), id)
            .await
            .map_err(|error| internal("reading a webhook route", &error))?
            .ok_or_else(not_found)
    }
}

/// With masks for what must not be shown.
fn masked(mut route: WebhookRoute) -> WebhookRoute {
    let RouteConfig {
        target_url,
        custom_headers,
        ..
    } = &mut route.config;
    if let Some(url) = target_url {
        *url = mask_url(url);
    }
    for header in custom_headers {
        if !header.value.is_empty() {
            header.value = Secret::new(MASK);
        }
    }
    route
}

/// A route as listings show it.
fn entry(route: WebhookRoute) -> Map<String, Value> {
    let route = masked(route);
    let config = &route.config;
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| {
        shown.insert(key.to_owned(), value);
    };
    put("id", json!(route.id));
    put("name", json!(config.name));
    put("description", json!(config.description));
    put("created", json!(route.created));
    put("updated", json!(route.updated));
    put("enabled", json!(config.enabled));
    if let Some(url) = &config.target_url {
        put("targetUrl", json!(url));
    }
    put("tcount", json!(route.tcount));
    put("webhookErrorFlag", json!(route.webhook_error_flag));
    put("customHeaders", json!(config.custom_headers));
    shown
}
