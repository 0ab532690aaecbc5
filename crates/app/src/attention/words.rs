//! Counts in words.

use posthouse_model::AccountId;

pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

pub(super) fn accounts(count: u64) -> String {
    plural(count, "account", "accounts")
}

pub(super) fn were(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun} was")
    } else {
        format!("{count} {noun}s were")
    }
}

/// Names of accounts, and how many more there are.
pub(super) fn named(accounts: &[AccountId], count: u64) -> String {
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

pub(super) fn have(count: u64, noun: &str, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {noun} has {one}")
    } else {
        format!("{count} {noun}s have {many}")
    }
}
