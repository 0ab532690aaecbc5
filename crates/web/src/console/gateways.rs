//! Gateways: the list, adding one, one gateway with what it did and its settings, deleting.
//!
//! Ids are the clients' own and may be any text, so nothing but an id stands behind `/admin/gateways/`: adding has an
//! address of its own.

mod add;
mod delete;
mod edit;
mod form;
mod list;

use axum::{Router, routing::get};
use posthouse_app::App;
use serde_json::Value;

use super::accounts::tried;
use crate::{
    fail::Failure,
    page::{Input, Page},
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/gateways", get(list::show))
        .route("/admin/add-gateway", get(add::show).post(add::carry_out))
        .route(
            "/admin/gateways/{id}",
            get(edit::show).post(edit::carry_out),
        )
        .route(
            "/admin/gateways/{id}/delete",
            get(delete::ask).post(delete::carry_out),
        )
}

/// An address below a gateway.
fn path(id: &str, rest: &str) -> String {
    format!("/admin/gateways/{}{rest}", crate::show::encode(id))
}

/// What a gateway did so far.
struct Record {
    /// Id.
    id: String,
    /// Name.
    name: String,
    /// Messages it took.
    deliveries: u64,
    /// When it was last used; ISO 8601.
    last_use: Option<posthouse_model::Timestamp>,
    /// What it last answered wrong, and when.
    failure: Option<(String, Option<posthouse_model::Timestamp>)>,
}

impl Record {
    /// From what the API shows of a gateway.
    fn of(gateway: &Value) -> Self {
        let text = |key: &str| gateway[key].as_str().unwrap_or_default().to_owned();
        let error = &gateway["lastError"];
        let said = ["description", "response"]
            .into_iter()
            .filter_map(|key| error[key].as_str())
            .find(|said| !said.is_empty());
        let created = error["created"].as_i64();
        Self {
            id: text("gateway"),
            name: text("name"),
            deliveries: gateway["deliveries"].as_u64().unwrap_or(0),
            last_use: serde_json::from_value(gateway["lastUse"].clone()).ok(),
            failure: said.map(|said| (said.to_owned(), created.map(posthouse_model::Timestamp))),
        }
    }

    /// Its name, or the id where there is none.
    fn title(&self) -> &str {
        if self.name.trim().is_empty() {
            &self.id
        } else {
            &self.name
        }
    }

    /// An address below it.
    fn path(&self, rest: &str) -> String {
        path(&self.id, rest)
    }
}

/// The gateway as the API shows it.
async fn find(page: &Page, id: &str) -> Result<Value, Failure> {
    let input = Input {
        path: &[("gateway", id)],
        ..Input::default()
    };
    Ok(page.call("getV1GatewayGateway", input).await?)
}
