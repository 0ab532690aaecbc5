//! What a token may do, in plain words: worked out from the operation table, so that the words cannot
//! promise what admission refuses.

mod warnings;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use posthouse_contract::{Operation, operations};
use posthouse_model::{Action, Group, Permissions, Scope, token::TokenRecord};
use serde::Serialize;

pub use words::{GROUPS, GroupWords, PRESETS, Preset, action_title};

use warnings::warnings;
use words::{ASKED, BOUND_ADMIN};

use crate::{auth::binding_admits, request::Target};

/// What is known of a token before it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// Scopes; none for records that predate them, which open everything.
    pub scopes: Option<&'a [String]>,
    /// What is taken away.
    pub permissions: &'a Permissions,
    /// The only account it may touch.
    pub account: Option<&'a str>,
    /// Whether it is restricted to addresses.
    pub addresses: bool,
    /// Whether it is restricted to referrers.
    pub referrers: bool,
    /// Whether it expires.
    pub expires: bool,
}

impl<'a> From<&'a TokenRecord> for Grant<'a> {
    fn from(record: &'a TokenRecord) -> Self {
        let restrictions = record.restrictions.as_ref();
        let filled = |list: Option<&Vec<String>>| list.is_some_and(|list| !list.is_empty());
        Self {
            scopes: record.scopes.as_deref(),
            permissions: &record.permissions,
            account: record.account.as_ref().map(|account| account.as_str()),
            addresses: filled(restrictions.and_then(|all| all.addresses.as_ref())),
            referrers: filled(restrictions.and_then(|all| all.referrers.as_ref())),
            expires: record.expires.is_some(),
        }
    }
}

impl Grant<'_> {
    fn names(&self, scope: Scope) -> bool {
        self.scopes
            .is_none_or(|own| own.iter().any(|word| word == scope.as_str()))
    }

    fn opens(&self, scope: Scope) -> bool {
        self.names(scope) || self.names(Scope::All)
    }

    fn permits(&self, action: Action, group: Group) -> bool {
        self.permissions.check(action, group).is_ok()
    }

    fn reaches(&self, operation: &'static Operation) -> bool {
        let target = Target {
            scopes: &operation.scopes,
            action: operation.action,
            group: operation.group,
            path: operation.path,
            account: self.account.filter(|_| operation.has_account()),
            operation: Some(operation),
            query_account: self.account,
        };
        self.permits(operation.action, operation.group)
            && self
                .account
                .is_none_or(|account| binding_admits(account, &target))
    }
}

/// How serious a warning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Something that was asked for will not work.
    Conflict,
    /// Something to think about.
    Advice,
}

/// Something to know before the token is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// How serious it is.
    pub level: Level,
    /// One or two plain sentences.
    pub text: String,
}

/// One way into the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Surface {
    /// Its name, such as `REST API`.
    pub name: &'static str,
    /// Whether the token opens it.
    pub open: bool,
    /// What that means, one sentence.
    pub text: String,
}

/// What a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ability {
    /// One sentence that says it all.
    pub summary: String,
    /// Ways in, open ones first.
    pub surfaces: Vec<Surface>,
    /// What it may do, as phrases after "may".
    pub may: Vec<String>,
    /// What it may not do, of what people ask for.
    pub may_not: Vec<String>,
    /// Conflicts and advice.
    pub warnings: Vec<Warning>,
    /// Operations of the API that it reaches.
    pub reached: usize,
    /// Operations of the API.
    pub operations: usize,
    /// Whether `/metrics` answers it.
    pub metrics: bool,
    /// Whether `/v1/stats` answers it.
    pub stats: bool,
    /// Whether `/v1/account/{account}` answers it.
    pub own_account: bool,
}

/// Each action that a group has, from the operation table.
#[must_use]
pub fn actions_of(group: Group) -> Vec<Action> {
    let known: BTreeSet<_> = served()
        .filter(|operation| operation.group == group)
        .map(|operation| operation.action)
        .collect();
    known.into_iter().collect()
}

fn served() -> impl Iterator<Item = &'static Operation> {
    operations().iter().filter(|operation| !operation.hidden)
}

fn phrase(group: Group, action: Action, bound: bool) -> Option<&'static str> {
    let phrases = if bound && group == Group::Admin {
        BOUND_ADMIN
    } else {
        GROUPS.iter().find(|words| words.group == group)?.phrases
    };
    let found = phrases.iter().find(|(own, _)| *own == action)?;
    Some(found.1)
}

/// Works out what a token may do.
#[must_use]
pub fn ability(grant: &Grant<'_>) -> Ability {
    let api = grant.opens(Scope::Api);
    let total = served().count();
    let mut reached = BTreeMap::<Group, BTreeSet<Action>>::new();
    let mut count = 0;
    for operation in served().filter(|_| api) {
        if grant.reaches(operation) {
            reached
                .entry(operation.group)
                .or_default()
                .insert(operation.action);
            count += 1;
        }
    }
    let reaches = |group, action| {
        reached
            .get(&group)
            .is_some_and(|actions| actions.contains(&action))
    };
    let bound = grant.account.is_some();
    let mut may: Vec<String> = GROUPS
        .iter()
        .flat_map(|words| {
            let actions = reached.get(&words.group).into_iter().flatten();
            actions.filter_map(move |action| phrase(words.group, *action, bound))
        })
        .map(str::to_owned)
        .collect();

    if count == total {
        may = vec!["do whatever the API offers".to_owned()];
    }

    let surfaces = surfaces(grant, count, total);
    let is_open = |name: &str| {
        surfaces
            .iter()
            .any(|surface| surface.name == name && surface.open)
    };
    if is_open(METRICS) {
        may.push("read the metrics of this instance".to_owned());
    }
    if is_open(SMTP) {
        may.push("send messages over SMTP".to_owned());
    }
    if is_open(IMAP) {
        may.push("read, change and delete messages over IMAP".to_owned());
    }
    let imap = is_open(IMAP);
    let sends = is_open(SMTP);
    let mut may_not: Vec<String> = ASKED
        .iter()
        .filter(|(group, action, _)| {
            !(reaches(*group, *action)
                || (imap && *group == Group::Message)
                || (sends && *group == Group::Submit))
        })
        .map(|(_, _, phrase)| (*phrase).to_owned())
        .collect();
    if !reaches(Group::Admin, Action::Write) || bound {
        may_not.push("change settings or issue tokens".to_owned());
    }
    if let Some(account) = grant.account {
        may_not.push(format!("touch any account but {account}"));
    }
    let opens = |id: &str| api && served().any(|o| o.id == id && grant.reaches(o));
    Ability {
        summary: summary(grant, &surfaces, count, total),
        may,
        may_not,
        warnings: warnings(grant, &surfaces, &reached),
        reached: count,
        operations: total,
        metrics: is_open(METRICS),
        stats: opens("getV1Stats"),
        own_account: opens("getV1AccountAccount"),
        surfaces,
    }
}

const API: &str = "REST API";
const METRICS: &str = "Metrics";
const SMTP: &str = "SMTP submission";
const IMAP: &str = "IMAP proxy";
const MCP: &str = "MCP";

fn surfaces(grant: &Grant<'_>, count: usize, total: usize) -> Vec<Surface> {
    let of = grant.account.map_or_else(
        || "any account".to_owned(),
        |account| format!("account {account}"),
    );
    let all_of = |actions: &[Action], group| actions.iter().all(|a| grant.permits(*a, group));
    const FULL: &[Action] = &[Action::Read, Action::Write, Action::Destructive];
    let imap = all_of(FULL, Group::Message) && all_of(FULL, Group::Mailbox);
    let mut list = vec![
        Surface {
            name: API,
            open: grant.opens(Scope::Api) && count > 0,
            text: format!("{count} of {total} operations under /v1, for {of}."),
        },
        Surface {
            name: METRICS,
            open: grant.opens(Scope::Metrics)
                && grant.account.is_none()
                && grant.permits(Action::Read, Group::Diagnostics),
            text: "Prometheus reads /metrics with it.".to_owned(),
        },
        Surface {
            name: SMTP,
            open: grant.opens(Scope::Smtp) && grant.permits(Action::Send, Group::Submit),
            text: format!("The password of {of} for sending over SMTP."),
        },
        Surface {
            name: IMAP,
            open: grant.opens(Scope::ImapProxy) && imap,
            text: format!("The password of {of} for mail programs over IMAP."),
        },
        Surface {
            name: MCP,
            open: (grant.opens(Scope::Mcp) || grant.opens(Scope::Api)) && mcp(grant),
            text: format!("Assistants use the mail tools its permissions admit, for {of}."),
        },
    ];
    list.sort_by_key(|surface| !surface.open);
    list
}

/// MCP admits a token that any of its tools would admit.
fn mcp(grant: &Grant<'_>) -> bool {
    served().any(|operation| operation.mcp_surface && grant.reaches(operation))
}

fn summary(grant: &Grant<'_>, surfaces: &[Surface], count: usize, total: usize) -> String {
    let open: Vec<_> = surfaces
        .iter()
        .filter(|surface| surface.open)
        .map(|surface| surface.name)
        .collect();
    match (grant.account, open.as_slice()) {
        (_, []) => "This token opens nothing.".to_owned(),
        (None, _) if count == total && open.len() == 5 => {
            "This token may do everything, on every account and on the instance itself.".to_owned()
        }
        (None, [METRICS]) => {
            "This token reads the metrics and nothing else: no mail, no account, no setting."
                .to_owned()
        }
        (None, open) => format!("This token opens {} for every account.", words(open)),
        (Some(account), open) => {
            format!(
                "This token opens {} for account {account} only.",
                words(open)
            )
        }
    }
}

/// The names of surfaces in a sentence.
fn words(list: &[&str]) -> String {
    let list: Vec<_> = list
        .iter()
        .map(|name| match *name {
            API => "the REST API",
            METRICS => "the metrics",
            IMAP => "the IMAP proxy",
            name => name,
        })
        .collect();
    match list.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn judge(scopes: &[&str], permissions: serde_json::Value, account: Option<&str>) -> Ability {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        ability(&Grant {
            scopes: Some(&scopes),
            permissions: &Permissions::from(Some(permissions)),
            account,
            addresses: false,
            referrers: false,
            expires: false,
        })
    }

    fn open(ability: &Ability) -> Vec<&str> {
        let open = ability.surfaces.iter().filter(|surface| surface.open);
        open.map(|surface| surface.name).collect()
    }

    #[test]
    fn every_group_has_words_for_what_it_has() {
        for group in Group::ALL {
            let words = GROUPS.iter().find(|words| words.group == *group).unwrap();
            let named: BTreeSet<_> = words.phrases.iter().map(|(action, _)| *action).collect();
            let real: BTreeSet<_> = actions_of(*group).into_iter().collect();
            assert_eq!(named, real, "{group}");
        }
    }

    #[test]
    fn which_surfaces_open() {
        let full = json!(null);
        for (scopes, permissions, account, expected) in [
            (
                &["*"][..],
                full.clone(),
                None,
                &[API, METRICS, SMTP, IMAP, MCP][..],
            ),
            (&["api"], full.clone(), None, &[API, MCP]),
            (&["metrics"], full.clone(), None, &[METRICS]),
            (&["metrics"], full.clone(), Some("a"), &[]),
            (&["*"], full.clone(), Some("a"), &[API, SMTP, IMAP, MCP]),
            (&["metrics"], json!({"actions": ["read"]}), None, &[METRICS]),
            (&["metrics"], json!({"actions": ["send"]}), None, &[]),
            (&["metrics"], json!({"groups": ["message"]}), None, &[]),
            (&["smtp"], full.clone(), Some("a"), &[SMTP]),
            (
                &["smtp"],
                json!({"actions": ["send"], "groups": ["submit"]}),
                None,
                &[SMTP],
            ),
            (&["smtp"], json!({"actions": ["read"]}), None, &[]),
            (&["smtp"], json!({"groups": ["message"]}), None, &[]),
            (&["imap-proxy"], full.clone(), None, &[IMAP]),
            (
                &["imap-proxy"],
                json!({"groups": ["message", "mailbox"]}),
                None,
                &[IMAP],
            ),
            (&["imap-proxy"], json!({"groups": ["message"]}), None, &[]),
            (
                &["imap-proxy"],
                json!({"actions": ["read", "write"]}),
                None,
                &[],
            ),
            (&["mcp"], full.clone(), None, &[MCP]),
            (&["mcp"], json!({"groups": ["submit"]}), None, &[MCP]),
            (&["mcp"], json!({"groups": ["logs"]}), None, &[]),
            (
                &["api"],
                json!({"actions": ["send"], "groups": ["logs"]}),
                None,
                &[],
            ),
            (&["api"], json!({"colour": []}), None, &[]),
            (&[], full, None, &[]),
        ] {
            let found = judge(scopes, permissions.clone(), account);
            assert_eq!(
                open(&found),
                expected,
                "{scopes:?} {permissions} {account:?}"
            );
            let conflicts = found.warnings.iter().any(|w| w.level == Level::Conflict);
            assert_eq!(
                conflicts,
                expected.is_empty(),
                "{scopes:?} {permissions}: {found:?}"
            );
        }
    }

    #[test]
    fn presets_do_what_they_say() {
        let of = |id: &str| {
            let preset = PRESETS.iter().find(|preset| preset.id == id).unwrap();
            judge(&["api"], json!(preset.permissions()), None)
        };
        let may = |ability: &Ability, phrase: &str| ability.may.iter().any(|own| own == phrase);
        let all = of("all");
        assert_eq!(all.reached, all.operations);
        let read = of("read");
        assert!(may(&read, "read messages and attachments") && !may(&read, "send messages"));
        assert!(read.may.iter().all(|phrase| !phrase.contains("delete")));
        assert!(read.may_not.contains(&"send messages".to_owned()));
        let agent = of("agent");
        assert!(may(&agent, "send messages") && !may(&agent, "delete messages"));
        assert!(!may(
            &agent,
            "read settings, tokens and OAuth2 applications"
        ));
        let send = of("send");
        assert_eq!(send.may, ["send messages"]);
        for ability in [all, read, agent, send] {
            assert!(
                ability.warnings.iter().all(|w| w.level == Level::Advice),
                "{ability:?}"
            );
        }
    }

    #[test]
    fn a_bound_token_stays_with_its_account() {
        let found = judge(&["api"], json!(null), Some("ann"));
        assert!(found.reached < found.operations);
        assert!(!found.stats);
        assert!(found.summary.contains("account ann only"));
        assert!(
            found
                .may_not
                .contains(&"touch any account but ann".to_owned())
        );
        assert!(
            found
                .may
                .contains(&"change the account's configuration".to_owned())
        );
        assert!(
            found
                .may_not
                .contains(&"change settings or issue tokens".to_owned())
        );
    }

    #[test]
    fn what_cannot_fit_together_is_named() {
        let found = judge(
            &["api"],
            json!({"actions": ["read", "send"], "groups": ["message", "submit", "events"]}),
            None,
        );
        assert_eq!(found.warnings, []);
        let found = judge(
            &["api"],
            json!({"actions": ["read", "send"], "groups": ["message"]}),
            None,
        );
        let texts: Vec<_> = found.warnings.iter().map(|w| w.text.as_str()).collect();
        assert_eq!(
            texts,
            ["The action Send opens nothing in the chosen groups."]
        );
    }
}
