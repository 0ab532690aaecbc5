//! What needs somebody's attention, and what to do about it: a pure function of a snapshot.

mod finding;
mod situation;
mod words;

use posthouse_model::AccountState;

pub use finding::{Finding, Place, Severity};
pub use situation::{Situation, WebhookFailure};
use words::{accounts, have, named, plural, were};

/// Jobs that wait from which on a queue is said to be behind.
const BACKLOG: u64 = 1000;
/// Free part of a hundred below which a disk is said to be nearly full.
const DISK_WARN: u64 = 10;
/// Free part of a hundred below which it is urgent.
const DISK_BAD: u64 = 3;

/// Everything that needs attention, the most urgent first.
#[must_use]
pub fn findings(now: &Situation) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |severity, title: String, detail: String, action, place| {
        found.push(Finding {
            severity,
            title,
            detail,
            action,
            place,
        });
    };
    let total: u64 = now.accounts.values().sum();
    let of = |state| now.accounts.get(&state).copied().unwrap_or(0);
    let (refused, unreachable) = (
        of(AccountState::AuthenticationError),
        of(AccountState::ConnectError),
    );
    if refused > 0 {
        add(
            Severity::Problem,
            format!("{} cannot log in", accounts(refused)),
            "The mail server refuses the user name or the password. No new mail arrives until they are corrected.".to_owned(),
            "Show accounts",
            Some(Place::FailingAccounts),
        );
    }
    if unreachable > 0 {
        add(
            Severity::Problem,
            format!("{} cannot connect", accounts(unreachable)),
            "The mail server does not answer or breaks off. Posthouse keeps trying; check host, port and firewall if it lasts.".to_owned(),
            "Show accounts",
            Some(Place::FailingAccounts),
        );
    }
    if let Some(failure) = now
        .webhook_failure
        .as_ref()
        .filter(|_| now.webhooks_enabled)
    {
        let what = match failure.event.as_str() {
            "" => String::new(),
            event => format!(" for {event}"),
        };
        add(
            Severity::Problem,
            "Webhooks are not being received".to_owned(),
            format!(
                "The last delivery{what} to {} failed: {}. It is tried again for a day.",
                failure.url,
                failure.message.trim_end_matches('.')
            ),
            "Test the target",
            Some(Place::Webhooks),
        );
    }
    if let Some(first) = now.failing_targets.first() {
        add(
            Severity::Problem,
            format!(
                "{} webhook target that fails",
                have(now.failing_target_count, "account", "a", "their own")
            ),
            format!(
                "Events of {} wait and are tried again for a day; the page of each says what went wrong.",
                named(&now.failing_targets, now.failing_target_count)
            ),
            "Open the account",
            Some(Place::Account(first.clone())),
        );
    }
    if let Some(first) = &now.failing_route {
        add(
            Severity::Problem,
            plural(
                now.failing_route_count,
                "webhook route fails",
                "webhook routes fail",
            ),
            "Its target does not take what it is sent, or one of its scripts fails; the page of the route says which. The event log keeps the events, and can send them again.".to_owned(),
            "Open the route",
            Some(Place::Route(first.clone())),
        );
    }
    if let Some(disk) = now.disk.filter(|disk| disk.free_percent() < DISK_WARN) {
        let severity = if disk.free_percent() < DISK_BAD {
            Severity::Problem
        } else {
            Severity::Warning
        };
        add(
            severity,
            format!("The disk is nearly full: {} % free", disk.free_percent()),
            "When it is full, nothing can be queued, sent or recorded any more. Make room or enlarge the disk.".to_owned(),
            "",
            None,
        );
    }
    if now.open_api {
        add(
            Severity::Warning,
            "The API is open to everybody".to_owned(),
            "Requests without an access token are admitted, so whoever reaches this server reads and sends all mail. Demand tokens.".to_owned(),
            "Demand tokens",
            Some(Place::Security),
        );
    }
    if now.password == Some(false) {
        add(
            Severity::Warning,
            "The console has no password".to_owned(),
            "It opens from this machine, and elsewhere with the set-up code, until a password is set.".to_owned(),
            "Set a password",
            Some(Place::AccountSecurity),
        );
    }
    if now.any_certificate {
        add(
            Severity::Warning,
            "Certificates of mail servers are not checked".to_owned(),
            "Passwords go to whoever answers in a mail server's place. Check certificates again once the server with the bad one is repaired.".to_owned(),
            "Check certificates",
            Some(Place::Security),
        );
    }
    if now.any_forwarder {
        add(
            Severity::Warning,
            "Clients can make up their address".to_owned(),
            "X-Forwarded-For is believed from everybody, so address limits of tokens can be passed by. Name your proxies by EENGINE_API_PROXY_ADDRESSES, or turn the setting off when there are none.".to_owned(),
            "Open the setting",
            Some(Place::Service),
        );
    }
    for (queue, what) in [
        (&now.notify, "Webhooks"),
        (&now.submit, "Outgoing messages"),
    ] {
        if queue.paused {
            add(
                Severity::Warning,
                format!("{what} are paused"),
                format!(
                    "{} wait until the queue is resumed.",
                    queue.waiting + queue.delayed
                ),
                "",
                None,
            );
        } else if queue.waiting >= BACKLOG {
            add(
                Severity::Warning,
                format!("{what} are behind: {} wait", queue.waiting),
                "More comes in than goes out. See whether the receiver answers slowly, or raise the number of workers.".to_owned(),
                "",
                None,
            );
        }
    }
    if now.notify.failed > 0 {
        add(
            Severity::Warning,
            format!("{} given up", were(now.notify.failed, "webhook")),
            "Their target did not take them within a day, or refused them for good. They are kept for a week.".to_owned(),
            "Test the target",
            Some(Place::Webhooks),
        );
    }
    if now.submit.failed > 0 {
        add(
            Severity::Warning,
            format!("{} not sent", were(now.submit.failed, "message")),
            "Every attempt failed, or the result is unknown and a decision is waited for. GET /v1/outbox lists them with their errors.".to_owned(),
            "",
            None,
        );
    }
    if now.tokens.expiring > 0 {
        add(
            Severity::Warning,
            format!(
                "{} within a week",
                plural(
                    now.tokens.expiring,
                    "access token expires",
                    "access tokens expire"
                )
            ),
            "Programs that use them are refused from then on. Make new ones in time.".to_owned(),
            "Show tokens",
            Some(Place::ExpiringTokens),
        );
    }
    if total > 0 && !now.webhooks_enabled {
        add(
            Severity::Hint,
            "Webhooks are switched off".to_owned(),
            "Mail arrives and nobody is told of it. Switch them on, unless your program only asks the API.".to_owned(),
            "Set up webhooks",
            Some(Place::Webhooks),
        );
    } else if total > 0 && !now.webhook_target {
        add(
            Severity::Hint,
            "Webhooks have no target".to_owned(),
            "They are switched on, but there is no address to send them to, except for accounts with one of their own.".to_owned(),
            "Set a target",
            Some(Place::Webhooks),
        );
    } else if total > 0 && !now.webhook_events {
        add(
            Severity::Hint,
            "No event is chosen for webhooks".to_owned(),
            "They are switched on, but the list of events to deliver is empty.".to_owned(),
            "Choose events",
            Some(Place::Webhooks),
        );
    }
    if now.webhooks_enabled && now.webhook_target && !now.signed {
        add(
            Severity::Hint,
            "Webhooks are not signed".to_owned(),
            "Their receiver cannot tell them from forged ones. Set a service secret and have the receiver check X-EE-Wh-Signature.".to_owned(),
            "Set a secret",
            Some(Place::Security),
        );
    }
    if !now.service_url {
        add(
            Severity::Hint,
            "The public address is not set".to_owned(),
            "Links to the account form, and later to tracking pages, need the address at which this server is reached from outside.".to_owned(),
            "Set the address",
            Some(Place::Service),
        );
    }
    if now.idle_tokens > 0 {
        add(
            Severity::Hint,
            format!(
                "{} not used for 90 days",
                plural(
                    now.idle_tokens,
                    "access token that opens everything was",
                    "access tokens that open everything were"
                )
            ),
            "What nobody uses, only a thief would miss. Delete them, or give them less.".to_owned(),
            "Show tokens",
            Some(Place::IdleTokens),
        );
    }
    if now.password == Some(true) && now.second_factor == Some(false) {
        add(
            Severity::Hint,
            "The console has no second factor".to_owned(),
            "Whoever learns the password reads all mail. A code from an app on your phone prevents that.".to_owned(),
            "Set one up",
            Some(Place::AccountSecurity),
        );
    }
    found.sort_by_key(|finding| finding.severity);
    found
}

#[cfg(test)]
mod tests;
