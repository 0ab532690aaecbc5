//! What a page of the console has at hand, and the frame around its content.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use posthouse_app::{App, CallInput, Lifted, Reply, ReplyBody, Visitor};
use posthouse_contract::{Operation, RawInput, Valid, operation};
use posthouse_model::{ApiError, Caller, Timestamp};
use serde_json::{Value, json};

use crate::{
    cookie::cookie,
    crumb::{Crumb, is_secure},
    fail::{Failure, rendered},
    flash::Flash,
    guard::Signed,
};

/// A room of the console, as the navigation names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Dashboard,
    Accounts,
    Gateways,
    Templates,
    Suppressions,
    Tokens,
    Webhooks,
    Settings,
    Reference,
    Security,
    /// None of them.
    Elsewhere,
}

/// An entry of the navigation.
pub(crate) struct Entry {
    pub(crate) room: Room,
    pub(crate) path: &'static str,
    pub(crate) label: &'static str,
    pub(crate) icon: &'static str,
}

const fn entry(room: Room, path: &'static str, label: &'static str, icon: &'static str) -> Entry {
    Entry {
        room,
        path,
        label,
        icon,
    }
}

/// The navigation, in its order.
const ROOMS: &[Entry] = &[
    entry(Room::Dashboard, "/admin", "Dashboard", "gauge"),
    entry(Room::Accounts, "/admin/accounts", "Accounts", "inbox"),
    entry(Room::Gateways, "/admin/gateways", "Gateways", "send"),
    entry(Room::Templates, "/admin/templates", "Templates", "mail"),
    entry(
        Room::Suppressions,
        "/admin/suppression-lists",
        "Suppression lists",
        "cross",
    ),
    entry(Room::Tokens, "/admin/tokens", "Access tokens", "key"),
    entry(Room::Webhooks, "/admin/webhooks", "Webhook routes", "send"),
    entry(Room::Settings, "/admin/config", "Settings", "sliders"),
    entry(Room::Reference, "/admin/reference", "API reference", "book"),
];

/// The frame of a page: head, navigation, messages. Every template of the console has it as `frame`.
pub(crate) struct Frame {
    /// Title of the page.
    pub(crate) title: String,
    /// Where the navigation stands.
    pub(crate) room: Room,
    /// Name of the installation.
    pub(crate) brand: String,
    /// Value for the hidden field `crumb` of every form.
    pub(crate) crumb: String,
    /// Who is signed in; nobody while there is no password.
    pub(crate) user: Option<String>,
    /// The message of the page before.
    pub(crate) flash: Option<Flash>,
    /// `light`, `dark`, or empty for what the system says.
    pub(crate) theme: &'static str,
    /// Script files of this page beside `console.js`.
    pub(crate) scripts: &'static [&'static str],
    /// Style sheets of this page beside `console.css`.
    pub(crate) styles: &'static [&'static str],
}

impl Frame {
    /// The navigation.
    pub(crate) fn rooms(&self) -> &'static [Entry] {
        ROOMS
    }

    /// With script files of `assets/`.
    pub(crate) const fn with_scripts(mut self, scripts: &'static [&'static str]) -> Self {
        self.scripts = scripts;
        self
    }

    /// With style sheets of `assets/`.
    pub(crate) const fn with_styles(mut self, styles: &'static [&'static str]) -> Self {
        self.styles = styles;
        self
    }
}

/// What a page of the console has at hand. A handler that takes it is behind the guard.
pub(crate) struct Page {
    /// The hall.
    pub(crate) app: App,
    /// Who it is.
    pub(crate) signed: Arc<Signed>,
    /// By which address the visitor reaches this server: scheme, host, port.
    pub(crate) origin: String,
    /// Whether cookies are for HTTPS only.
    pub(crate) secure: bool,
    crumb: String,
    flash: Option<Flash>,
    /// `light`, `dark`, or empty for what the system says.
    pub(crate) theme: &'static str,
}

/// Parameters of an operation that a page calls.
#[derive(Default)]
pub(crate) struct Input<'a> {
    /// Path parameters.
    pub(crate) path: &'a [(&'a str, &'a str)],
    /// Query parameters; empty values count as not given.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Body.
    pub(crate) body: Option<Value>,
}

impl Page {
    /// Who acts.
    pub(crate) fn caller(&self) -> &Caller {
        &self.signed.caller
    }

    /// The frame around a page of a room.
    pub(crate) fn frame(&self, title: impl Into<String>, room: Room) -> Frame {
        Frame {
            title: title.into(),
            room,
            brand: brand(&self.app),
            crumb: self.crumb.clone(),
            user: self.signed.user().map(str::to_owned),
            flash: self.flash.clone(),
            theme: self.theme,
            scripts: &[],
            styles: &[],
        }
    }

    /// The page as the answer.
    pub(crate) fn render(&self, template: &impl Template) -> Response {
        self.render_as(StatusCode::OK, template)
    }

    /// The page as the answer, with a status: 400 for a form that is shown again with its faults.
    pub(crate) fn render_as(&self, status: StatusCode, template: &impl Template) -> Response {
        let mut response = rendered(status, template);
        if self.flash.is_some() {
            Flash::clear(response.headers_mut());
        }
        response
    }

    /// To another page, after a form was carried out (303).
    pub(crate) fn redirect(&self, to: &str, flash: Flash) -> Response {
        let mut response = Redirect::to(to).into_response();
        if let Some(cookie) = flash.cookie(&self.app, self.secure) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Calls an operation of the contract by its id, with the administrator's rights; the answer is its
    /// JSON.
    ///
    /// # Errors
    /// As the API answers it; 400 lists every fault under `fields`.
    pub(crate) async fn call(&self, id: &str, input: Input<'_>) -> Result<Value, ApiError> {
        match self.reply(id, input).await?.body {
            ReplyBody::Json(text) => serde_json::from_slice(&text).map_err(|error| {
                tracing::error!(%error, id, "an answer is not JSON");
                ApiError::internal()
            }),
            ReplyBody::Text { text, .. } => Ok(Value::String(text)),
            _ => {
                tracing::error!(id, "an operation that streams was called by a page");
                Err(ApiError::internal())
            }
        }
    }

    /// As [`Page::call`], with the answer as it comes.
    ///
    /// # Errors
    /// As [`Page::call`].
    pub(crate) async fn reply(&self, id: &str, input: Input<'_>) -> Result<Reply, ApiError> {
        let (operation, valid) = self.validate(id, input)?;
        let input = CallInput {
            valid,
            timeout: std::time::Duration::ZERO,
            idempotency_key: None,
            claimed: None,
            lifted: Lifted::default(),
        };
        self.app.call(operation, self.caller(), input).await
    }

    /// An operation with its input, held against the contract.
    ///
    /// # Errors
    /// 400 lists every fault under `fields`.
    pub(crate) fn validate(
        &self,
        id: &str,
        input: Input<'_>,
    ) -> Result<(&'static Operation, Valid), ApiError> {
        let Some(operation) = operation(id) else {
            tracing::error!(id, "no such operation");
            return Err(ApiError::internal());
        };
        let path: Vec<(&str, String)> = input
            .path
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let query: Vec<(String, String)> = input
            .query
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let valid = operation
            .validate(RawInput {
                path: &path,
                query: &query,
                header: &|_| None,
                body: input.body,
            })
            .map_err(|faults| {
                let fields: Vec<Value> = faults
                    .iter()
                    .map(|fault| json!({ "message": fault.message, "key": fault.key }))
                    .collect();
                ApiError::invalid_input(fields.into())
            })?;
        Ok((operation, valid))
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Name of the installation.
pub(crate) fn brand(app: &App) -> String {
    app.settings()
        .text("pageBrandName")
        .filter(|name| !name.trim().is_empty())
        .map_or_else(|| "Posthouse".to_owned(), |name| name.trim().to_owned())
}

/// The theme that the visitor chose.
pub(crate) fn theme(headers: &axum::http::HeaderMap) -> &'static str {
    match cookie(headers, "theme") {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "",
    }
}

impl FromRequestParts<App> for Page {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        // Put there by the guard and by the check of the crumb.
        let signed = parts.extensions.get::<Arc<Signed>>().cloned();
        let crumb = parts.extensions.get::<Crumb>().cloned();
        let (Some(signed), Some(Crumb(crumb))) = (signed, crumb) else {
            tracing::error!(path = parts.uri.path(), "a page stands before the guard");
            return Err(ApiError::internal().into());
        };
        Ok(Self {
            app: app.clone(),
            origin: parts
                .extensions
                .get::<Visitor>()
                .map(|visitor| visitor.origin.clone())
                .unwrap_or_default(),
            secure: is_secure(app, &parts.extensions),
            signed,
            crumb,
            flash: Flash::read(app, &parts.headers),
            theme: theme(&parts.headers),
        })
    }
}
