//! What needs somebody's attention, and what to do about it: a pure function of a snapshot.

use std::collections::BTreeMap;

use posthouse_model::{AccountId, AccountState, Timestamp, route::RouteId};
use posthouse_store::overview::TokenCounts;

use crate::{dashboard::Queue, process::Disk};

/// Jobs that wait from which on a queue is said to be behind.
const BACKLOG: u64 = 1000;
/// Free part of a hundred below which a disk is said to be nearly full.
const DISK_WARN: u64 = 10;
/// Free part of a hundred below which it is urgent.
const DISK_BAD: u64 = 3;

/// How urgent a finding is; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work.
    Problem,
    /// Something will not work, or is dangerous.
    Warning,
    /// Something could be better.
    Hint,
}

/// Where a finding is dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An account.
    Account(AccountId),
    /// Accounts in an error state.
    FailingAccounts,
    /// A webhook route.
    Route(RouteId),
    /// Adding an account.
    AddAccount,
    /// The settings of webhooks.
    Webhooks,
    /// The settings of the service.
    Service,
    /// The settings of security.
    Security,
    /// Tokens that expire soon.
    ExpiringTokens,
    /// Tokens by last use.
    IdleTokens,
    /// The password and second factor of the administrator.
    AccountSecurity,
}

/// One thing that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How urgent.
    pub severity: Severity,
    /// What, in a few words.
    pub title: String,
    /// Why it matters and what to do about it.
    pub detail: String,
    /// The words of the link to where it is dealt with.
    pub action: &'static str,
    /// Where that is; none when it is outside of Posthouse.
    pub place: Option<Place>,
}

/// The last webhook that the default target did not take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookFailure {
    /// Type of the event.
    pub event: String,
    /// Why.
    pub message: String,
    /// Target, masked.
    pub url: String,
    /// When.
    pub time: Option<Timestamp>,
}

/// What the findings are computed from.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// Accounts by state.
    pub accounts: BTreeMap<AccountState, u64>,
    /// Accounts whose own target does not take webhooks: the first of them.
    pub failing_targets: Vec<AccountId>,
    /// How many there are.
    pub failing_target_count: u64,
    /// The first of the webhook routes in use that fail.
    pub failing_route: Option<RouteId>,
    /// How many there are.
    pub failing_route_count: u64,
    /// Webhooks are delivered.
    pub webhooks_enabled: bool,
    /// There is a default target.
    pub webhook_target: bool,
    /// Event types that are delivered are chosen.
    pub webhook_events: bool,
    /// The default target does not take webhooks.
    pub webhook_failure: Option<WebhookFailure>,
    /// Webhooks are signed.
    pub signed: bool,
    /// Deliveries of webhooks.
    pub notify: Queue,
    /// Outgoing messages.
    pub submit: Queue,
    /// Access tokens.
    pub tokens: TokenCounts,
    /// Access tokens that open everything and were not used for long.
    pub idle_tokens: u64,
    /// Requests without a token are admitted.
    pub open_api: bool,
    /// Everybody can write the client's address into `X-Forwarded-For`.
    pub any_forwarder: bool,
    /// It is known where this instance is reached.
    pub service_url: bool,
    /// Certificates of mail servers are not checked.
    pub any_certificate: bool,
    /// The administrator has a password; none when it is not known.
    pub password: Option<bool>,
    /// The administrator has a second factor; none when it is not known.
    pub second_factor: Option<bool>,
    /// The disk of the embedded store.
    pub disk: Option<Disk>,
}

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

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn accounts(count: u64) -> String {
    plural(count, "account", "accounts")
}

fn were(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun} was")
    } else {
        format!("{count} {noun}s were")
    }
}

/// Names of accounts, and how many more there are.
fn named(accounts: &[AccountId], count: u64) -> String {
    let mut text: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    let more = count.saturating_sub(accounts.len() as u64);
    let more = format!("{more} more");
    if count > accounts.len() as u64 {
        text.push(&more);
    }
    match text.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn have(count: u64, noun: &str, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {noun} has {one}")
    } else {
        format!("{count} {noun}s have {many}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    fn calm() -> Situation {
        Situation {
            accounts: [(AccountState::Connected, 3)].into(),
            webhooks_enabled: true,
            webhook_target: true,
            webhook_events: true,
            signed: true,
            service_url: true,
            password: Some(true),
            second_factor: Some(true),
            disk: Some(Disk {
                free: 50,
                total: 100,
            }),
            ..Situation::default()
        }
    }

    #[test]
    fn nothing_to_do() {
        assert_eq!(findings(&calm()), []);
    }

    #[test]
    fn each_finding() {
        type Case = (fn(&mut Situation), Severity, &'static str, Option<Place>);
        let table: &[Case] = &[
            (
                |now| _ = now.accounts.insert(AccountState::AuthenticationError, 1),
                Severity::Problem,
                "1 account cannot log in",
                Some(Place::FailingAccounts),
            ),
            (
                |now| _ = now.accounts.insert(AccountState::ConnectError, 2),
                Severity::Problem,
                "2 accounts cannot connect",
                Some(Place::FailingAccounts),
            ),
            (
                |now| {
                    now.failing_route = Some(RouteId::named("r1"));
                    now.failing_route_count = 2;
                },
                Severity::Problem,
                "2 webhook routes fail",
                Some(Place::Route(RouteId::named("r1"))),
            ),
            (
                |now| now.webhook_failure = Some(WebhookFailure::default()),
                Severity::Problem,
                "Webhooks are not being received",
                Some(Place::Webhooks),
            ),
            (
                |now| {
                    now.failing_targets = vec![AccountId::new("a")];
                    now.failing_target_count = 2;
                },
                Severity::Problem,
                "2 accounts have their own webhook target that fails",
                Some(Place::Account(AccountId::new("a"))),
            ),
            (
                |now| {
                    now.disk = Some(Disk {
                        free: 9,
                        total: 100,
                    })
                },
                Severity::Warning,
                "The disk is nearly full: 9 % free",
                None,
            ),
            (
                |now| {
                    now.disk = Some(Disk {
                        free: 2,
                        total: 100,
                    })
                },
                Severity::Problem,
                "The disk is nearly full: 2 % free",
                None,
            ),
            (
                |now| now.open_api = true,
                Severity::Warning,
                "The API is open to everybody",
                Some(Place::Security),
            ),
            (
                |now| now.password = Some(false),
                Severity::Warning,
                "The console has no password",
                Some(Place::AccountSecurity),
            ),
            (
                |now| now.second_factor = Some(false),
                Severity::Hint,
                "The console has no second factor",
                Some(Place::AccountSecurity),
            ),
            (
                |now| now.any_certificate = true,
                Severity::Warning,
                "Certificates of mail servers are not checked",
                Some(Place::Security),
            ),
            (
                |now| now.any_forwarder = true,
                Severity::Warning,
                "Clients can make up their address",
                Some(Place::Service),
            ),
            (
                |now| now.notify.waiting = 1000,
                Severity::Warning,
                "Webhooks are behind: 1000 wait",
                None,
            ),
            (
                |now| now.submit.paused = true,
                Severity::Warning,
                "Outgoing messages are paused",
                None,
            ),
            (
                |now| now.notify.failed = 1,
                Severity::Warning,
                "1 webhook was given up",
                Some(Place::Webhooks),
            ),
            (
                |now| now.submit.failed = 2,
                Severity::Warning,
                "2 messages were not sent",
                None,
            ),
            (
                |now| now.tokens.expiring = 1,
                Severity::Warning,
                "1 access token expires within a week",
                Some(Place::ExpiringTokens),
            ),
            (
                |now| now.idle_tokens = 2,
                Severity::Hint,
                "2 access tokens that open everything were not used for 90 days",
                Some(Place::IdleTokens),
            ),
            (
                |now| now.webhooks_enabled = false,
                Severity::Hint,
                "Webhooks are switched off",
                Some(Place::Webhooks),
            ),
            (
                |now| now.webhook_target = false,
                Severity::Hint,
                "Webhooks have no target",
                Some(Place::Webhooks),
            ),
            (
                |now| now.webhook_events = false,
                Severity::Hint,
                "No event is chosen for webhooks",
                Some(Place::Webhooks),
            ),
            (
                |now| now.signed = false,
                Severity::Hint,
                "Webhooks are not signed",
                Some(Place::Security),
            ),
            (
                |now| now.service_url = false,
                Severity::Hint,
                "The public address is not set",
                Some(Place::Service),
            ),
        ];
        for (change, severity, title, place) in table {
            let mut now = calm();
            change(&mut now);
            let found = findings(&now);
            let [finding] = &found[..] else {
                panic!("{title}: {found:?}");
            };
            assert_eq!(
                (finding.severity, finding.title.as_str(), &finding.place),
                (*severity, *title, place)
            );
            assert_eq!(
                finding.place.is_some(),
                !finding.action.is_empty(),
                "{title}"
            );
            assert!(finding.detail.ends_with(['.']), "{title}");
        }
    }

    #[test]
    fn accounts_are_named() {
        let ids: Vec<_> = ["a", "b", "c"].map(AccountId::new).into();
        assert_eq!(named(&ids[..1], 1), "a");
        assert_eq!(named(&ids[..2], 2), "a and b");
        assert_eq!(named(&ids, 3), "a, b and c");
        assert_eq!(named(&ids, 9), "a, b, c and 6 more");
    }

    #[test]
    fn what_is_off_is_not_said_to_fail_and_the_worst_comes_first() {
        let mut now = calm();
        now.webhooks_enabled = false;
        now.webhook_failure = Some(WebhookFailure::default());
        now.accounts.insert(AccountState::ConnectError, 1);
        now.tokens.expiring = 3;
        let severities: Vec<_> = findings(&now)
            .iter()
            .map(|finding| finding.severity)
            .collect();
        assert_eq!(
            severities,
            [Severity::Problem, Severity::Warning, Severity::Hint]
        );
        now.accounts.clear();
        assert!(
            findings(&now)
                .iter()
                .all(|finding| finding.severity != Severity::Hint)
        );
    }
}
