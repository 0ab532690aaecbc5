#![allow(clippy::panic)]
use posthouse_model::{AccountId, route::RouteId};

use super::*;
use crate::process::Disk;

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
