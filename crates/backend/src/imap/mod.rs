//! IMAP mailboxes.
