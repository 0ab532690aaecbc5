//! Which folder is for what: set on the account, announced by the server (RFC 6154), or guessed
//! from the name.

mod names;

use posthouse_model::{
    account::ImapConfig,
    mailbox::{Mailbox, SpecialUse, SpecialUseSource},
};

use names::names;

/// What an attribute of LIST says; the names of the older XLIST are understood too.
fn of_attribute(attribute: &str) -> Option<SpecialUse> {
    let word = attribute.strip_prefix('\\')?.to_ascii_lowercase();
    Some(match word.as_str() {
        "inbox" => SpecialUse::Inbox,
        "flagged" | "starred" => SpecialUse::Flagged,
        "sent" => SpecialUse::Sent,
        "drafts" => SpecialUse::Drafts,
        "all" | "allmail" => SpecialUse::All,
        "archive" => SpecialUse::Archive,
        "junk" | "spam" => SpecialUse::Junk,
        "trash" => SpecialUse::Trash,
        _ => return None,
    })
}

/// A special-use alias such as `\Sent`, where a path was expected.
#[must_use]
pub fn alias(path: &str) -> Option<SpecialUse> {
    of_attribute(path)
}

fn of_name(name: &str) -> Option<SpecialUse> {
    let name = name.trim().to_lowercase();
    names()
        .find(|(_, names)| names.clone().any(|known| known == name))
        .map(|(special, _)| special)
}

/// The name a missing special folder is created with.
#[must_use]
pub const fn default_name(special: SpecialUse) -> &'static str {
    match special {
        SpecialUse::Inbox => "INBOX",
        SpecialUse::Flagged => "Flagged",
        SpecialUse::Sent => "Sent",
        SpecialUse::Drafts => "Drafts",
        SpecialUse::All => "All",
        SpecialUse::Archive => "Archive",
        SpecialUse::Junk => "Junk",
        SpecialUse::Trash => "Trash",
    }
}

/// The folder that the account names for a special use.
#[must_use]
pub fn override_path(config: &ImapConfig, special: SpecialUse) -> Option<&str> {
    match special {
        SpecialUse::Sent => config.sent_mail_path.as_deref(),
        SpecialUse::Drafts => config.drafts_mail_path.as_deref(),
        SpecialUse::Junk => config.junk_mail_path.as_deref(),
        SpecialUse::Trash => config.trash_mail_path.as_deref(),
        SpecialUse::Archive => config.archive_mail_path.as_deref(),
        SpecialUse::Inbox | SpecialUse::Flagged | SpecialUse::All => None,
    }
    .filter(|path| !path.is_empty())
}

/// Writes special uses into a list of folders; `attributes` are those of LIST, in the same order.
/// Each special use is given once: the account's setting wins over the server, that over names.
pub fn assign(list: &mut [Mailbox], attributes: &[Vec<String>], config: &ImapConfig) {
    for mailbox in list.iter_mut() {
        mailbox.special_use = None;
        mailbox.special_use_source = None;
        if mailbox.path == "INBOX" {
            set(mailbox, SpecialUse::Inbox, SpecialUseSource::Extension);
        }
    }
    for &special in SpecialUse::ALL {
        let Some(path) = override_path(config, special) else {
            continue;
        };
        if let Some(mailbox) = list.iter_mut().find(|mailbox| mailbox.path == path) {
            set(mailbox, special, SpecialUseSource::User);
        }
    }
    for (index, words) in attributes.iter().enumerate() {
        for special in words.iter().filter_map(|word| of_attribute(word)) {
            let free = !taken(list, special);
            if let Some(mailbox) = list.get_mut(index)
                && free
                && mailbox.special_use.is_none()
            {
                set(mailbox, special, SpecialUseSource::Extension);
            }
        }
    }
    // The names table is in order of likelihood, and folders nearer to the root win.
    for (special, names) in names() {
        if taken(list, special) {
            continue;
        }
        let best = list
            .iter()
            .enumerate()
            .filter(|(_, mailbox)| mailbox.special_use.is_none() && !mailbox.no_select)
            .filter(|(_, mailbox)| of_name(&mailbox.name) == Some(special))
            .min_by_key(|(index, mailbox)| {
                let name = mailbox.name.trim().to_lowercase();
                (
                    depth(mailbox),
                    names.clone().position(|known| known == name),
                    *index,
                )
            })
            .map(|(index, _)| index);
        if let Some(mailbox) = best.and_then(|index| list.get_mut(index)) {
            set(mailbox, special, SpecialUseSource::Name);
        }
    }
}

fn set(mailbox: &mut Mailbox, special: SpecialUse, source: SpecialUseSource) {
    mailbox.special_use = Some(special);
    mailbox.special_use_source = Some(source);
}

fn taken(list: &[Mailbox], special: SpecialUse) -> bool {
    list.iter()
        .any(|mailbox| mailbox.special_use == Some(special))
}

fn depth(mailbox: &Mailbox) -> usize {
    match &mailbox.delimiter {
        Some(delimiter) if !delimiter.is_empty() => {
            mailbox.path.matches(delimiter.as_str()).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
