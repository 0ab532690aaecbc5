//! The rules: data, and how they are applied.

use std::sync::OnceLock;

use serde::Deserialize;

use super::{Blocklist, BlocklistType, Category, RecommendedAction};
use crate::report::reply::Reply;

/// A rule. What it gives must all hold; of a list one entry is enough. The first rule that holds decides.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    category: Category,
    /// Else what the category gives.
    action: Option<RecommendedAction>,
    /// Phrases in the manner of [`Reply::says`].
    #[serde(default)]
    words: Vec<String>,
    /// Codes, or their first digits.
    #[serde(default)]
    code: Vec<String>,
    /// Enhanced status codes, or their begin up to a dot.
    #[serde(default)]
    status: Vec<String>,
    /// A blocklist of this type is named.
    blocklist: Option<BlocklistType>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    name: String,
    #[serde(rename = "type")]
    kind: BlocklistType,
    words: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    rule: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blocklists {
    blocklist: Vec<Known>,
}

const RULES: &str = include_str!("rules.toml");
const BLOCKLISTS: &str = include_str!("blocklists.toml");

// A test holds the files readable; a build that broke one still reports bounces, as unknown ones.

fn rules() -> &'static [Rule] {
    static FILE: OnceLock<Rules> = OnceLock::new();
    &FILE
        .get_or_init(|| toml::from_str(RULES).unwrap_or_default())
        .rule
}

fn blocklists() -> &'static [Known] {
    static FILE: OnceLock<Blocklists> = OnceLock::new();
    &FILE
        .get_or_init(|| toml::from_str(BLOCKLISTS).unwrap_or_default())
        .blocklist
}

/// The first blocklist that a reply names.
pub(super) fn blocklist(reply: &Reply) -> Option<Blocklist> {
    let is_named = |known: &&Known| known.words.iter().any(|words| reply.says(words));
    let known = blocklists().iter().find(is_named)?;
    Some(Blocklist {
        name: known.name.clone(),
        kind: known.kind,
    })
}

/// Category and action of a reply.
pub(super) fn category(
    reply: &Reply,
    status: Option<&str>,
    blocklist: Option<&Blocklist>,
) -> (Category, RecommendedAction) {
    let code = code(reply, status);
    let statuses = [reply.status.as_deref(), status];
    let holds = |rule: &&Rule| {
        (rule.words.is_empty() || rule.words.iter().any(|words| reply.says(words)))
            && (rule.code.is_empty() || rule.code.iter().any(|known| code.starts_with(known)))
            && (rule.status.is_empty()
                || rule
                    .status
                    .iter()
                    .any(|known| statuses.iter().flatten().any(|status| is_of(status, known))))
            && rule
                .blocklist
                .is_none_or(|kind| blocklist.is_some_and(|known| known.kind == kind))
    };
    let rule = rules().iter().find(holds);
    rule.map_or((Category::Unknown, RecommendedAction::Review), |rule| {
        (rule.category, rule.action.unwrap_or(rule.category.action()))
    })
}

/// The code of a reply; without one the class of its status, which has the same first digit (RFC 2034). What has neither, a program
/// wrote that gave up: it is permanent.
fn code(reply: &Reply, status: Option<&str>) -> String {
    if let Some(code) = reply.code {
        return code.to_string();
    }
    let status = reply.status.as_deref().or(status).unwrap_or("5");
    status.chars().take(1).collect()
}

fn is_of(status: &str, known: &str) -> bool {
    if known.ends_with('.') {
        status.starts_with(known)
    } else {
        status == known
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_files_are_readable() {
        let file: Rules = toml::from_str(RULES).unwrap();
        let lists: Blocklists = toml::from_str(BLOCKLISTS).unwrap();
        assert!(file.rule.len() > 30 && lists.blocklist.len() > 20);
        let words = file.rule.iter().flat_map(|rule| &rule.words);
        for words in words.chain(lists.blocklist.iter().flat_map(|known| &known.words)) {
            assert_eq!(*words, words.to_lowercase());
            assert!(!words.trim().is_empty());
        }
        for rule in &file.rule {
            assert!(
                !(rule.words.is_empty()
                    && rule.code.is_empty()
                    && rule.status.is_empty()
                    && rule.blocklist.is_none())
            );
        }
    }
}
