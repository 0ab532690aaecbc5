//! Accounts: what is configured, and what is known of them (behaviour 8.1, 8.2).

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Secret, Timestamp, access::words};

/// An account's id: 1 to 256 characters, chosen by the client or generated.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Wraps an id.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::borrow::Borrow<str> for AccountId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

words! {
    /// The state of an account's connection.
    AccountState {
        /// Not looked at since the process started.
        Init = "init",
        /// Connecting and logging in.
        Connecting = "connecting",
        /// Comparing the mailbox with what is known.
        Syncing = "syncing",
        /// Following the mailbox.
        Connected = "connected",
        /// The server refused the credentials.
        AuthenticationError = "authenticationError",
        /// The server cannot be reached or failed.
        ConnectError = "connectError",
        /// IMAP is absent or disabled.
        Unset = "unset",
        /// Display only: stopped.
        Disconnected = "disconnected",
        /// Display only: paused.
        Paused = "paused",
    }
}

impl AccountState {
    /// Whether message operations are admitted.
    #[must_use]
    pub const fn admits_operations(self) -> bool {
        matches!(self, Self::Connected | Self::Connecting | Self::Syncing)
    }

    /// The error `code` with which message operations are refused.
    #[must_use]
    pub const fn refusal_code(self) -> &'static str {
        match self {
            Self::Init => "NotYetConnected",
            Self::AuthenticationError => "AuthenticationFails",
            Self::ConnectError => "ConnectionError",
            Self::Unset => "NotSyncing",
            _ => "NoAvailable",
        }
    }
}

/// Credentials of a server login.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerAuth {
    /// User name.
    pub user: String,
    /// Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Secret>,
    /// OAuth2 access token, used instead of a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
}

/// TLS settings of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsOptions {
    /// Whether certificates must be valid; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_unauthorized: Option<bool>,
    /// Lowest version, such as `TLSv1.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// Settings of the reference that have no meaning here, kept as given.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The IMAP server of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImapConfig {
    /// Credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ServerAuth>,
    /// Credentials come from the authentication server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_auth_server: Option<bool>,
    /// Host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// TLS from the first byte; otherwise STARTTLS where offered.
    #[serde(default)]
    pub secure: bool,
    /// TLS settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsOptions>,
    /// Seconds between polls of folders without their own connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resync_delay: Option<u64>,
    /// The account only sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Do not speak IMAP4rev2.
    #[serde(
        default,
        rename = "disableIMAP4rev2",
        skip_serializing_if = "Option::is_none"
    )]
    pub disable_imap4rev2: Option<bool>,
    /// Folder of sent mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_mail_path: Option<String>,
    /// Folder of drafts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafts_mail_path: Option<String>,
    /// Folder of spam.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub junk_mail_path: Option<String>,
    /// Folder of deleted mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash_mail_path: Option<String>,
    /// Folder of archived mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_mail_path: Option<String>,
}

/// The SMTP server of an account or a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SmtpConfig {
    /// Credentials; none means no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ServerAuth>,
    /// Credentials come from the authentication server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_auth_server: Option<bool>,
    /// Host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// TLS from the first byte; otherwise STARTTLS where offered.
    #[serde(default)]
    pub secure: bool,
    /// TLS settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsOptions>,
}

/// OAuth2 settings of an account, with the tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2Config {
    /// Id of the OAuth2 application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whose mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<OAuth2Auth>,
    /// Tokens come from the authentication server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_auth_server: Option<bool>,
    /// Access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// Refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// When the access token expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Granted scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Vec<String>>,
}

/// Whose mailbox an OAuth2 token opens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2Auth {
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Shared mailbox opened with the user's own tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_user: Option<String>,
    /// Account whose tokens are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_account: Option<String>,
}

/// A header that is added to webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomHeader {
    /// Name.
    pub key: String,
    /// Value; may be a secret.
    #[serde(default)]
    pub value: Secret,
}

/// Which folders an account follows: one value or a list, as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathFilter {
    /// A single path, special use or `*`.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// All that is configured for an account: the sealed part of its row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountConfig {
    /// Display name.
    pub name: String,
    /// Address, default `From`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The address that OAuth2 or hosted set-up must authenticate as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_email: Option<String>,
    /// Folders to follow; none means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathFilter>,
    /// Folders with their own connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subconnections: Option<Vec<String>>,
    /// Webhook target of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<String>,
    /// Webhook headers of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhooks_custom_headers: Option<Vec<CustomHeader>>,
    /// Copy sent mail to the Sent folder; none means the provider's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<bool>,
    /// Keep a protocol log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<bool>,
    /// No `messageNew` for older messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify_from: Option<Timestamp>,
    /// Do not index older messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_from: Option<Timestamp>,
    /// Proxy for IMAP and SMTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// EHLO host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_ehlo_name: Option<String>,
    /// Most messages sent in the time of the setting `sendRateWindow`, evenly paced; 0 is without bound, none the setting's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_rate: Option<u32>,
    /// `full` or `fast`; none means the setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imap_indexer: Option<String>,
    /// Language of quoted dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Time zone of quoted dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// IMAP server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imap: Option<ImapConfig>,
    /// SMTP server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpConfig>,
    /// OAuth2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2Config>,
}

impl AccountConfig {
    /// Whether the account follows a mailbox over IMAP.
    #[must_use]
    pub fn follows_imap(&self) -> bool {
        self.imap
            .as_ref()
            .is_some_and(|imap| imap.disabled != Some(true) && imap.host.is_some())
    }

    /// The account's type as the API reports it (behaviour 8.2), as far as no OAuth2 application
    /// has to be looked up.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        let oauth2 = self.oauth2.as_ref();
        let auth = oauth2.and_then(|oauth2| oauth2.auth.as_ref());
        if auth.is_some_and(|auth| auth.delegated_account.is_some()) {
            "delegated"
        } else if oauth2.is_some_and(|oauth2| oauth2.provider.is_some()) {
            "oauth2"
        } else if self.follows_imap() {
            "imap"
        } else if self.smtp.is_some() {
            "sending"
        } else {
            "invalid"
        }
    }
}

/// The last failure of an account's connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountError {
    /// What the server or the network said.
    pub response: String,
    /// Response code or error code, such as `AUTHENTICATIONFAILED` or `ECONNREFUSED`.
    pub server_response_code: String,
    /// Explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The failed token request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_request: Option<Value>,
}

/// The outcome of the last delivery over SMTP.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SmtpStatus {
    /// When.
    pub created: Option<Timestamp>,
    /// `ok` or `error`.
    pub status: String,
    /// The server's reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
    /// Error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The command that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_routing: Option<Value>,
}

/// What is known of an account: the open part of its row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountStatus {
    /// Last failure; none when connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<AccountError>,
    /// Outcome of the last delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_status: Option<SmtpStatus>,
    /// When the index last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_time: Option<Timestamp>,
    /// The account has been `connected` since it was created or flushed.
    pub initialized: bool,
    /// When authentication began to fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_failing_since: Option<Timestamp>,
    /// The last failed webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_error_flag: Option<Value>,
    /// The folder that cannot be read; none when all can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_error: Option<SyncError>,
}

/// A folder that cannot be read, while the account is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncError {
    /// Folder.
    pub path: String,
    /// Since when.
    pub time: Timestamp,
    /// What the server said.
    pub error: String,
}

/// A stored account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Id.
    pub id: AccountId,
    /// Configuration.
    pub config: AccountConfig,
    /// Status.
    pub status: AccountStatus,
    /// State as of the last transition; [`AccountState::Init`] when that was made in an earlier run.
    pub state: AccountState,
    /// Events so far, by type.
    pub counters: BTreeMap<String, u64>,
    /// When it was registered.
    pub created: Timestamp,
}
