//! The IMAP server that a script runs on.

use std::net::SocketAddr;

use posthouse_testkit::{ImapClient, cyrus_addr, env, imap_addr};

/// A real IMAP server where every user exists.
#[derive(Clone, Copy)]
pub(crate) struct MailServer {
    pub(crate) name: &'static str,
    pub(crate) addr: SocketAddr,
    /// Folders that a script makes, renames and deletes: as the server writes them, and their paths.
    pub(crate) folders: &'static [(&'static str, &'static str)],
}

/// Names that are hard in one way or another.
const FOLDERS: &[(&str, &str)] = &[
    ("Projects", "Projects"),
    ("Projects/Rust", "Projects/Rust"),
    ("&AMQ-rger", "Ärger"),
    ("A &- B", "A & B"),
    ("Deep/Down/Here", "Deep/Down/Here"),
    ("Receipts 2026", "Receipts 2026"),
    ("&ZeVnLIqe-", "日本語"),
    ("Lists", "Lists"),
];

impl MailServer {
    pub(crate) fn dovecot() -> Self {
        Self {
            name: "Dovecot",
            addr: imap_addr(),
            folders: FOLDERS,
        }
    }

    pub(crate) fn cyrus() -> Self {
        Self {
            name: "Cyrus",
            addr: cyrus_addr(),
            folders: FOLDERS,
        }
    }

    pub(crate) async fn login(&self, user: &str) -> ImapClient {
        ImapClient::login_at(self.addr, user, env::IMAP_PASSWORD).await
    }
}
