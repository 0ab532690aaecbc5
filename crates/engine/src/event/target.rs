//! Where an event goes (behaviour 7.1).

use posthouse_model::{EventType, RouteId, account::AccountConfig, mailbox::SpecialUse};
use serde_json::Value;

use crate::Settings;

/// The name of the default endpoint in the store; its URL is looked up at delivery, so that a
/// changed setting takes effect for what already waits.
pub const DEFAULT_ENDPOINT: &str = "default";

/// The URL of the default target: the account's own, else the instance's.
#[must_use]
pub fn default_url<'a>(
    settings: &'a Settings,
    account: Option<&'a AccountConfig>,
) -> Option<&'a str> {
    if !settings.bool("webhooksEnabled") {
        return None;
    }
    account
        .and_then(|config| config.webhooks.as_deref())
        .filter(|url| !url.is_empty())
        .or_else(|| settings.text("webhooks"))
}

/// The endpoints that an event is delivered to: the default target, if the event is one of those that are asked for, and
/// every route, whose filter is asked later.
#[must_use]
pub fn endpoints(
    settings: &Settings,
    routes: &[RouteId],
    account: Option<&AccountConfig>,
    event: EventType,
    data: &Value,
    path: Option<&str>,
) -> Vec<String> {
    let allowed = settings
        .words("webhookEvents")
        .iter()
        .any(|word| word == "*" || word == event.as_str());
    let outside =
        event == EventType::MessageNew && settings.bool("inboxNewOnly") && !is_inbox(data, path);
    let mut endpoints = Vec::new();
    if allowed && !outside && default_url(settings, account).is_some() {
        endpoints.push(DEFAULT_ENDPOINT.to_owned());
    }
    if settings.bool("webhooksEnabled") {
        endpoints.extend(routes.iter().map(|route| route.as_str().to_owned()));
    }
    endpoints
}

fn is_inbox(data: &Value, path: Option<&str>) -> bool {
    let inbox = SpecialUse::Inbox.as_str();
    path.is_some_and(|path| path.eq_ignore_ascii_case("INBOX"))
        || data["specialUse"] == inbox
        || data["messageSpecialUse"] == inbox
        || data["labels"]
            .as_array()
            .is_some_and(|labels| labels.iter().any(|label| label == inbox))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(extra: Value) -> Settings {
        let mut values = vec![
            ("webhooksEnabled".to_owned(), json!(true)),
            ("webhooks".to_owned(), json!("http://127.0.0.1/hook")),
        ];
        if let Value::Object(extra) = extra {
            values.extend(extra);
        }
        Settings::new(values)
    }

    #[test]
    fn routing() {
        let to = |extra, event, path| {
            endpoints(&settings(extra), &[], None, event, &json!({}), Some(path)).len()
        };
        assert_eq!(to(json!({}), EventType::MessageNew, "INBOX"), 1);
        assert_eq!(
            to(
                json!({"webhooksEnabled": false}),
                EventType::MessageNew,
                "INBOX"
            ),
            0
        );
        assert_eq!(
            to(json!({"webhookEvents": []}), EventType::MessageNew, "INBOX"),
            0
        );
        assert_eq!(
            to(
                json!({"webhookEvents": ["messageSent"]}),
                EventType::MessageNew,
                "INBOX"
            ),
            0
        );
        assert_eq!(
            to(
                json!({"webhookEvents": ["messageNew"]}),
                EventType::MessageNew,
                "Other"
            ),
            1
        );
        assert_eq!(
            to(
                json!({"inboxNewOnly": true}),
                EventType::MessageNew,
                "Other"
            ),
            0
        );
        assert_eq!(
            to(
                json!({"inboxNewOnly": true}),
                EventType::MessageNew,
                "inbox"
            ),
            1
        );
        assert_eq!(
            to(
                json!({"inboxNewOnly": true}),
                EventType::MessageSent,
                "Other"
            ),
            1
        );
    }

    #[test]
    fn routes_are_asked_of_every_event() {
        let routes = [RouteId::named("r1"), RouteId::named("r2")];
        let to = |extra| {
            let settings = settings(extra);
            let event = EventType::MessageNew;
            endpoints(&settings, &routes, None, event, &json!({}), Some("Other"))
        };
        assert_eq!(to(json!({})), ["default", "r1", "r2"]);
        let narrow = json!({ "webhookEvents": [], "inboxNewOnly": true });
        assert_eq!(to(narrow), ["r1", "r2"]);
        assert_eq!(to(json!({ "webhooks": null })), ["r1", "r2"]);
        assert!(to(json!({ "webhooksEnabled": false })).is_empty());
    }

    #[test]
    fn the_account_s_own_target_wins() {
        let config = AccountConfig {
            webhooks: Some("http://own/".to_owned()),
            ..AccountConfig::default()
        };
        let settings = settings(json!({}));
        assert_eq!(default_url(&settings, Some(&config)), Some("http://own/"));
        assert_eq!(default_url(&settings, None), Some("http://127.0.0.1/hook"));
    }
}
