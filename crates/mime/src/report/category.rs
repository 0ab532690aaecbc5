//! Why a message was refused: categories by rules that stand in one data file, `category/rules.toml`.

mod retry;
mod rules;

use serde::{Deserialize, Serialize};

use super::reply::Reply;

/// Declares a word of the API.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            /// All words in their order.
            pub const ALL: &'static [Self] = &[$(Self::$word,)*];
        }
    };
}

words! {
    /// Why a message was refused (behaviour 16).
    Category {
        /// There is no such mailbox.
        UserUnknown,
        /// The address cannot be one: its syntax, or a domain that takes no mail.
        InvalidAddress,
        /// The mailbox is closed or locked.
        MailboxDisabled,
        /// The mailbox has no room.
        MailboxFull,
        /// Strangers have to try again (RFC 6647).
        Greylisting,
        /// Too much at once.
        RateLimited,
        /// The address of the sending server has a bad name.
        IpBlacklisted,
        /// A domain in the message has a bad name.
        DomainBlacklisted,
        /// SPF, DKIM, DMARC or a login failed.
        AuthFailure,
        /// A rule of the recipient's side.
        PolicyBlocked,
        /// Taken for spam.
        SpamBlocked,
        /// Taken for malware.
        VirusDetected,
        /// A fault on the way.
        ServerError,
        /// The country of the sender is not welcome.
        GeoBlocked,
        /// The server does not feel responsible for the recipient.
        RelayDenied,
        /// None of the others.
        Unknown,
    }
}

words! {
    /// What the sender should do (behaviour 16).
    RecommendedAction {
        /// Never write to the address again.
        Remove,
        /// Send again later.
        Retry,
        /// A person should look at it.
        Review,
        /// Mend DNS, authentication or server.
        FixConfiguration,
        /// Send from another address.
        RetryDifferentIp,
        /// Change what the message holds.
        RemoveContent,
    }
}

words! {
    /// What a blocklist lists.
    BlocklistType {
        /// Addresses of hosts.
        Ip,
        /// Domains.
        Domain,
    }
}

/// A blocklist that a reply names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocklist {
    /// Who keeps it.
    pub name: String,
    /// What it lists.
    #[serde(rename = "type")]
    pub kind: BlocklistType,
}

/// What a reply means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Why.
    pub category: Category,
    /// What to do.
    pub action: RecommendedAction,
    /// A blocklist that is named.
    pub blocklist: Option<Blocklist>,
    /// Seconds after which the server wants to be asked again.
    pub retry_after: Option<u64>,
}

impl Category {
    /// What is to be done mostly; a rule may say otherwise.
    const fn action(self) -> RecommendedAction {
        match self {
            Self::UserUnknown | Self::InvalidAddress | Self::MailboxDisabled => {
                RecommendedAction::Remove
            }
            Self::MailboxFull | Self::Greylisting | Self::RateLimited | Self::ServerError => {
                RecommendedAction::Retry
            }
            Self::IpBlacklisted | Self::GeoBlocked => RecommendedAction::RetryDifferentIp,
            Self::DomainBlacklisted | Self::AuthFailure | Self::RelayDenied => {
                RecommendedAction::FixConfiguration
            }
            Self::SpamBlocked | Self::VirusDetected => RecommendedAction::RemoveContent,
            Self::PolicyBlocked | Self::Unknown => RecommendedAction::Review,
        }
    }
}

/// Judges a reply by its words, then by its codes; `status` is the code that a report gives beside it (RFC 3464).
#[must_use]
pub fn judge(reply: &str, status: Option<&str>) -> Verdict {
    let text: String = reply.chars().take(super::reply::MAX_REPLY).collect();
    let reply = Reply::read(&text);
    let blocklist = rules::blocklist(&reply);
    let (category, action) = rules::category(&reply, status, blocklist.as_ref());
    Verdict {
        category,
        action,
        blocklist,
        retry_after: retry::after(&reply.words),
    }
}
