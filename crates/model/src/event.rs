//! Events: what webhooks, the event log and the change stream carry (behaviour 7.3).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountId, Timestamp, access::words};

words! {
    /// The type of an event.
    EventType {
        /// An account was registered.
        AccountAdded = "accountAdded",
        /// An account was removed.
        AccountDeleted = "accountDeleted",
        /// The first `connected` after registration or flush.
        AccountInitialized = "accountInitialized",
        /// The server accepted the credentials.
        AuthenticationSuccess = "authenticationSuccess",
        /// The server refused the credentials.
        AuthenticationError = "authenticationError",
        /// The server cannot be reached.
        ConnectError = "connectError",
        /// A message arrived.
        MessageNew = "messageNew",
        /// A message is gone.
        MessageDeleted = "messageDeleted",
        /// Flags or labels changed.
        MessageUpdated = "messageUpdated",
        /// A message that was announced by the server cannot be read.
        MessageMissing = "messageMissing",
        /// A queued message was accepted by the mail server.
        MessageSent = "messageSent",
        /// An attempt to deliver failed.
        MessageDeliveryError = "messageDeliveryError",
        /// A message will not be tried again.
        MessageFailed = "messageFailed",
        /// A bounce arrived.
        MessageBounce = "messageBounce",
        /// A complaint arrived.
        MessageComplaint = "messageComplaint",
        /// A folder's index was rebuilt.
        MailboxReset = "mailboxReset",
        /// A folder appeared.
        MailboxNew = "mailboxNew",
        /// A folder is gone.
        MailboxDeleted = "mailboxDeleted",
        /// A recipient opened a message.
        TrackOpen = "trackOpen",
        /// A recipient followed a link.
        TrackClick = "trackClick",
        /// A recipient unsubscribed.
        ListUnsubscribe = "listUnsubscribe",
        /// A recipient subscribed again.
        ListSubscribe = "listSubscribe",
        /// An export is ready.
        ExportCompleted = "exportCompleted",
        /// An export failed.
        ExportFailed = "exportFailed",
    }
}

/// The body of an event as it is delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Where this instance is reached, as set.
    pub service_url: Option<String>,
    /// Account.
    pub account: Option<AccountId>,
    /// When it happened.
    pub date: Timestamp,
    /// Folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The folder's special use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_use: Option<String>,
    /// Type.
    pub event: EventType,
    /// Fields of the type.
    pub data: Value,
}
