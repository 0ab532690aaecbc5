//! SMTP gateways (behaviour 15.2).

use posthouse_model::{
    ApiError, Secret, Timestamp,
    account::{ServerAuth, SmtpConfig},
    gateway::Gateway,
    secret::MASK,
};
use posthouse_store::{Batch, Paging, gateways};
use serde_json::{Map, Value, json};

use crate::{
    App, CallInput, Reply,
    input::Fields,
    internal,
    mask::{Sent, compare},
    paging::frame,
};

impl App {
    /// `GET /v1/gateways`.
    pub(crate) async fn list_gateways(&self, input: &CallInput) -> Result<Reply, ApiError> {
        Reply::json(&self.found_gateways("", input.query().paging()).await?)
    }

    /// A page of the gateways in whose id or name a text stands.
    async fn found_gateways(
        &self,
        query: &str,
        paging: Paging,
    ) -> Result<Map<String, Value>, ApiError> {
        let page = gateways::list(self.store(), query, paging)
            .await
            .map_err(|error| internal("listing gateways", &error))?;
        let mut answer = frame(page.total, paging);
        let entries: Vec<_> = page.items.iter().map(entry).collect();
        answer.insert("gateways".to_owned(), entries.into());
        Ok(answer)
    }

    /// The same for the console, as `GET /v1/gateways` answers.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn console_gateways(
        &self,
        query: &str,
        page: u64,
        size: u64,
    ) -> Result<Value, ApiError> {
        let found = self.found_gateways(query, Paging { page, size }).await?;
        Ok(found.into())
    }

    /// `GET /v1/gateway/{gateway}`.
    pub(crate) async fn get_gateway(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let gateway = self.stored_gateway(&id(input)).await?;
        let gateway = gateway.ok_or_else(not_found)?;
        let mut shown = entry(&gateway);
        let auth = gateway.smtp.auth.as_ref();
        shown.insert("user".to_owned(), json!(auth.map(|auth| &auth.user)));
        if auth.and_then(|auth| auth.pass.as_ref()).is_some() {
            shown.insert("pass".to_owned(), json!(MASK));
        }
        shown.insert("host".to_owned(), json!(gateway.smtp.host));
        shown.insert("port".to_owned(), json!(gateway.smtp.port));
        shown.insert("secure".to_owned(), json!(gateway.smtp.secure));
        if let Some(tls) = &gateway.smtp.tls {
            shown.insert("tls".to_owned(), json!(tls));
        }
        Reply::json(&shown)
    }

    /// `POST /v1/gateway`: registers one, or puts other settings in the place of one.
    pub(crate) async fn register_gateway(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let body = input.body();
        let id = body.filled("gateway").unwrap_or_default().to_owned();
        let existing = self.stored_gateway(&id).await?;
        let name = body.filled("name").unwrap_or(&id).to_owned();
        let smtp = changed(body, SmtpConfig::default())?;
        self.put_gateway(&id, &name, &smtp).await?;
        let state = if existing.is_some() {
            "existing"
        } else {
            "new"
        };
        Reply::json(&json!({ "gateway": id, "state": state }))
    }

    /// `PUT /v1/gateway/edit/{gateway}`: changes what is given.
    pub(crate) async fn update_gateway(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let body = input.body();
        let id = id(input);
        let gateway = self.stored_gateway(&id).await?.ok_or_else(not_found)?;
        let name = body.filled("name").unwrap_or(&gateway.name).to_owned();
        let smtp = changed(body, gateway.smtp)?;
        self.put_gateway(&id, &name, &smtp).await?;
        Reply::json(&json!({ "gateway": id }))
    }

    /// `DELETE /v1/gateway/{gateway}`.
    pub(crate) async fn delete_gateway(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let id = id(input);
        let mut batch = Batch::new();
        let statement = gateways::delete(&mut batch, &id);
        let done = self.store().commit(batch).await;
        let done = done.map_err(|error| internal("deleting a gateway", &error))?;
        if done.affected(statement) == 0 {
            return Err(not_found());
        }
        Reply::json(&json!({ "gateway": id, "deleted": true }))
    }

    pub(crate) async fn stored_gateway(&self, id: &str) -> Result<Option<Gateway>, ApiError> {
        gateways::get(self.store(), id)
            .await
            .map_err(|error| internal("reading a gateway", &error))
    }

    async fn put_gateway(&self, id: &str, name: &str, smtp: &SmtpConfig) -> Result<(), ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("storing a gateway", error);
        let mut batch = Batch::new();
        gateways::put(self.store(), &mut batch, id, name, smtp).map_err(|error| failed(&error))?;
        self.store()
            .commit(batch)
            .await
            .map_err(|error| failed(&error))?;
        Ok(())
    }
}

fn id(input: &CallInput) -> String {
    input.path().text("gateway").unwrap_or_default().to_owned()
}

/// 404 of a gateway that is not there.
pub(crate) fn not_found() -> ApiError {
    ApiError::not_found("Requested gateway was not found", "NotFound")
}

/// A gateway as listings show it.
fn entry(gateway: &Gateway) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("gateway".to_owned(), json!(gateway.id));
    shown.insert("name".to_owned(), json!(gateway.name));
    shown.insert("deliveries".to_owned(), json!(gateway.deliveries));
    shown.insert("lastUse".to_owned(), json!(gateway.last_use));
    if let Some(error) = &gateway.last_error {
        // The contract has milliseconds here.
        let created = error.created.map(Timestamp::millis);
        let mut error = json!(error);
        error["created"] = json!(created);
        shown.insert("lastError".to_owned(), error);
    }
    shown
}

/// A server with the fields of a body in the place of its own.
///
/// # Errors
/// 400 for a mask that stands for nothing, a password for nobody, and one that was typed for another server.
pub(crate) fn changed(body: Fields<'_>, before: SmtpConfig) -> Result<SmtpConfig, ApiError> {
    let mut smtp = before.clone();
    if let Some(host) = body.filled("host") {
        smtp.host = Some(host.to_owned());
    }
    if let Some(port) = body.number("port") {
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        smtp.port = Some(port.ok_or_else(|| {
            ApiError::invalid_field("port", "\"port\" must be less than or equal to 65535")
        })?);
    }
    if let Some(secure) = body.bool("secure") {
        smtp.secure = secure;
    }
    if body.has("tls") {
        smtp.tls = body.parse("tls")?;
    }
    let stored = before.auth.clone().unwrap_or_default();
    let mut auth = stored.clone();
    if body.has("user") {
        auth.user = body.text("user").unwrap_or_default().to_owned();
    }
    let mut typed = false;
    if body.has("pass") {
        let pass = body.text("pass").unwrap_or_default();
        match compare(pass, stored.pass.as_ref().map(Secret::expose)) {
            Sent::Unchanged => {}
            Sent::Refused => {
                let message = "\"pass\" is a mask: send the password itself, or leave it out";
                return Err(ApiError::invalid_field("pass", message));
            }
            Sent::New => {
                typed = true;
                auth.pass = Some(pass).filter(|pass| !pass.is_empty()).map(Secret::new);
            }
        }
    }
    if auth.user.is_empty() && auth.pass.is_some() {
        return Err(ApiError::invalid_field(
            "user",
            "\"user\" is required where a password is given",
        ));
    }
    // A password stays with the server it was typed for.
    let moved = (&before.host, before.port) != (&smtp.host, smtp.port);
    if moved && !typed && auth.pass.is_some() {
        let message = "\"pass\" must be typed again: the stored one was for another server";
        return Err(ApiError::invalid_field("pass", message));
    }
    smtp.auth = Some(auth).filter(|auth| *auth != ServerAuth::default());
    Ok(smtp)
}
