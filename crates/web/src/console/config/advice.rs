//! What the values of a group call for: said at the top of its page.

use posthouse_model::settings::Group;

use crate::{flash::Tone, page::Page};

/// A hint.
pub(super) struct Advice {
    pub(super) tone: Tone,
    pub(super) text: String,
}

impl Advice {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
        }
    }
}

/// What a group's values call for.
pub(super) fn advice(page: &Page, group: Group) -> Vec<Advice> {
    let settings = page.app.settings();
    let mut advice = Vec::new();
    let mut say = |condition: bool, tone: Tone, text: &str| {
        if condition {
            advice.push(Advice::new(tone, text));
        }
    };
    match group {
        Group::Service => {
            let text = format!(
                "The service URL is not set, so links in messages cannot be made. You reach this console at {}.",
                page.origin
            );
            say(settings.text("serviceUrl").is_none(), Tone::Info, &text);
        }
        Group::Security => {
            say(
                settings.bool("disableTokens"),
                Tone::Bad,
                "Requests without an access token are admitted: everybody who reaches this server can read and send mail.",
            );
            say(
                settings.bool("ignoreMailCertErrors"),
                Tone::Warn,
                "Certificates of mail servers are not checked.",
            );
        }
        Group::Webhooks => {
            let (on, target) = (settings.bool("webhooksEnabled"), settings.text("webhooks"));
            say(
                on && target.is_none(),
                Tone::Warn,
                "Webhooks are on, but there is no target URL: only accounts with a target of their own deliver events.",
            );
            say(
                !on && target.is_some(),
                Tone::Info,
                "There is a target URL, but webhooks are off: nothing is delivered.",
            );
            say(
                on && target.is_some() && settings.words("webhookEvents").is_empty(),
                Tone::Warn,
                "No event is chosen: nothing is delivered to the target URL.",
            );
        }
        Group::Network => {
            say(
                settings.bool("proxyEnabled") && settings.text("proxyUrl").is_none(),
                Tone::Warn,
                "The proxy for mail servers is on, but it has no address.",
            );
        }
        _ => {}
    }
    advice
}
