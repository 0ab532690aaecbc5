//! What to know before a token is made: what will not work, and what to think about.

use std::collections::{BTreeMap, BTreeSet};

use posthouse_model::{Action, Group, Permissions, Scope};

use super::{API, GROUPS, Grant, IMAP, Level, MCP, METRICS, SMTP, Surface, Warning, action_title};

/// Conflicts first, then advice. `reached` are the actions that the token reaches, by group.
pub(super) fn warnings(
    grant: &Grant<'_>,
    surfaces: &[Surface],
    reached: &BTreeMap<Group, BTreeSet<Action>>,
) -> Vec<Warning> {
    let mut list = Vec::new();
    let mut conflict = |text: &str| {
        list.push(Warning {
            level: Level::Conflict,
            text: text.to_owned(),
        });
    };
    let is_open = |name: &str| surfaces.iter().any(|s| s.name == name && s.open);
    if grant.scopes.is_some_and(<[String]>::is_empty) {
        conflict("Choose at least one scope: without one the token opens nothing.");
    }
    if matches!(grant.permissions, Permissions::Malformed(_)) {
        conflict("The permissions cannot be read, so every request will be refused.");
    }
    if grant.names(Scope::Metrics) && !is_open(METRICS) {
        if grant.account.is_some() {
            conflict(
                "The metrics are those of the whole instance: a token of one account cannot read them. \
                 Remove the account, or the Metrics scope.",
            );
        } else {
            conflict("Metrics need the action Read in the group Diagnostics.");
        }
    }
    if grant.names(Scope::Smtp) && !is_open(SMTP) {
        conflict("SMTP submission needs the action Send in the group Sending.");
    }
    if grant.names(Scope::ImapProxy) && !is_open(IMAP) {
        conflict(
            "The IMAP proxy needs Read, Write and Destructive in the groups Messages and Folders: \
             a mail program does all of it.",
        );
    }
    if grant.names(Scope::Mcp) && !is_open(MCP) {
        conflict(
            "MCP needs at least one of its grants: reading accounts, folders, messages, outbox or \
             templates, changing messages, or sending.",
        );
    }
    if grant.opens(Scope::Api) && !is_open(API) {
        conflict("With these permissions no operation of the API is open.");
    }
    if let Permissions::Narrowed { actions, groups } = grant.permissions
        && grant.opens(Scope::Api)
        && is_open(API)
    {
        idle(
            actions.as_deref(),
            groups.as_deref(),
            reached,
            &mut conflict,
        );
    }
    let mut advice = |text: &str| {
        list.push(Warning {
            level: Level::Advice,
            text: text.to_owned(),
        });
    };
    if grant.referrers {
        advice(
            "A referrer is sent by browsers only: curl and servers are refused, and whoever makes the \
             request can choose it. Use addresses where you can.",
        );
    }
    let admin = reached
        .get(&Group::Admin)
        .is_some_and(|actions| actions.contains(&Action::Write));
    if admin && grant.account.is_none() && !grant.addresses && !grant.expires {
        advice(
            "This token can do whatever an administrator can, from anywhere and for ever. Consider an \
             expiry, a list of addresses, or fewer permissions.",
        );
    }
    list
}

/// Names chosen actions and groups that open nothing, because the other axis does not fit.
fn idle(
    actions: Option<&[Action]>,
    groups: Option<&[Group]>,
    reached: &BTreeMap<Group, BTreeSet<Action>>,
    conflict: &mut impl FnMut(&str),
) {
    for action in actions.unwrap_or_default() {
        if !reached.values().any(|own| own.contains(action)) {
            conflict(&format!(
                "The action {} opens nothing in the chosen groups.",
                action_title(*action)
            ));
        }
    }
    for group in groups.unwrap_or_default() {
        if !reached.contains_key(group) {
            let title = GROUPS
                .iter()
                .find(|words| words.group == *group)
                .map_or(group.as_str(), |words| words.title);
            conflict(&format!(
                "The group {title} opens nothing with the chosen actions."
            ));
        }
    }
}
