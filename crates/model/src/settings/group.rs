//! The pages of the console that settings stand on (behaviour 22).

use super::{SETTINGS, Setting};

/// Declares the groups with the last part of their page's path, title and purpose.
macro_rules! groups {
    ($($(#[$meta:meta])* $name:ident = $slug:literal, $title:literal, $about:literal;)+) => {
        /// A group of settings: one page of the console.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Group { $($(#[$meta])* $name),+ }

        impl Group {
            /// Every group, in the order they are offered.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The last part of the page's path.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),+ }
            }

            /// The page's title.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// What the group is about, one sentence.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about),+ }
            }
        }
    };
}

groups! {
    /// Address, language, queues.
    Service = "service", "Service", "The address this instance is reached at, its language, and how long finished work is kept.";
    /// Secrets, tokens, certificates.
    Security = "security", "Security", "The signing secret, how access tokens may be presented, and whom to trust.";
    /// What is sent to webhooks, and where.
    Webhooks = "webhooks", "Webhooks", "Where events are delivered, which of them, and what they carry.";
    /// Sending, indexing, tracking, exports.
    EmailProcessing = "email-processing", "Email processing", "Sending and retries, indexing of folders, tracking, and limits of exports.";
    /// Addresses and proxies.
    Network = "network", "Network", "Proxies, local addresses, and how this server introduces itself to others.";
    /// The submission server.
    Smtp = "smtp", "SMTP server", "A submission server that hands messages of your programs to the accounts' own mail servers.";
    /// The IMAP proxy.
    ImapProxy = "imap-proxy", "IMAP proxy", "An IMAP server in front of the accounts' mailboxes, opened with one password or an access token.";
    /// Language models.
    Ai = "ai", "AI", "Summaries and embeddings of new messages by a language model of your choice.";
    /// Model Context Protocol.
    Mcp = "mcp", "MCP", "The Model Context Protocol, by which assistants work with mailboxes under the rights of an access token.";
    /// Looks of public pages.
    Branding = "branding", "Branding", "Name and HTML of the pages that the owners of mailboxes see.";
    /// Protocol logs.
    Logging = "logging", "Logging", "Protocol logs of accounts, for finding out what a mail server said.";
    /// Kept for older clients.
    Deprecated = "deprecated", "Deprecated", "Settings that older clients still write; nothing new should use them.";
}

impl Group {
    /// The group whose page has this last part of a path.
    #[must_use]
    pub fn of_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|group| group.slug() == slug)
    }

    /// Its settings, in the order they are shown.
    pub fn settings(self) -> impl Iterator<Item = &'static Setting> {
        SETTINGS
            .iter()
            .filter(move |setting| setting.group == Some(self))
    }
}
