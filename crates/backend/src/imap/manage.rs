//! Making, renaming, subscribing to and deleting folders (behaviour 10.1).

use std::sync::Arc;

use posthouse_imap::{Error, ListOptions, Namespaces};
use posthouse_model::command::{MailboxChange, UpdateMailbox};

use super::{
    connect::{Conn, command_error},
    mailbox::Shared,
    open,
    pool::{Lease, open_path},
};
use crate::BackendError;

/// Makes a folder and subscribes to it. One that exists is left as it is.
///
/// # Errors
/// 400 with the server's reason, and what connecting may say.
pub async fn create(shared: &Arc<Shared>, path: &[String]) -> Result<MailboxChange, BackendError> {
    let mut lease = Lease::alive(shared).await?;
    let session = lease.session()?;
    let path = Root::of(session).await?.path(path)?;
    let mut change = MailboxChange {
        path: path.clone(),
        done: true,
        ..MailboxChange::default()
    };
    match session.create(path.as_str()).await {
        Ok(id) => change.mailbox_id = id,
        Err(error) if error.is_refusal() => {
            let known = error.code() == Some("ALREADYEXISTS") || exists(session, &path).await?;
            if !known {
                return Err(refused(error, "CreateFailed"));
            }
            change.done = false;
        }
        Err(error) => return Err(command_error(error)),
    }
    if change.done {
        lenient(session.subscribe(path.as_str()).await)?;
        shared.forget_special();
    }
    Ok(change)
}

/// Renames a folder, with its subscriptions, and changes whether it is subscribed to.
///
/// # Errors
/// As [`create`].
pub async fn update(
    shared: &Arc<Shared>,
    update: &UpdateMailbox,
) -> Result<MailboxChange, BackendError> {
    let path = open::resolve(shared, &update.path).await?;
    let mut lease = Lease::alive(shared).await?;
    let session = lease.session()?;
    let mut change = MailboxChange {
        path: path.clone(),
        ..MailboxChange::default()
    };
    let mut now = path.clone();
    if let Some(names) = &update.new_path {
        let root = Root::of(session).await?;
        let new_path = root.path(names)?;
        let subscribed = root.subscribed(session, &path).await?;
        leave(session, &path).await?;
        match session.rename(path.as_str(), new_path.as_str()).await {
            Ok(()) => {}
            Err(error) if error.is_refusal() => return Err(refused(error, "RenameFailed")),
            Err(error) => return Err(command_error(error)),
        }
        for old in subscribed {
            let rest = old.get(path.len()..).unwrap_or_default();
            lenient(session.subscribe(format!("{new_path}{rest}")).await)?;
            lenient(session.unsubscribe(old).await)?;
        }
        now.clone_from(&new_path);
        change.new_path = Some(new_path);
        change.done = true;
        shared.forget_special();
    }
    if let Some(subscribed) = update.subscribed {
        let done = if subscribed {
            session.subscribe(now.as_str()).await
        } else {
            session.unsubscribe(now.as_str()).await
        };
        match done {
            Ok(()) => {}
            Err(error) if error.is_refusal() => return Err(refused(error, "SubscribeFailed")),
            Err(error) => return Err(command_error(error)),
        }
    }
    Ok(change)
}

/// Deletes a folder with all its messages, and gives its subscription up.
///
/// # Errors
/// `FolderNotFound`, else as [`create`].
pub async fn delete(shared: &Arc<Shared>, path: &str) -> Result<MailboxChange, BackendError> {
    let path = open::resolve(shared, path).await?;
    let mut lease = Lease::alive(shared).await?;
    let session = lease.session()?;
    leave(session, &path).await?;
    match session.delete(path.as_str()).await {
        Ok(()) => {}
        Err(error) if error.is_refusal() => {
            let gone = error.code() == Some("NONEXISTENT") || !exists(session, &path).await?;
            return Err(if gone {
                BackendError::folder_not_found()
            } else {
                refused(error, "DeleteFailed")
            });
        }
        Err(error) => return Err(command_error(error)),
    }
    lenient(session.unsubscribe(path.as_str()).await)?;
    shared.forget_special();
    Ok(MailboxChange {
        path,
        done: true,
        ..MailboxChange::default()
    })
}

/// Closes a folder that is to go: some servers refuse to touch one that is open.
async fn leave(session: &mut Conn, path: &str) -> Result<(), BackendError> {
    if open_path(session) == Some(path) {
        return session.unselect().await.map_err(command_error);
    }
    Ok(())
}

async fn exists(session: &mut Conn, path: &str) -> Result<bool, BackendError> {
    match session.list("", path, ListOptions::default()).await {
        // `*` and `%` in the path are wildcards to LIST.
        Ok(list) => Ok(list
            .iter()
            .any(|entry| entry.name.as_str() == path && !entry.has_attribute("\\NonExistent"))),
        Err(error) if error.is_refusal() => Ok(false),
        Err(error) => Err(command_error(error)),
    }
}

/// A subscription that the server does not want to change is no reason to call the rest failed.
fn lenient(done: Result<(), Error>) -> Result<(), BackendError> {
    match done {
        Err(error) if !error.is_refusal() => Err(command_error(error)),
        _ => Ok(()),
    }
}

fn refused(error: Error, fallback: &'static str) -> BackendError {
    match command_error(error) {
        BackendError::Refused { response, code } => BackendError::Mailbox {
            response,
            code: code.unwrap_or_else(|| fallback.to_owned()),
        },
        other => other,
    }
}

/// Where folders of one's own begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Root {
    prefix: String,
    delimiter: Option<char>,
    /// Prefixes of all namespaces (RFC 2342).
    known: Vec<String>,
}

impl Root {
    async fn of(session: &mut Conn) -> Result<Self, BackendError> {
        match session.namespace().await {
            Ok(namespaces) => return Ok(Self::from(namespaces)),
            Err(Error::Unsupported(_)) => {}
            Err(error) if error.is_refusal() => {}
            Err(error) => return Err(command_error(error)),
        }
        let root = session.list("", "", ListOptions::default()).await;
        let root = root.map_err(command_error)?;
        Ok(Self {
            delimiter: root.first().and_then(|entry| entry.delimiter),
            ..Self::default()
        })
    }

    /// The path of names from the root.
    fn path(&self, names: &[String]) -> Result<String, BackendError> {
        let delimiter = self.delimiter.map(String::from).unwrap_or_default();
        let trimmed = |name: &String| name.trim_matches(|c| Some(c) == self.delimiter).to_owned();
        let names: Vec<String> = names
            .iter()
            .map(trimmed)
            .filter(|name| !name.is_empty())
            .collect();
        let path = names.join(&delimiter);
        if path.is_empty() || delimiter.is_empty() && names.len() > 1 {
            return Err(BackendError::Input {
                status: 400,
                message: if path.is_empty() {
                    "The path of the folder is empty".to_owned()
                } else {
                    "The mail server has no folders within folders".to_owned()
                },
                code: "InvalidInput",
            });
        }
        if path.eq_ignore_ascii_case("INBOX") {
            return Ok("INBOX".to_owned());
        }
        let named = |prefix: &String| !prefix.is_empty() && path.starts_with(prefix.as_str());
        Ok(if self.known.iter().any(named) {
            path
        } else {
            format!("{}{path}", self.prefix)
        })
    }

    /// What is subscribed to of a folder and those in it.
    async fn subscribed(
        &self,
        session: &mut Conn,
        path: &str,
    ) -> Result<Vec<String>, BackendError> {
        let inside = self.delimiter.map(|delimiter| format!("{path}{delimiter}"));
        let patterns = [
            Some(path.to_owned()),
            inside.clone().map(|inside| format!("{inside}*")),
        ];
        let mut found = Vec::new();
        for pattern in patterns.iter().flatten() {
            match session.lsub("", pattern).await {
                Ok(list) => found.extend(list.into_iter().map(|entry| entry.name.into_string())),
                Err(error) if error.is_refusal() => {}
                Err(error) => return Err(command_error(error)),
            }
        }
        found.retain(|name| {
            name == path
                || inside
                    .as_ref()
                    .is_some_and(|inside| name.starts_with(inside.as_str()))
        });
        Ok(found)
    }
}

impl From<Namespaces> for Root {
    fn from(namespaces: Namespaces) -> Self {
        let own = namespaces.personal.first();
        let prefix = own.map(|own| own.prefix.clone()).unwrap_or_default();
        let delimiter = own.and_then(|own| own.delimiter);
        let all = [
            namespaces.personal,
            namespaces.other_users,
            namespaces.shared,
        ];
        Self {
            prefix,
            delimiter,
            known: all
                .into_iter()
                .flatten()
                .map(|namespace| namespace.prefix)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_begin_where_ones_own_folders_do() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let plain = Root {
            delimiter: Some('/'),
            known: vec![String::new(), "Shared/".to_owned()],
            ..Root::default()
        };
        let courier = Root {
            prefix: "INBOX.".to_owned(),
            delimiter: Some('.'),
            known: vec!["INBOX.".to_owned(), "shared.".to_owned()],
        };
        for (root, given, expected) in [
            (&plain, names(&["A", "B"]), "A/B"),
            (&plain, names(&["A/B/"]), "A/B"),
            (&plain, names(&["inbox"]), "INBOX"),
            (&courier, names(&["A", "B"]), "INBOX.A.B"),
            (&courier, names(&["INBOX", "A"]), "INBOX.A"),
            (&courier, names(&["shared.x"]), "shared.x"),
            (&courier, names(&["INBOX"]), "INBOX"),
        ] {
            assert_eq!(root.path(&given).unwrap(), expected);
        }
        let flat = Root::default();
        assert_eq!(flat.path(&names(&["A"])).unwrap(), "A");
        assert!(flat.path(&names(&["A", "B"])).is_err());
        assert!(plain.path(&names(&["", "/"])).is_err());
    }
}
