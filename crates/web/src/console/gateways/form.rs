//! The settings of a gateway as a form: from what is stored, from what was typed, and back to a body of the API.

use posthouse_model::ApiError;
use serde_json::{Map, Value, json};

use crate::{console::faults::Faults, form::Form};

/// Fields that faults are shown at.
const FIELDS: &[&str] = &["gateway", "name", "host", "port", "user", "pass"];

/// The fields with their texts. A stored password is never among them.
#[derive(Debug, Clone, Default)]
pub(super) struct GatewayForm {
    /// Id.
    pub(super) gateway: String,
    /// Name.
    pub(super) name: String,
    /// Host of the server.
    pub(super) host: String,
    /// Port; empty for the usual one.
    pub(super) port: String,
    /// TLS from the start.
    pub(super) secure: bool,
    /// User; empty to send without a login.
    pub(super) user: String,
    /// Password that was typed.
    pub(super) pass: String,
    /// Any certificate is taken.
    pub(super) insecure: bool,
    /// What is stored of TLS.
    tls: Map<String, Value>,
}

impl GatewayForm {
    /// A new gateway.
    pub(super) fn blank() -> Self {
        Self {
            secure: true,
            ..Self::default()
        }
    }

    /// From what the API shows of a gateway.
    pub(super) fn stored(gateway: &Value) -> Self {
        let text = |key: &str| gateway[key].as_str().unwrap_or_default().to_owned();
        let port = gateway["port"].as_u64();
        let tls = gateway["tls"].as_object().cloned().unwrap_or_default();
        Self {
            gateway: text("gateway"),
            name: text("name"),
            host: text("host"),
            port: port.map(|port| port.to_string()).unwrap_or_default(),
            secure: gateway["secure"] == true,
            user: text("user"),
            pass: String::new(),
            insecure: tls.get("rejectUnauthorized") == Some(&json!(false)),
            tls,
        }
    }

    /// What was typed, over what is stored.
    pub(super) fn typed(form: &Form, before: &Self) -> Self {
        let gateway = if before.gateway.is_empty() {
            form.text("gateway").to_owned()
        } else {
            before.gateway.clone()
        };
        Self {
            gateway,
            name: form.text("name").to_owned(),
            host: form.text("host").to_owned(),
            port: form.text("port").to_owned(),
            secure: form.text("secure") != "starttls",
            user: form.text("user").to_owned(),
            pass: form.raw("pass").to_owned(),
            insecure: form.is("insecure"),
            tls: before.tls.clone(),
        }
    }

    /// Forgets the password, which is not sent back to the browser.
    pub(super) fn without_password(mut self) -> Self {
        self.pass.clear();
        self
    }

    /// The body for the API, without the id. A password that was not typed is left out, and stays what it is; without a
    /// user there is none.
    pub(super) fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        put("name", json!(self.name));
        put("host", json!(self.host));
        put("secure", json!(self.secure));
        put(
            "port",
            match self.port.as_str() {
                "" => json!(if self.secure { 465 } else { 587 }),
                typed => json!(typed),
            },
        );
        put("user", json!(self.user));
        if !self.pass.is_empty() || self.user.is_empty() {
            put("pass", json!(self.pass));
        }
        let was = self.tls.get("rejectUnauthorized") == Some(&json!(false));
        if was != self.insecure {
            let mut tls = self.tls.clone();
            tls.insert("rejectUnauthorized".to_owned(), json!(!self.insecure));
            put("tls", tls.into());
        }
        body
    }
}

/// What is wrong with the form.
pub(super) fn faults_of(error: &ApiError) -> Faults {
    Faults::of(error, |label| {
        FIELDS.contains(&label).then(|| label.to_owned())
    })
}
