//! Listing folders (behaviour 10.1).

use std::{collections::HashSet, sync::Arc};

use posthouse_imap::{ListEntry, ListOptions, MailboxStatus, StatusItem};
use posthouse_model::{
    account::ImapConfig,
    mailbox::{self, Mailbox},
};

use super::{
    connect::{Conn, command_error},
    mailbox::Shared,
    pool::Lease,
    special,
};
use crate::BackendError;

/// Folders as the server lists them, sorted, with the STATUS that came along.
#[derive(Debug)]
pub struct Listed {
    /// The folders.
    pub mailboxes: Vec<Mailbox>,
    /// Of each, its counters where the server gave them with the list.
    pub statuses: Vec<Option<MailboxStatus>>,
}

/// The folders, with counters if asked for.
///
/// # Errors
/// What connecting and listing may say.
pub async fn list_mailboxes(
    shared: &Arc<Shared>,
    counters: bool,
) -> Result<Vec<Mailbox>, BackendError> {
    let items = [
        StatusItem::Messages,
        StatusItem::UidNext,
        StatusItem::Unseen,
    ];
    let mut lease = Lease::get(shared, None).await?;
    let config = shared.imap()?;
    let listed = loop {
        match list(
            lease.session()?,
            config,
            if counters { &items } else { &items[..2] },
        )
        .await
        {
            Err(error) if error.ends_connection() && !lease.is_fresh() => lease.renew().await?,
            other => break other?,
        }
    };
    shared.learn_special(&listed.mailboxes);
    let mut mailboxes = listed.mailboxes;
    let session = lease.session()?;
    for (mailbox, status) in mailboxes.iter_mut().zip(listed.statuses) {
        let status = match status {
            Some(status) => Some(status),
            None if counters && !mailbox.no_select => {
                match session.status(mailbox.path.as_str(), &items).await {
                    Ok(status) => Some(status),
                    // Gone or closed to us: listed without counters.
                    Err(error) if error.is_refusal() => None,
                    Err(error) => return Err(command_error(error)),
                }
            }
            None => None,
        };
        let Some(status) = status else { continue };
        mailbox.messages = status.messages.map(u64::from);
        mailbox.uid_next = status.uid_next.map(u64::from);
        if counters {
            mailbox.status = Some(mailbox::MailboxStatus {
                messages: status.messages.unwrap_or(0).into(),
                unseen: status.unseen.unwrap_or(0).into(),
            });
        }
    }
    Ok(mailboxes)
}

/// LIST, with what the server can add to it: subscriptions, special uses, STATUS.
///
/// # Errors
/// See [`command_error`].
pub async fn list(
    session: &mut Conn,
    config: &ImapConfig,
    status: &[StatusItem],
) -> Result<Listed, BackendError> {
    let options = ListOptions {
        special_use: true,
        subscribed: true,
        status,
    };
    let mut entries = session
        .list("", "*", options)
        .await
        .map_err(command_error)?;
    for prefix in unlisted_namespaces(session, &entries).await? {
        match session.list("", &format!("{prefix}*"), options).await {
            Ok(more) => entries.extend(more),
            // Shown, but not to us.
            Err(error) if error.is_refusal() => {}
            Err(error) => return Err(command_error(error)),
        }
    }
    let extended = session.has("LIST-EXTENDED") || session.has("IMAP4rev2");
    let subscribed = if extended {
        None
    } else {
        match session.lsub("", "*").await {
            Ok(entries) => Some(entries),
            Err(error) if error.is_refusal() => Some(Vec::new()),
            Err(error) => return Err(command_error(error)),
        }
    };
    Ok(assemble(entries, subscribed, config))
}

/// Prefixes of namespaces (RFC 2342) whose folders do not come with all others: some servers list
/// those of other users, and shared ones, only to who asks for them by their prefix.
async fn unlisted_namespaces(
    session: &mut Conn,
    entries: &[ListEntry],
) -> Result<Vec<String>, BackendError> {
    let namespaces = match session.namespace().await {
        Ok(namespaces) => namespaces,
        Err(error) if error.is_refusal() => return Ok(Vec::new()),
        Err(error) => return Err(command_error(error)),
    };
    let all = [
        namespaces.personal,
        namespaces.other_users,
        namespaces.shared,
    ];
    let listed = |prefix: &str| {
        entries
            .iter()
            .any(|entry| entry.name.as_str().starts_with(prefix))
    };
    Ok(all
        .into_iter()
        .flatten()
        .map(|namespace| namespace.prefix)
        .filter(|prefix| !prefix.is_empty() && !listed(prefix))
        .collect())
}

/// Folders from the lines of LIST and, where the server needs it, LSUB.
fn assemble(
    entries: Vec<ListEntry>,
    subscribed: Option<Vec<ListEntry>>,
    config: &ImapConfig,
) -> Listed {
    let subscribed: Option<HashSet<String>> = subscribed.map(|entries| {
        entries
            .into_iter()
            .map(|entry| entry.name.into_string())
            .collect()
    });
    let mut seen = HashSet::new();
    let mut mailboxes = Vec::with_capacity(entries.len());
    let mut attributes = Vec::with_capacity(entries.len());
    let mut statuses = Vec::with_capacity(entries.len());
    for entry in entries {
        let missing = entry.has_attribute("\\NonExistent");
        let children = entry.has_attribute("\\HasChildren");
        // A name that is only subscribed, not there.
        if missing && !children || !seen.insert(entry.name.as_str().to_owned()) {
            continue;
        }
        let path = entry.name.as_str().to_owned();
        let delimiter = entry.delimiter.map(String::from);
        let (parent, name) = match &delimiter {
            Some(delimiter) => match path.rsplit_once(delimiter.as_str()) {
                Some((parent, name)) if !name.is_empty() => {
                    (Some(parent.to_owned()), name.to_owned())
                }
                _ => (None, path.clone()),
            },
            None => (None, path.clone()),
        };
        mailboxes.push(Mailbox {
            parent_path: parent.filter(|parent| !parent.is_empty()),
            name,
            listed: true,
            subscribed: match &subscribed {
                Some(paths) => paths.contains(&path),
                None => entry.has_attribute("\\Subscribed"),
            },
            no_select: missing || entry.has_attribute("\\Noselect"),
            no_inferiors: entry.has_attribute("\\Noinferiors"),
            path,
            delimiter,
            ..Mailbox::default()
        });
        attributes.push(entry.attributes);
        statuses.push(entry.status);
    }
    special::assign(&mut mailboxes, &attributes, config);
    // Statuses must follow their folders through the sort.
    let mut by_path: std::collections::HashMap<String, MailboxStatus> = mailboxes
        .iter()
        .zip(statuses)
        .filter_map(|(mailbox, status)| Some((mailbox.path.clone(), status?)))
        .collect();
    Mailbox::sort(&mut mailboxes);
    let statuses = mailboxes
        .iter()
        .map(|mailbox| by_path.remove(&mailbox.path))
        .collect();
    Listed {
        mailboxes,
        statuses,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use posthouse_imap::MailboxName;
    use posthouse_model::mailbox::SpecialUse;

    fn entry(path: &str, attributes: &str) -> ListEntry {
        ListEntry {
            attributes: attributes.split_whitespace().map(str::to_owned).collect(),
            delimiter: Some('/'),
            name: MailboxName::new(path),
            old_name: None,
            child_info: Vec::new(),
            status: None,
        }
    }

    #[test]
    fn folders_are_assembled() {
        let entries = vec![
            entry("Zebra", "\\Subscribed"),
            entry("Work/Deep/Ünder", ""),
            entry("Work", "\\Noselect \\HasChildren"),
            entry("Gone", "\\NonExistent \\Subscribed"),
            entry("Trash", "\\Trash \\Noinferiors"),
            entry("INBOX", "\\Subscribed"),
            entry("INBOX", ""),
        ];
        let listed = assemble(entries, None, &ImapConfig::default());
        let paths: Vec<_> = listed.mailboxes.iter().map(|m| m.path.as_str()).collect();
        assert_eq!(
            paths,
            ["INBOX", "Trash", "Work", "Work/Deep/Ünder", "Zebra"]
        );
        let deep = &listed.mailboxes[3];
        assert_eq!(deep.parent_path.as_deref(), Some("Work/Deep"));
        assert_eq!(deep.name, "Ünder");
        assert!(listed.mailboxes[2].no_select && listed.mailboxes[1].no_inferiors);
        assert_eq!(listed.mailboxes[1].special_use, Some(SpecialUse::Trash));
        assert!(listed.mailboxes[0].subscribed && !deep.subscribed);
    }
}
