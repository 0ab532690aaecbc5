//! The registry of run-time settings (behaviour 19, appendix B): every key with its default, how it
//! is shown and what it is for. Types and limits stand in the contract (`POST /v1/settings`).

use serde_json::Value;

use crate::secret::{MASK, mask_url};

/// How a stored value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// As it is.
    Open,
    /// User name and password of the URL masked.
    Url,
    /// Values of the headers masked.
    Headers,
    /// As a boolean: whether there is one. Sealed in the store.
    Secret,
    /// Never over the API. Sealed in the store.
    Internal,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Key on the wire.
    pub key: &'static str,
    /// Default, as JSON.
    default: &'static str,
    /// How it is shown.
    pub showing: Showing,
    /// Whether something acts on it; a setting whose feature is to come is kept and listed as such.
    pub served: bool,
    /// What it is for, one sentence.
    pub help: &'static str,
}

impl Setting {
    /// The value when none is stored.
    #[must_use]
    pub fn default(&self) -> Value {
        serde_json::from_str(self.default).unwrap_or_default()
    }

    /// Whether it is sealed in the store.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        // Headers and URLs may hold credentials.
        !matches!(self.showing, Showing::Open)
    }

    /// Whether the API reads and writes it.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        !matches!(self.showing, Showing::Internal)
    }

    /// The value as the API shows it.
    #[must_use]
    pub fn show(&self, value: &Value) -> Value {
        match self.showing {
            Showing::Open | Showing::Internal => value.clone(),
            Showing::Secret => Value::Bool(value.as_str().is_some_and(|text| !text.is_empty())),
            Showing::Url => value
                .as_str()
                .map_or_else(|| value.clone(), |url| mask_url(url).into()),
            Showing::Headers => mask_headers(value),
        }
    }
}

/// The headers with their values masked; empty values stay empty.
#[must_use]
pub fn mask_headers(value: &Value) -> Value {
    let mut value = value.clone();
    for header in value.as_array_mut().into_iter().flatten() {
        if let Some(Value::String(text)) = header.get_mut("value")
            && !text.is_empty()
        {
            MASK.clone_into(text);
        }
    }
    value
}

/// The setting of this key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Writes the registry as one row a setting: key, default, how it is shown, whether it is served,
/// what it is for.
macro_rules! settings {
    ($($key:literal, $default:literal, $showing:ident, $served:ident, $help:literal;)+) => {
        /// Every setting.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            default: $default,
            showing: Showing::$showing,
            served: settings!(@$served),
            help: $help,
        }),+];
    };
    (@served) => { true };
    (@kept) => { false };
}

settings! {
    "webhooksEnabled", "false", Open, served, "Deliver webhooks.";
    "webhooks", "null", Url, served, "Where webhooks go unless the account names its own target.";
    "webhookEvents", r#"["*"]"#, Open, served, "Event types that are delivered to the default target; `*` is all, an empty list none.";
    "webhooksCustomHeaders", "[]", Headers, served, "Headers added to every webhook.";
    "notifyHeaders", "[]", Open, served, "Message headers that `messageNew` carries, lower case; `*` is all.";
    "serviceUrl", "null", Open, served, "Where this instance is reached from outside; reduced to its origin.";
    "notificationBaseUrl", "null", Open, kept, "Where providers reach this instance with notifications, when not at `serviceUrl`.";
    "trackClicks", "false", Open, kept, "Rewrite links of sent mail to learn of clicks.";
    "trackOpens", "false", Open, kept, "Add a pixel to sent mail to learn of opens.";
    "imapIndexer", r#""full""#, Open, kept, "How folders are indexed: `full` or `fast`.";
    "resolveGmailCategories", "false", Open, kept, "Look up Gmail's category of new messages.";
    "ignoreMailCertErrors", "false", Open, served, "Accept invalid certificates of mail servers.";
    "generateEmailSummary", "false", Open, kept, "Add a summary to `messageNew`.";
    "openAiAPIKey", "null", Secret, kept, "Key of the language model's API.";
    "openAiModel", "null", Open, kept, "Language model.";
    "openAiAPIUrl", "null", Url, kept, "Address of the language model's API.";
    "openAiTemperature", "null", Open, kept, "Sampling temperature of the language model.";
    "openAiTopP", "null", Open, kept, "Nucleus sampling of the language model.";
    "openAiMaxTokens", "null", Open, kept, "Limit of tokens for the language model.";
    "openAiPrompt", "null", Open, kept, "Prompt of the language model.";
    "openAiGenerateEmbeddings", "false", Open, kept, "Add embeddings to `messageNew`.";
    "inboxNewOnly", "false", Open, served, "Announce new messages of the inbox only.";
    "serviceSecret", "null", Secret, served, "Key that signs webhooks and public links.";
    "authServer", "null", Url, kept, "Authentication server that hands out mailbox credentials.";
    "tokenAuditLog", "false", Open, served, "Keep a log of every use of an access token.";
    "queryTokens", "true", Open, served, "Accept access tokens in the `access_token` query parameter.";
    "proxyEnabled", "false", Open, served, "Use `proxyUrl` for mail servers.";
    "proxyUrl", "null", Url, served, "Proxy for connections to mail servers.";
    "httpProxyEnabled", "false", Open, kept, "Use `httpProxyUrl` for outgoing HTTP.";
    "httpProxyUrl", "null", Url, kept, "Proxy for outgoing HTTP.";
    "smtpEhloName", "null", Open, served, "Host name for EHLO.";
    "notifyText", "true", Open, served, "`messageNew` carries the text.";
    "notifyWebSafeHtml", "false", Open, kept, "The HTML in `messageNew` is sanitised.";
    "notifyTextSize", "2097152", Open, served, "Limit in bytes of each text type in `messageNew`.";
    "notifyAttachments", "false", Open, kept, "`messageNew` carries attachments.";
    "notifyAttachmentSize", "null", Open, kept, "Limit in bytes of each attachment in `messageNew`.";
    "notifyCalendarEvents", "false", Open, kept, "`messageNew` carries calendar events.";
    "mcpEnabled", "false", Open, kept, "Serve the Model Context Protocol.";
    "mcpOAuthEnabled", "false", Open, kept, "Offer OAuth to clients of the Model Context Protocol.";
    "logs", r#"{"all":false,"maxLogLines":10000}"#, Open, kept, "Protocol logs of accounts.";
    "sentryEnabled", "false", Open, kept, "Report errors to Sentry.";
    "sentryDsn", "null", Open, kept, "Address of the Sentry project.";
    "imapStrategy", r#""default""#, Open, kept, "Which local address IMAP connections use.";
    "smtpStrategy", r#""default""#, Open, kept, "Which local address SMTP connections use.";
    "localAddresses", "[]", Open, kept, "Local addresses to choose from.";
    "smtpServerEnabled", "false", Open, kept, "Run the SMTP submission server.";
    "smtpServerPort", "2525", Open, kept, "Port of the SMTP submission server.";
    "smtpServerHost", r#""127.0.0.1""#, Open, kept, "Address of the SMTP submission server.";
    "smtpServerProxy", "false", Open, kept, "Expect the PROXY protocol on the SMTP submission server.";
    "smtpServerAuthEnabled", "true", Open, kept, "Demand a login on the SMTP submission server.";
    "smtpServerPassword", "null", Secret, kept, "Password of the SMTP submission server.";
    "smtpServerTLSEnabled", "false", Open, kept, "TLS on the SMTP submission server.";
    "imapProxyServerEnabled", "false", Open, kept, "Run the IMAP proxy.";
    "imapProxyServerPort", "2993", Open, kept, "Port of the IMAP proxy.";
    "imapProxyServerHost", r#""127.0.0.1""#, Open, kept, "Address of the IMAP proxy.";
    "imapProxyServerProxy", "false", Open, kept, "Expect the PROXY protocol on the IMAP proxy.";
    "imapProxyServerPassword", "null", Secret, kept, "Password of the IMAP proxy.";
    "imapProxyServerTLSEnabled", "false", Open, kept, "TLS on the IMAP proxy.";
    "queueKeep", "0", Open, kept, "How many finished jobs of a queue are kept.";
    "deliveryAttempts", "10", Open, served, "How often a message is tried.";
    "gmailSubscriptionTtl", "null", Open, kept, "Days a Pub/Sub subscription lives.";
    "templateHeader", "null", Open, kept, "HTML at the top of public pages.";
    "templateHtmlHead", "null", Open, kept, "HTML in the head of public pages.";
    "scriptEnv", r#""{}""#, Open, kept, "JSON that user scripts see as `env`.";
    "enableApiProxy", "true", Open, served, "Take the client's address from `X-Forwarded-For`.";
    "locale", r#""en""#, Open, kept, "Language of pages.";
    "timezone", "null", Open, kept, "Time zone of pages.";
    "pageBrandName", "null", Open, kept, "Name in the titles of pages.";
    "openAiPreProcessingFn", "null", Open, kept, "Script that decides which messages the language model sees.";
    "imapClientName", "null", Open, served, "Name given to IMAP servers (RFC 2971).";
    "imapClientVersion", "null", Open, served, "Version given to IMAP servers.";
    "imapClientVendor", "null", Open, served, "Vendor given to IMAP servers.";
    "imapClientSupportUrl", "null", Open, served, "Support address given to IMAP servers.";
    "exportMaxConcurrent", "2", Open, kept, "Exports of one account at once.";
    "exportMaxGlobalConcurrent", "8", Open, kept, "Exports at once.";
    "gmailExportBatchSize", "10", Open, kept, "Messages a request when exporting from Gmail.";
    "outlookExportBatchSize", "20", Open, kept, "Messages a request when exporting from Outlook.";
    "exportMaxMessages", "500000", Open, kept, "Messages an export holds at most.";
    "exportMaxSize", "10737418240", Open, kept, "Bytes an export holds at most.";
    "trackSentMessages", "null", Open, kept, "Former switch of both trackers.";
    "generateRiskAssessment", "false", Open, kept, "Add a risk assessment to `messageNew`.";
    "documentStoreEnabled", "false", Open, kept, "Deprecated document store.";
    "documentStoreUrl", "null", Url, kept, "Deprecated document store.";
    "documentStoreIndex", "null", Open, kept, "Deprecated document store.";
    "documentStoreAuthEnabled", "false", Open, kept, "Deprecated document store.";
    "documentStoreUsername", "null", Open, kept, "Deprecated document store.";
    "documentStorePassword", "null", Secret, kept, "Deprecated document store.";
    "documentStoreGenerateEmbeddings", "false", Open, kept, "Deprecated document store.";
    "documentStorePreProcessingEnabled", "false", Open, kept, "Deprecated document store.";
    "documentStoreChatModel", "null", Open, kept, "Deprecated document store.";
    "serviceId", "null", Internal, served, "Identifies this instance; made at first start.";
    "disableTokens", "false", Internal, served, "Admit requests without an access token.";
    "enableOAuthTokensApi", "false", Internal, kept, "Hand out OAuth2 access tokens of accounts.";
    "cookiePassword", "null", Internal, served, "Key that seals cookies; made at first start.";
    "webhookErrorFlag", "null", Internal, served, "The last failed webhook of the default target.";
    "run", "0", Internal, served, "How often this store was started.";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_unique_and_defaults_are_json() {
        let keys: HashSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), SETTINGS.len());
        for setting in SETTINGS {
            serde_json::from_str::<Value>(setting.default).unwrap();
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let show = |key: &str, value: &str| {
            find(key)
                .unwrap()
                .show(&serde_json::from_str(value).unwrap())
                .to_string()
        };
        assert_eq!(show("serviceSecret", r#""abc""#), "true");
        assert_eq!(show("serviceSecret", "null"), "false");
        assert_eq!(
            show("webhooks", r#""https://u:p@h/""#),
            r#""https://******:******@h/""#
        );
        assert_eq!(
            show(
                "webhooksCustomHeaders",
                r#"[{"key":"A","value":"s"},{"key":"B","value":""}]"#
            ),
            r#"[{"key":"A","value":"******"},{"key":"B","value":""}]"#
        );
    }
}
