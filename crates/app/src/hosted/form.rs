//! `POST /v1/authentication/form`: making a link (behaviour 12.1).

use posthouse_model::ApiError;
use serde_json::{Value, json};
use url::Url;

use super::{
    link::{LinkData, nonce},
    redirect,
};
use crate::{App, CallInput, Reply, account::checked_id, signed};

/// What stands for a mailbox over IMAP and SMTP.
const IMAP: &str = "imap";

/// An OAuth2 application that a visitor can log in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedApp {
    /// Id.
    pub id: String,
    /// What its button says.
    pub title: String,
    /// Whether the form offers it; one that is not listed is reached by a link that names it.
    pub listed: bool,
}

impl App {
    /// The OAuth2 applications that are enabled. This version has no OAuth2 applications.
    #[must_use]
    pub fn hosted_apps(&self) -> Vec<HostedApp> {
        Vec::new()
    }

    /// `POST /v1/authentication/form`.
    pub(crate) fn make_form_link(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let settings = self.settings();
        let origin = settings
            .text("serviceUrl")
            .and_then(|url| Url::parse(url).ok())
            .ok_or_else(|| {
                ApiError::new(500, "The setting \"serviceUrl\" is needed to make a link")
                    .code("MissingServiceURLSetup")
            })?;
        let secret = settings
            .text("serviceSecret")
            .ok_or_else(ApiError::internal)?;
        let body = input.body();
        let text = |key: &str| body.filled(key).map(str::to_owned);
        let list = |key: &str| body.value(key).cloned().unwrap_or_default();
        let redirect_url = text("redirectUrl");
        if let Some(url) = &redirect_url
            && redirect::resolve(None, url).is_none()
        {
            let message = "\"redirectUrl\" must be an http or https URL";
            return Err(ApiError::invalid_field("redirectUrl", message));
        }
        if let Some(id) = body.filled("account") {
            checked_id(id)?;
        }
        let data = LinkData {
            account: text("account"),
            name: text("name"),
            email: text("email"),
            expected_email: text("expectedEmail"),
            sync_from: text("syncFrom"),
            notify_from: text("notifyFrom"),
            subconnections: list("subconnections"),
            redirect_url,
            delegated: body.is("delegated"),
            path: some_folders(list("path")),
            n: nonce()?,
            t: self.store().now().millis(),
        };
        let (data, sig) = signed::sign(secret, &data)?;
        let mut url = origin
            .join("/accounts/new")
            .map_err(|error| crate::internal("making a link", &error))?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("data", &data).append_pair("sig", &sig);
            if let Some(kind) = form_type(body.filled("type"), &self.hosted_apps()) {
                query.append_pair("type", &kind);
            }
        }
        Reply::json(&json!({ "url": url.as_str() }))
    }
}

/// The folders; none when all are meant.
fn some_folders(path: Value) -> Value {
    let all = match &path {
        Value::Array(list) => list.iter().any(|entry| entry == "*"),
        one => one == "*",
    };
    if all { Value::Null } else { path }
}

/// Which way the link leads straight on; none leaves the choice to the visitor. Where nothing is to be chosen it is IMAP.
fn form_type(asked: Option<&str>, apps: &[HostedApp]) -> Option<String> {
    let known = |kind: &&str| *kind == IMAP || apps.iter().any(|app| app.id == *kind);
    asked.filter(known).map(str::to_owned).or_else(|| {
        let choice = apps.iter().any(|app| app.listed);
        (!choice).then(|| IMAP.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        let app = |id: &str, listed| HostedApp {
            id: id.to_owned(),
            title: id.to_owned(),
            listed,
        };
        let imap = Some("imap".to_owned());
        assert_eq!(form_type(None, &[]), imap);
        assert_eq!(form_type(Some("AAAB"), &[]), imap);
        let apps = [app("one", true), app("two", false)];
        assert_eq!(form_type(None, &apps), None);
        assert_eq!(form_type(Some("AAAB"), &apps), None);
        assert_eq!(form_type(Some("imap"), &apps), imap);
        assert_eq!(form_type(Some("two"), &apps), Some("two".to_owned()));
        assert_eq!(form_type(None, &[app("two", false)]), imap);
    }

    #[test]
    fn all_folders_are_not_named() {
        assert_eq!(some_folders(json!(["INBOX", "*"])), Value::Null);
        assert_eq!(some_folders(json!("*")), Value::Null);
        assert_eq!(some_folders(json!(["INBOX"])), json!(["INBOX"]));
        assert_eq!(some_folders(Value::Null), Value::Null);
    }
}
