//! A mailbox is followed without a gap: random scripts of changes by another client, while Posthouse is cut off, killed and started
//! again. What it tells must be what happened to the mailboxes: nothing lost, repeated or invented.
//!
//! `make model CHANGES=20000 SEED=7` runs as many changes as wanted; a failure prints the seed that has it again.

mod mail_server;
mod run;
mod script;
mod subject;

pub(crate) use mail_server::MailServer;
use run::Run;

/// Changes of one short run.
const SHORT: usize = 220;

/// Numbers from the environment, for the long run.
pub(crate) fn asked(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={value} is not a number")))
}

#[tokio::test]
async fn what_happened_is_told_exactly_once() {
    let changes = asked("POSTHOUSE_TEST_CHANGES");
    let seed = asked("POSTHOUSE_TEST_SEED");
    let changes = changes.map_or(SHORT, |changes| usize::try_from(changes).unwrap());
    Run::new(seed.unwrap_or(1), MailServer::dovecot())
        .await
        .changes(changes)
        .await;
}

#[tokio::test]
async fn what_happened_is_told_exactly_once_by_another_script() {
    Run::new(2, MailServer::dovecot())
        .await
        .changes(SHORT)
        .await;
}

#[tokio::test]
async fn what_happened_is_told_exactly_once_on_cyrus() {
    let seed = asked("POSTHOUSE_TEST_SEED").unwrap_or(3);
    Run::new(seed, MailServer::cyrus())
        .await
        .changes(SHORT)
        .await;
}
