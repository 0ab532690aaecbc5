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

const fn setting(
    key: &'static str,
    default: &'static str,
    showing: Showing,
    served: bool,
    help: &'static str,
) -> Setting {
    Setting {
        key,
        default,
        showing,
        served,
        help,
    }
}

/// Every setting.
pub static SETTINGS: &[Setting] = &[
    setting(
        "webhooksEnabled",
        "false",
        Showing::Open,
        true,
        "Deliver webhooks.",
    ),
    setting(
        "webhooks",
        "null",
        Showing::Url,
        true,
        "Where webhooks go unless the account names its own target.",
    ),
    setting(
        "webhookEvents",
        r#"["*"]"#,
        Showing::Open,
        true,
        "Event types that are delivered to the default target; `*` is all, an empty list none.",
    ),
    setting(
        "webhooksCustomHeaders",
        "[]",
        Showing::Headers,
        true,
        "Headers added to every webhook.",
    ),
    setting(
        "notifyHeaders",
        "[]",
        Showing::Open,
        true,
        "Message headers that `messageNew` carries, lower case; `*` is all.",
    ),
    setting(
        "serviceUrl",
        "null",
        Showing::Open,
        true,
        "Where this instance is reached from outside; reduced to its origin.",
    ),
    setting(
        "notificationBaseUrl",
        "null",
        Showing::Open,
        false,
        "Where providers reach this instance with notifications, when not at `serviceUrl`.",
    ),
    setting(
        "trackClicks",
        "false",
        Showing::Open,
        false,
        "Rewrite links of sent mail to learn of clicks.",
    ),
    setting(
        "trackOpens",
        "false",
        Showing::Open,
        false,
        "Add a pixel to sent mail to learn of opens.",
    ),
    setting(
        "imapIndexer",
        r#""full""#,
        Showing::Open,
        false,
        "How folders are indexed: `full` or `fast`.",
    ),
    setting(
        "resolveGmailCategories",
        "false",
        Showing::Open,
        false,
        "Look up Gmail's category of new messages.",
    ),
    setting(
        "ignoreMailCertErrors",
        "false",
        Showing::Open,
        true,
        "Accept invalid certificates of mail servers.",
    ),
    setting(
        "generateEmailSummary",
        "false",
        Showing::Open,
        false,
        "Add a summary to `messageNew`.",
    ),
    setting(
        "openAiAPIKey",
        "null",
        Showing::Secret,
        false,
        "Key of the language model's API.",
    ),
    setting(
        "openAiModel",
        "null",
        Showing::Open,
        false,
        "Language model.",
    ),
    setting(
        "openAiAPIUrl",
        "null",
        Showing::Url,
        false,
        "Address of the language model's API.",
    ),
    setting(
        "openAiTemperature",
        "null",
        Showing::Open,
        false,
        "Sampling temperature of the language model.",
    ),
    setting(
        "openAiTopP",
        "null",
        Showing::Open,
        false,
        "Nucleus sampling of the language model.",
    ),
    setting(
        "openAiMaxTokens",
        "null",
        Showing::Open,
        false,
        "Limit of tokens for the language model.",
    ),
    setting(
        "openAiPrompt",
        "null",
        Showing::Open,
        false,
        "Prompt of the language model.",
    ),
    setting(
        "openAiGenerateEmbeddings",
        "false",
        Showing::Open,
        false,
        "Add embeddings to `messageNew`.",
    ),
    setting(
        "inboxNewOnly",
        "false",
        Showing::Open,
        true,
        "Announce new messages of the inbox only.",
    ),
    setting(
        "serviceSecret",
        "null",
        Showing::Secret,
        true,
        "Key that signs webhooks and public links.",
    ),
    setting(
        "authServer",
        "null",
        Showing::Url,
        false,
        "Authentication server that hands out mailbox credentials.",
    ),
    setting(
        "tokenAuditLog",
        "false",
        Showing::Open,
        true,
        "Keep a log of every use of an access token.",
    ),
    setting(
        "queryTokens",
        "true",
        Showing::Open,
        true,
        "Accept access tokens in the `access_token` query parameter.",
    ),
    setting(
        "proxyEnabled",
        "false",
        Showing::Open,
        true,
        "Use `proxyUrl` for mail servers.",
    ),
    setting(
        "proxyUrl",
        "null",
        Showing::Url,
        true,
        "Proxy for connections to mail servers.",
    ),
    setting(
        "httpProxyEnabled",
        "false",
        Showing::Open,
        false,
        "Use `httpProxyUrl` for outgoing HTTP.",
    ),
    setting(
        "httpProxyUrl",
        "null",
        Showing::Url,
        false,
        "Proxy for outgoing HTTP.",
    ),
    setting(
        "smtpEhloName",
        "null",
        Showing::Open,
        true,
        "Host name for EHLO.",
    ),
    setting(
        "notifyText",
        "true",
        Showing::Open,
        true,
        "`messageNew` carries the text.",
    ),
    setting(
        "notifyWebSafeHtml",
        "false",
        Showing::Open,
        false,
        "The HTML in `messageNew` is sanitised.",
    ),
    setting(
        "notifyTextSize",
        "2097152",
        Showing::Open,
        true,
        "Limit in bytes of each text type in `messageNew`.",
    ),
    setting(
        "notifyAttachments",
        "false",
        Showing::Open,
        false,
        "`messageNew` carries attachments.",
    ),
    setting(
        "notifyAttachmentSize",
        "null",
        Showing::Open,
        false,
        "Limit in bytes of each attachment in `messageNew`.",
    ),
    setting(
        "notifyCalendarEvents",
        "false",
        Showing::Open,
        false,
        "`messageNew` carries calendar events.",
    ),
    setting(
        "mcpEnabled",
        "false",
        Showing::Open,
        false,
        "Serve the Model Context Protocol.",
    ),
    setting(
        "mcpOAuthEnabled",
        "false",
        Showing::Open,
        false,
        "Offer OAuth to clients of the Model Context Protocol.",
    ),
    setting(
        "logs",
        r#"{"all":false,"maxLogLines":10000}"#,
        Showing::Open,
        false,
        "Protocol logs of accounts.",
    ),
    setting(
        "sentryEnabled",
        "false",
        Showing::Open,
        false,
        "Report errors to Sentry.",
    ),
    setting(
        "sentryDsn",
        "null",
        Showing::Open,
        false,
        "Address of the Sentry project.",
    ),
    setting(
        "imapStrategy",
        r#""default""#,
        Showing::Open,
        false,
        "Which local address IMAP connections use.",
    ),
    setting(
        "smtpStrategy",
        r#""default""#,
        Showing::Open,
        false,
        "Which local address SMTP connections use.",
    ),
    setting(
        "localAddresses",
        "[]",
        Showing::Open,
        false,
        "Local addresses to choose from.",
    ),
    setting(
        "smtpServerEnabled",
        "false",
        Showing::Open,
        false,
        "Run the SMTP submission server.",
    ),
    setting(
        "smtpServerPort",
        "2525",
        Showing::Open,
        false,
        "Port of the SMTP submission server.",
    ),
    setting(
        "smtpServerHost",
        r#""127.0.0.1""#,
        Showing::Open,
        false,
        "Address of the SMTP submission server.",
    ),
    setting(
        "smtpServerProxy",
        "false",
        Showing::Open,
        false,
        "Expect the PROXY protocol on the SMTP submission server.",
    ),
    setting(
        "smtpServerAuthEnabled",
        "true",
        Showing::Open,
        false,
        "Demand a login on the SMTP submission server.",
    ),
    setting(
        "smtpServerPassword",
        "null",
        Showing::Secret,
        false,
        "Password of the SMTP submission server.",
    ),
    setting(
        "smtpServerTLSEnabled",
        "false",
        Showing::Open,
        false,
        "TLS on the SMTP submission server.",
    ),
    setting(
        "imapProxyServerEnabled",
        "false",
        Showing::Open,
        false,
        "Run the IMAP proxy.",
    ),
    setting(
        "imapProxyServerPort",
        "2993",
        Showing::Open,
        false,
        "Port of the IMAP proxy.",
    ),
    setting(
        "imapProxyServerHost",
        r#""127.0.0.1""#,
        Showing::Open,
        false,
        "Address of the IMAP proxy.",
    ),
    setting(
        "imapProxyServerProxy",
        "false",
        Showing::Open,
        false,
        "Expect the PROXY protocol on the IMAP proxy.",
    ),
    setting(
        "imapProxyServerPassword",
        "null",
        Showing::Secret,
        false,
        "Password of the IMAP proxy.",
    ),
    setting(
        "imapProxyServerTLSEnabled",
        "false",
        Showing::Open,
        false,
        "TLS on the IMAP proxy.",
    ),
    setting(
        "queueKeep",
        "0",
        Showing::Open,
        false,
        "How many finished jobs of a queue are kept.",
    ),
    setting(
        "deliveryAttempts",
        "10",
        Showing::Open,
        true,
        "How often a message is tried.",
    ),
    setting(
        "gmailSubscriptionTtl",
        "null",
        Showing::Open,
        false,
        "Days a Pub/Sub subscription lives.",
    ),
    setting(
        "templateHeader",
        "null",
        Showing::Open,
        false,
        "HTML at the top of public pages.",
    ),
    setting(
        "templateHtmlHead",
        "null",
        Showing::Open,
        false,
        "HTML in the head of public pages.",
    ),
    setting(
        "scriptEnv",
        r#""{}""#,
        Showing::Open,
        false,
        "JSON that user scripts see as `env`.",
    ),
    setting(
        "enableApiProxy",
        "true",
        Showing::Open,
        true,
        "Take the client's address from `X-Forwarded-For`.",
    ),
    setting(
        "locale",
        r#""en""#,
        Showing::Open,
        false,
        "Language of pages.",
    ),
    setting(
        "timezone",
        "null",
        Showing::Open,
        false,
        "Time zone of pages.",
    ),
    setting(
        "pageBrandName",
        "null",
        Showing::Open,
        false,
        "Name in the titles of pages.",
    ),
    setting(
        "openAiPreProcessingFn",
        "null",
        Showing::Open,
        false,
        "Script that decides which messages the language model sees.",
    ),
    setting(
        "imapClientName",
        "null",
        Showing::Open,
        true,
        "Name given to IMAP servers (RFC 2971).",
    ),
    setting(
        "imapClientVersion",
        "null",
        Showing::Open,
        true,
        "Version given to IMAP servers.",
    ),
    setting(
        "imapClientVendor",
        "null",
        Showing::Open,
        true,
        "Vendor given to IMAP servers.",
    ),
    setting(
        "imapClientSupportUrl",
        "null",
        Showing::Open,
        true,
        "Support address given to IMAP servers.",
    ),
    setting(
        "exportMaxConcurrent",
        "2",
        Showing::Open,
        false,
        "Exports of one account at once.",
    ),
    setting(
        "exportMaxGlobalConcurrent",
        "8",
        Showing::Open,
        false,
        "Exports at once.",
    ),
    setting(
        "gmailExportBatchSize",
        "10",
        Showing::Open,
        false,
        "Messages a request when exporting from Gmail.",
    ),
    setting(
        "outlookExportBatchSize",
        "20",
        Showing::Open,
        false,
        "Messages a request when exporting from Outlook.",
    ),
    setting(
        "exportMaxMessages",
        "500000",
        Showing::Open,
        false,
        "Messages an export holds at most.",
    ),
    setting(
        "exportMaxSize",
        "10737418240",
        Showing::Open,
        false,
        "Bytes an export holds at most.",
    ),
    setting(
        "trackSentMessages",
        "null",
        Showing::Open,
        false,
        "Former switch of both trackers.",
    ),
    setting(
        "generateRiskAssessment",
        "false",
        Showing::Open,
        false,
        "Add a risk assessment to `messageNew`.",
    ),
    setting(
        "documentStoreEnabled",
        "false",
        Showing::Open,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStoreUrl",
        "null",
        Showing::Url,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStoreIndex",
        "null",
        Showing::Open,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStoreAuthEnabled",
        "false",
        Showing::Open,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStoreUsername",
        "null",
        Showing::Open,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStorePassword",
        "null",
        Showing::Secret,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStoreGenerateEmbeddings",
        "false",
        Showing::Open,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStorePreProcessingEnabled",
        "false",
        Showing::Open,
        false,
        "Deprecated document store.",
    ),
    setting(
        "documentStoreChatModel",
        "null",
        Showing::Open,
        false,
        "Deprecated document store.",
    ),
    setting(
        "serviceId",
        "null",
        Showing::Internal,
        true,
        "Identifies this instance; made at first start.",
    ),
    setting(
        "disableTokens",
        "false",
        Showing::Internal,
        true,
        "Admit requests without an access token.",
    ),
    setting(
        "enableOAuthTokensApi",
        "false",
        Showing::Internal,
        false,
        "Hand out OAuth2 access tokens of accounts.",
    ),
    setting(
        "cookiePassword",
        "null",
        Showing::Internal,
        true,
        "Key that seals cookies; made at first start.",
    ),
    setting(
        "webhookErrorFlag",
        "null",
        Showing::Internal,
        true,
        "The last failed webhook of the default target.",
    ),
    setting(
        "run",
        "0",
        Showing::Internal,
        true,
        "How often this store was started.",
    ),
];

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
