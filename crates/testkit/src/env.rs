//! Where the real parts listen that `make test` starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The password that the Dovecot of the tests takes for every user; every other one is refused.
pub const IMAP_PASSWORD: &str = "pass";

/// Dovecot without TLS (STARTTLS is offered): any user name, password [`IMAP_PASSWORD`].
///
/// # Panics
/// When `POSTHOUSE_TEST_IMAP` is not set.
#[must_use]
pub fn imap_addr() -> SocketAddr {
    address("POSTHOUSE_TEST_IMAP")
}

/// The same Dovecot with TLS from the first byte and a self-signed certificate for `localhost` and `127.0.0.1` ([`imap_certificate`]).
///
/// # Panics
/// When `POSTHOUSE_TEST_IMAPS` is not set.
#[must_use]
pub fn imaps_addr() -> SocketAddr {
    address("POSTHOUSE_TEST_IMAPS")
}

/// The file with the certificate of [`imaps_addr`], PEM.
///
/// # Panics
/// When `POSTHOUSE_TEST_IMAP_CERT` is not set.
#[must_use]
pub fn imap_certificate() -> PathBuf {
    variable("POSTHOUSE_TEST_IMAP_CERT").into()
}

/// The configuration file of Dovecot, for `doveadm -c FILE`.
///
/// # Panics
/// When `POSTHOUSE_TEST_DOVECOT_CONF` is not set.
#[must_use]
pub fn dovecot_config() -> PathBuf {
    variable("POSTHOUSE_TEST_DOVECOT_CONF").into()
}

/// Cyrus, the second IMAP server, without TLS: any user name, password [`IMAP_PASSWORD`]. Unlike Dovecot it has OBJECTID.
///
/// # Panics
/// When `POSTHOUSE_TEST_CYRUS` is not set.
#[must_use]
pub fn cyrus_addr() -> SocketAddr {
    address("POSTHOUSE_TEST_CYRUS")
}

/// Postfix. It takes anything and signs it by DKIM for the domain of `From` ([`dkim_record`]). All domains below `.test` are its own:
/// `NAME@any.test` lies in the mailbox of the user NAME at Dovecot; names that begin with `nobody` come back. What is for
/// `NAME@pNUMBER.test` it hands on to port NUMBER, as `mail.sender.test`. A message may have 1 MiB.
///
/// # Panics
/// When `POSTHOUSE_TEST_POSTFIX` is not set.
#[must_use]
pub fn postfix_addr() -> SocketAddr {
    address("POSTHOUSE_TEST_POSTFIX")
}

/// The same Postfix as `mx.receiver.test`: it signs nothing and expects the PROXY protocol, as [`crate::MailRelay`] speaks it.
///
/// # Panics
/// When `POSTHOUSE_TEST_POSTFIX_MX` is not set.
#[must_use]
pub fn postfix_mx_addr() -> SocketAddr {
    address("POSTHOUSE_TEST_POSTFIX_MX")
}

/// The same Postfix for those who say STARTTLS and log in: any user name, password [`IMAP_PASSWORD`]; its certificate is
/// [`imap_certificate`].
///
/// # Panics
/// When `POSTHOUSE_TEST_POSTFIX_SUBMISSION` is not set.
#[must_use]
pub fn postfix_submission_addr() -> SocketAddr {
    address("POSTHOUSE_TEST_POSTFIX_SUBMISSION")
}

/// What stands in DNS, as text, under `test._domainkey` of a domain that [`postfix_addr`] signs for.
///
/// # Panics
/// When `POSTHOUSE_TEST_DKIM` is not set or names no file.
#[must_use]
pub fn dkim_record() -> String {
    let file = variable("POSTHOUSE_TEST_DKIM");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    text.trim().to_owned()
}

/// A PostgreSQL where tests may create databases and schemas, as a connection URL.
///
/// # Panics
/// When `POSTHOUSE_TEST_POSTGRES` is not set.
#[must_use]
pub fn postgres_url() -> String {
    variable("POSTHOUSE_TEST_POSTGRES")
}

/// A user name that no other test uses: its mailbox at Dovecot is empty.
#[must_use]
pub fn unique_user() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("clock before 1970")
        .as_millis();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("u{now:x}-{:x}-{number}", std::process::id())
}

fn address(name: &str) -> SocketAddr {
    let value = variable(name);
    value
        .parse()
        .unwrap_or_else(|_| panic!("{name}={value} is not IP:PORT"))
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"))
}
