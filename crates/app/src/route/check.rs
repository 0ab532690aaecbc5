//! What can be stored of a route: every fault is named at once.

use posthouse_engine::script::{ErrorKind, ScriptError};
use posthouse_model::{ApiError, route::RouteConfig, secret::mask_url};
use serde_json::{Value, json};
use url::Url;

use crate::{
    App,
    mask::{Sent, compare, restore_headers},
    settings_console::is_header_name,
};

/// Characters of a name, and of a description, as the contract has them.
const NAME: usize = 256;
const DESCRIPTION: usize = 1024;
/// Bytes of a URL.
const URL: usize = 4096;
/// Headers, bytes of a name and of a value.
const HEADERS: (usize, usize, usize) = (50, 1024, 10_240);

impl App {
    /// The configuration as it is stored: trimmed, masks replaced by what they stand for.
    pub(super) async fn checked_route(
        &self,
        mut config: RouteConfig,
        stored: Option<&RouteConfig>,
    ) -> Result<RouteConfig, ApiError> {
        let mut faults = plain_faults(&mut config, stored);
        let RouteConfig { content, .. } = &mut config;
        for (key, body) in [("fn", &mut content.filter), ("map", &mut content.map)] {
            *body = body.take().filter(|body| !body.trim().is_empty());
            let Some(body) = body else { continue };
            if let Err(error) = self.engine().check_script(body).await {
                faults.push(fault(key, &script_fault(&error)?));
            }
        }
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(ApiError::invalid_input(faults.into()))
        }
    }
}

/// What is wrong with a script that was not compiled.
fn script_fault(error: &ScriptError) -> Result<String, ApiError> {
    if error.kind.is_transient() {
        tracing::warn!(%error, "a script cannot be checked");
        let message = "The script cannot be checked at the moment; try again shortly";
        return Err(ApiError::new(503, message));
    }
    Ok(match (error.kind, error.position()) {
        (ErrorKind::Syntax, Some((line, column))) => {
            format!("{} in line {line}, column {column}", error.message)
        }
        _ => error.message.clone(),
    })
}

fn fault(key: &str, message: &str) -> Value {
    json!({ "message": message, "key": key })
}

fn plain_faults(config: &mut RouteConfig, stored: Option<&RouteConfig>) -> Vec<Value> {
    let mut faults = Vec::new();
    let mut refuse = |key: &str, message: &str| faults.push(fault(key, message));
    for text in [&mut config.name, &mut config.description] {
        *text = text.trim().to_owned();
    }
    if config.name.is_empty() {
        refuse("name", "Give the route a name");
    } else if config.name.chars().count() > NAME {
        refuse("name", &format!("The name may have {NAME} characters"));
    }
    if config.description.chars().count() > DESCRIPTION {
        let message = format!("The description may have {DESCRIPTION} characters");
        refuse("description", &message);
    }
    let known = stored.and_then(|stored| stored.target_url.as_deref());
    config.target_url = config
        .target_url
        .take()
        .map(|url| url.trim().to_owned())
        .filter(|url| !url.is_empty());
    if let Some(url) = &mut config.target_url {
        match compare(url, known) {
            Sent::Unchanged => known.unwrap_or_default().clone_into(url),
            Sent::Refused => refuse(
                "targetUrl",
                "Write user name and password out: only those of the stored URL can stay masked",
            ),
            Sent::New => {
                if let Err(message) = check_url(url) {
                    refuse("targetUrl", message);
                }
            }
        }
    }
    if let Err(message) = restore(config, stored) {
        refuse("customHeaders", &message);
    }
    faults
}

fn check_url(text: &str) -> Result<(), &'static str> {
    if text.len() > URL {
        return Err("The URL is too long");
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        _ => Err("Write a whole address, such as https://example.com/hook"),
    }
}

fn restore(config: &mut RouteConfig, stored: Option<&RouteConfig>) -> Result<(), String> {
    config
        .custom_headers
        .retain(|header| !header.key.trim().is_empty() || !header.value.is_empty());
    if config.custom_headers.len() > HEADERS.0 {
        return Err(format!("There may be {} headers", HEADERS.0));
    }
    for header in &mut config.custom_headers {
        header.key = header.key.trim().to_owned();
        if !is_header_name(&header.key) || header.key.len() > HEADERS.1 {
            return Err("Names of headers have letters, digits and hyphens".to_owned());
        }
        let value = header.value.expose();
        if value.chars().any(char::is_control) || value.len() > HEADERS.2 {
            return Err("Values of headers have one line".to_owned());
        }
    }
    let mut headers = json!(config.custom_headers);
    let known = stored.map_or(Value::Null, |stored| json!(stored.custom_headers));
    restore_headers(&mut headers, &known)
        .map_err(|name| format!("Write the value of the header {name} out: none is stored"))?;
    config.custom_headers = serde_json::from_value(headers).unwrap_or_default();
    Ok(())
}

/// Whether stored headers may be sent to this URL: they were stored for that of the route, and for no other.
pub(super) fn keeps_its_target(url: Option<&str>, stored: &RouteConfig) -> bool {
    let known = stored.target_url.as_deref();
    let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
    match (url, known) {
        (Some(url), Some(known)) => {
            url == mask_url(known) || origin(url).is_some_and(|one| Some(one) == origin(known))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use posthouse_model::{Secret, account::CustomHeader, secret::MASK};

    use super::*;

    fn config(url: &str, headers: &[(&str, &str)]) -> RouteConfig {
        let header = |(key, value): &(&str, &str)| CustomHeader {
            key: (*key).to_owned(),
            value: Secret::new(*value),
        };
        RouteConfig {
            name: " a name ".to_owned(),
            target_url: Some(url.to_owned()),
            custom_headers: headers.iter().map(header).collect(),
            ..RouteConfig::default()
        }
    }

    fn keys(config: &mut RouteConfig, stored: Option<&RouteConfig>) -> Vec<String> {
        let faults = plain_faults(config, stored);
        let key = |fault: &Value| fault["key"].as_str().unwrap().to_owned();
        faults.iter().map(key).collect()
    }

    #[test]
    fn every_fault_is_named() {
        let mut bad = config("ftp://x/", &[("two words", "x")]);
        bad.name = " ".to_owned();
        bad.description = "x".repeat(DESCRIPTION + 1);
        let expected = ["name", "description", "targetUrl", "customHeaders"];
        assert_eq!(keys(&mut bad, None), expected);
        for url in ["https://", "example.com", "javascript:alert(1)"] {
            assert_eq!(keys(&mut config(url, &[]), None), ["targetUrl"], "{url}");
        }
        let mut good = config(" https://example.com/hook ", &[("", ""), ("X-Key", "v")]);
        assert!(keys(&mut good, None).is_empty());
        assert_eq!(good.name, "a name");
        assert_eq!(good.target_url.as_deref(), Some("https://example.com/hook"));
        assert_eq!(good.custom_headers.len(), 1);
    }

    #[test]
    fn masks_stand_for_what_is_stored() {
        let stored = config("https://u:p@h/x", &[("X-Key", "secret")]);
        let mut sent = config("https://******:******@h/x", &[("x-key", MASK)]);
        assert!(keys(&mut sent, Some(&stored)).is_empty());
        assert_eq!(sent.target_url.as_deref(), Some("https://u:p@h/x"));
        assert_eq!(sent.custom_headers[0].value.expose(), "secret");
        let mut elsewhere = config("https://******:******@other/x", &[("X-Other", MASK)]);
        let expected = ["targetUrl", "customHeaders"];
        assert_eq!(keys(&mut elsewhere, Some(&stored)), expected);
        assert_eq!(keys(&mut elsewhere, None), expected);
    }

    #[test]
    fn stored_headers_stay_with_their_target() {
        let stored = config("https://u:p@h/x", &[]);
        for (url, keeps) in [
            ("https://******:******@h/x", true),
            ("https://h/other", true),
            ("https://elsewhere/x", false),
            ("http://h/x", false),
        ] {
            assert_eq!(keeps_its_target(Some(url), &stored), keeps, "{url}");
        }
        assert!(!keeps_its_target(None, &stored));
    }
}
