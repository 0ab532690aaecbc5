//! Tokens in a few words.

use std::time::Duration;

use posthouse_app::{PRESETS, TokenView};
use posthouse_model::{Permissions, Scope, Timestamp, token::Restrictions};

/// How soon an end is worth a warning.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// A scope as people read it.
pub(super) struct ScopeWords {
    pub(super) scope: Scope,
    pub(super) title: &'static str,
    pub(super) help: &'static str,
}

/// The scopes that can be chosen one by one.
pub(super) const SCOPES: &[ScopeWords] = &[
    ScopeWords {
        scope: Scope::Api,
        title: "API",
        help: "Every path under /v1: accounts, messages, sending, settings.",
    },
    ScopeWords {
        scope: Scope::Metrics,
        title: "Metrics",
        help: "Reads /metrics for Prometheus, and nothing else.",
    },
    ScopeWords {
        scope: Scope::Smtp,
        title: "SMTP",
        help: "Password for the SMTP server, which comes with a later version.",
    },
    ScopeWords {
        scope: Scope::ImapProxy,
        title: "IMAP proxy",
        help: "Password of mail programs for the IMAP proxy, which comes with a later version.",
    },
    ScopeWords {
        scope: Scope::Mcp,
        title: "MCP",
        help: "Lets assistants use the mail tools at /mcp, which come with a later version.",
    },
];

/// The title of a scope word; the word itself if it is unknown.
pub(super) fn scope_title(word: &str) -> &str {
    if word == Scope::All.as_str() {
        return "Everything";
    }
    SCOPES
        .iter()
        .find(|words| words.scope.as_str() == word)
        .map_or(word, |words| words.title)
}

/// Titles of a token's scopes.
pub(super) fn scopes(token: &TokenView) -> Vec<&str> {
    token.record.scopes.as_ref().map_or_else(
        || vec!["Everything"],
        |own| own.iter().map(|word| scope_title(word)).collect(),
    )
}

/// What is taken away, in a few words: the name of a preset, or how much is left.
pub(super) fn permissions(permissions: &Permissions) -> String {
    if let Some(preset) = PRESETS
        .iter()
        .find(|preset| preset.permissions() == *permissions)
    {
        return preset.title.to_owned();
    }
    match permissions {
        Permissions::Unrestricted => "Everything allowed".to_owned(),
        Permissions::Malformed(_) => "Unreadable: refuses everything".to_owned(),
        Permissions::Narrowed { actions, groups } => {
            let actions = actions.as_ref().map_or_else(
                || "All actions".to_owned(),
                |list| {
                    let words: Vec<_> = list.iter().map(|action| action.as_str()).collect();
                    capital(&words.join(", "))
                },
            );
            let groups = match groups.as_deref() {
                None => "all groups".to_owned(),
                Some([one]) => one.as_str().to_owned(),
                Some(list) => format!("{} groups", list.len()),
            };
            format!("{actions} in {groups}")
        }
    }
}

/// With a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// Restrictions, one phrase each.
pub(super) fn restrictions(restrictions: Option<&Restrictions>) -> Vec<String> {
    let mut list = Vec::new();
    let Some(restrictions) = restrictions else {
        return list;
    };
    let mut count = |words: Option<&Vec<String>>, one: &str, many: &str| match words.map(Vec::len) {
        None | Some(0) => {}
        Some(1) => list.push(format!("1 {one}")),
        Some(count) => list.push(format!("{count} {many}")),
    };
    count(restrictions.addresses.as_ref(), "address", "addresses");
    count(restrictions.referrers.as_ref(), "referrer", "referrers");
    if let Some(limit) = restrictions.rate_limit
        && let Some(requests) = limit.max_requests
    {
        list.push(format!(
            "{requests} requests per {} s",
            limit.time_window.unwrap_or(180)
        ));
    }
    list
}

/// The end of a token: class of the badge and its words.
pub(super) fn expiry(token: &TokenView, now: Timestamp) -> (&'static str, String) {
    match token.record.expires {
        None => ("plain", "Never".to_owned()),
        Some(end) if end <= now => ("bad", "Expired".to_owned()),
        Some(end) => (
            if end.since(now) < SOON { "warn" } else { "ok" },
            capital(&crate::show::relative(end, now)),
        ),
    }
}

/// What a token is called.
pub(super) fn title(token: &TokenView) -> &str {
    token
        .record
        .description
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .unwrap_or("Token without description")
}
