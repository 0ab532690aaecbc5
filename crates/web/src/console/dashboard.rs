//! The dashboard: how everything is, and what needs attention.

use std::borrow::Borrow;

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::Query,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use futures_util::FutureExt;
use posthouse_app::{
    App, Dashboard, Finding, Place, Range, RecentEvent, Severity, StillAdmitted,
    admin::{Door, FirstRun},
};
use posthouse_model::{AccountState, change::StateLabel};
use serde::Deserialize;

use crate::{
    chart::{Chart, Line},
    fail::Failure,
    page::{Frame, Page, Room},
};

/// Events shown.
const EVENTS: u32 = 8;
/// Findings shown at once; others are a click away.
const FINDINGS: usize = 4;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin", get(show))
        .route("/admin/overview", get(overview))
        .route("/admin/changes", get(changes))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    range: String,
}

impl Asked {
    fn range(&self) -> Range {
        let known = RANGES.iter().find(|range| range.word == self.range);
        known.map_or(Range::Hour, |range| range.range)
    }
}

/// A range that can be chosen.
struct Choice {
    range: Range,
    word: &'static str,
    label: &'static str,
    title: &'static str,
}

const RANGES: &[Choice] = &[
    Choice {
        range: Range::Hour,
        word: "1h",
        label: "1 h",
        title: "The last hour",
    },
    Choice {
        range: Range::Day,
        word: "24h",
        label: "24 h",
        title: "The last 24 hours",
    },
    Choice {
        range: Range::Week,
        word: "7d",
        label: "7 d",
        title: "The last 7 days",
    },
];

/// A number of accounts that leads to them.
struct Tile {
    count: u64,
    label: &'static str,
    tone: &'static str,
    filter: &'static str,
}

/// A piece of the bar of states.
struct Piece {
    x: f64,
    width: f64,
    tone: &'static str,
}

/// A row of the table of queues.
struct QueueRow {
    name: &'static str,
    queue: posthouse_app::Queue,
}

/// The part that is drawn anew while the page is open.
#[derive(Template)]
#[template(path = "dashboard/overview.html")]
struct Overview {
    range: Range,
    now: Dashboard,
    urgent: Vec<Finding>,
    later: Vec<Finding>,
    tiles: Vec<Tile>,
    pieces: Vec<Piece>,
    charts: [Chart; 4],
    queues: [QueueRow; 2],
    events: Vec<RecentEvent>,
    webhooks: bool,
}

#[derive(Template)]
#[template(path = "dashboard/page.html")]
struct Whole {
    frame: Frame,
    run: FirstRun,
    overview: Overview,
}

async fn show(
    page: Page,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    // Who types the address of a console without a password is led through the first steps; links of
    // our own pages lead here, so that one can look around first.
    let typed = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "none");
    if typed && page.signed.user().is_none() {
        return Ok(Redirect::to("/admin/setup").into_response());
    }
    let whole = Whole {
        overview: Overview::read(&page.app, asked.range()).await?,
        run: page.app.first_run().await?,
        frame: page
            .frame("Dashboard", Room::Dashboard)
            .with_scripts(&["dashboard.js"])
            .with_styles(&["dashboard.css"]),
    };
    Ok(page.render(&whole))
}

async fn overview(page: Page, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let overview = Overview::read(&page.app, asked.range()).await?;
    Ok(page.render(&overview))
}

/// The change stream, for as long as its reader may be here.
async fn changes(page: Page) -> Result<Response, Failure> {
    let (app, visit) = (page.app.clone(), page.signed.visit.clone());
    let admitted: StillAdmitted = Box::new(move || {
        let (app, visit) = (app.clone(), visit.clone());
        async move {
            let door = app.console().door(&visit).await;
            // A moment's trouble of the store ends no stream.
            matches!(door, Ok(Door::Open(_) | Door::Setup) | Err(_))
        }
        .boxed()
    });
    let mut response = Response::new(Body::from_stream(page.app.changes(admitted, None)?));
    for (name, value) in [
        (
            header::CONTENT_TYPE.as_str(),
            "text/event-stream; charset=utf-8",
        ),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        ("x-accel-buffering", "no"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

impl Overview {
    async fn read(app: &App, range: Range) -> Result<Self, Failure> {
        let (mut now, events) = tokio::try_join!(app.dashboard(range), app.recent_events(EVENTS))?;
        let mut urgent = std::mem::take(&mut now.attention);
        let at_once = match urgent.len() {
            // Hiding a single one would save nothing.
            few if few <= FINDINGS + 1 => few,
            _ => FINDINGS,
        };
        let later = urgent.split_off(at_once);
        Ok(Self {
            urgent,
            later,
            range,
            tiles: tiles(&now),
            pieces: pieces(&now),
            charts: charts(&now),
            queues: [
                QueueRow {
                    name: "Webhooks",
                    queue: now.notify,
                },
                QueueRow {
                    name: "Outgoing mail",
                    queue: now.submit,
                },
            ],
            events,
            webhooks: app.settings().bool("webhooksEnabled"),
            now,
        })
    }

    fn choices(&self) -> &'static [Choice] {
        RANGES
    }

    fn chosen(&self) -> &'static Choice {
        let chosen = RANGES.iter().find(|choice| choice.range == self.range);
        chosen.unwrap_or(&RANGES[0])
    }
}

fn tiles(now: &Dashboard) -> Vec<Tile> {
    let tile = |count, label, tone, filter| Tile {
        count,
        label,
        tone,
        filter,
    };
    let trouble =
        now.in_state(AccountState::AuthenticationError) + now.in_state(AccountState::ConnectError);
    let mut tiles = vec![
        tile(now.account_total(), "All accounts", "", ""),
        tile(
            now.in_state(AccountState::Connected),
            "Connected",
            "ok",
            "connected",
        ),
        tile(
            trouble,
            "In trouble",
            if trouble > 0 { "bad" } else { "" },
            "errors",
        ),
    ];
    for state in [
        AccountState::Syncing,
        AccountState::Connecting,
        AccountState::Init,
        AccountState::Disconnected,
        AccountState::Paused,
        AccountState::Unset,
    ] {
        let count = now.in_state(state);
        if count > 0 {
            let label = StateLabel::of(state);
            tiles.push(tile(count, label.name, tone(state), state.as_str()));
        }
    }
    tiles
}

/// The tone of a state in our own style sheet.
fn tone(state: AccountState) -> &'static str {
    match StateLabel::of(state).tone {
        "success" => "ok",
        "danger" => "bad",
        "warning" => "warn",
        "info" => "info",
        _ => "plain",
    }
}

/// A bar from 0 to 100, the good first.
#[allow(clippy::cast_precision_loss)]
fn pieces(now: &Dashboard) -> Vec<Piece> {
    let total = now.account_total().max(1) as f64;
    let mut x = 0.0;
    let mut pieces: Vec<Piece> = Vec::new();
    for wanted in ["ok", "info", "plain", "warn", "bad"] {
        let count: u64 = AccountState::ALL
            .iter()
            .filter(|state| tone(**state) == wanted)
            .map(|state| now.in_state(*state))
            .sum();
        if count > 0 {
            let width = count as f64 / total * 100.0;
            pieces.push(Piece {
                x,
                width,
                tone: wanted,
            });
            x += width;
        }
    }
    pieces
}

fn charts(now: &Dashboard) -> [Chart; 4] {
    let series = &now.series;
    let chart = |id, title, empty, lines| Chart {
        id,
        title,
        empty,
        lines,
        start: series.start,
        step: series.step,
    };
    let line = |name, class, counter: &str| Line::new(name, class, series.of(counter));
    [
        chart(
            "chart-mail",
            "New mail",
            "No message arrived in this time.",
            vec![line("new messages", "s1", "events:messageNew")],
        ),
        chart(
            "chart-sent",
            "Mail sent",
            "No message was sent in this time.",
            vec![
                line("sent", "s1", "submit:success"),
                line("not sent", "s2", "submit:fail"),
            ],
        ),
        chart(
            "chart-webhooks",
            "Webhooks",
            "No webhook was due in this time.",
            vec![
                line("delivered", "s1", "webhooks:success"),
                line("failed attempts", "s2", "webhooks:fail"),
            ],
        ),
        chart(
            "chart-api",
            "API calls",
            "No program called the API in this time.",
            vec![
                line("answered", "s1", "apiCall:success"),
                line("refused or failed", "s2", "apiCall:fail"),
            ],
        ),
    ]
}

/// Where a finding is dealt with.
fn path(place: impl Borrow<Place>) -> String {
    let path = match place.borrow() {
        Place::Account(id) => {
            return format!("/admin/accounts/{}", crate::show::encode(id.as_str()));
        }
        Place::Route(id) => {
            return format!("/admin/webhooks/{}", crate::show::encode(id.as_str()));
        }
        Place::FailingAccounts => "/admin/accounts?state=errors",
        Place::AddAccount => "/admin/add-account",
        Place::Webhooks => "/admin/config/webhooks",
        Place::Service => "/admin/config/service",
        Place::Security => "/admin/config/security",
        Place::ExpiringTokens => "/admin/tokens?state=soon",
        Place::IdleTokens => "/admin/tokens?scope=%2A&state=active",
        Place::AccountSecurity => "/admin/account/security",
    };
    path.to_owned()
}

/// Tone and word of a severity.
const fn severity(finding: &Finding) -> (&'static str, &'static str, &'static str) {
    match finding.severity {
        Severity::Problem => ("bad", "bad", "Problem"),
        Severity::Warning => ("warn", "warning", "Warning"),
        Severity::Hint => ("info", "info", "Hint"),
    }
}

/// Badge of an event: tone and word.
fn delivery(event: &RecentEvent) -> (&'static str, &'static str) {
    let mut worst = ("ok", "delivered");
    for delivery in &event.deliveries {
        if delivery.failed {
            return ("bad", "given up");
        }
        worst = if delivery.attempts > 0 {
            ("warn", "retrying")
        } else if worst.0 == "ok" {
            ("info", "waiting")
        } else {
            worst
        };
    }
    worst
}

/// Seconds in at most two units.
fn lasting(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let words: Vec<_> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if words.is_empty() {
        "0 s".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_two_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3600, "1 h 0 min"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(lasting(seconds), words);
        }
    }
}
