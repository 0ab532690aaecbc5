//! What a follower said, read from its webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::history::{Flags, flags};

/// One event, at its first delivery.
#[derive(Clone, Debug)]
pub struct Told {
    /// When it arrived, milliseconds since the run began.
    pub at: u64,
    /// The folder of the envelope.
    pub path: String,
    /// What it says.
    pub fact: Fact,
}

/// What an event says. `id` of a message is the number of its mailbox and its UID, as in its message id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// `messageNew`.
    New {
        /// Mailbox number and UID.
        id: (u32, u32),
        /// Its Message-ID.
        key: Option<String>,
        /// Flags as of the read.
        flags: Flags,
        /// From and to which path it was moved, if the event claims so.
        moved: Option<(String, String)>,
    },
    /// `messageMissing`.
    Missing {
        /// Mailbox number and UID.
        id: (u32, u32),
    },
    /// `messageUpdated`.
    Updated {
        /// Mailbox number and UID.
        id: (u32, u32),
        /// Flags that it has now and had not.
        added: Flags,
        /// Flags that it had.
        deleted: Flags,
        /// All its flags.
        value: Flags,
    },
    /// `messageDeleted`.
    Deleted {
        /// Mailbox number and UID.
        id: (u32, u32),
        /// As in [`Fact::New`].
        moved: Option<(String, String)>,
    },
    /// `mailboxNew`.
    FolderNew {
        /// UIDVALIDITY.
        uid_validity: u32,
    },
    /// `mailboxDeleted`.
    FolderDeleted,
    /// `mailboxReset`.
    FolderReset {
        /// UIDVALIDITY now.
        uid_validity: u32,
        /// UIDVALIDITY before.
        previous: u32,
        /// `uidValidityChange` or `syncStateLost`.
        reason: String,
    },
}

impl Told {
    /// Reads the body of a webhook; none when it is no event of a mailbox.
    ///
    /// # Errors
    /// A sentence about what is missing or wrong in an event that is one.
    pub fn read(at: u64, body: &Value) -> Result<Option<Self>, String> {
        let data = &body["data"];
        let fact = match body["event"].as_str().unwrap_or_default() {
            "messageNew" => Fact::New {
                id: id(data)?,
                key: data["messageId"].as_str().map(str::to_owned),
                flags: words(&data["flags"]),
                moved: moved(data)?,
            },
            "messageMissing" => Fact::Missing { id: id(data)? },
            "messageUpdated" => {
                let changes = &data["changes"]["flags"];
                if !changes["value"].is_array() {
                    return Err(format!("no changes.flags.value in {body}"));
                }
                Fact::Updated {
                    id: id(data)?,
                    added: words(&changes["added"]),
                    deleted: words(&changes["deleted"]),
                    value: words(&changes["value"]),
                }
            }
            "messageDeleted" => Fact::Deleted {
                id: id(data)?,
                moved: moved(data)?,
            },
            "mailboxNew" => Fact::FolderNew {
                uid_validity: number(data, "uidValidity")?,
            },
            "mailboxDeleted" => Fact::FolderDeleted,
            "mailboxReset" => Fact::FolderReset {
                uid_validity: number(data, "uidValidity")?,
                previous: number(data, "prevUidValidity")?,
                reason: data["reason"].as_str().unwrap_or_default().to_owned(),
            },
            _ => return Ok(None),
        };
        let path = body["path"].as_str();
        let path = path.ok_or_else(|| format!("no path in {body}"))?.to_owned();
        if let Some(named) = data["path"].as_str()
            && named != path
        {
            return Err(format!("two paths in {body}"));
        }
        Ok(Some(Self { at, path, fact }))
    }

    /// Mailbox number and UID of an event about a message.
    #[must_use]
    pub fn message(&self) -> Option<(u32, u32)> {
        match self.fact {
            Fact::New { id, .. }
            | Fact::Missing { id }
            | Fact::Updated { id, .. }
            | Fact::Deleted { id, .. } => Some(id),
            _ => None,
        }
    }

    /// One line for a story.
    #[must_use]
    pub fn line(&self) -> String {
        let list = |words: &Flags| words.iter().cloned().collect::<Vec<_>>().join(" ");
        let moved = |moved: &Option<(String, String)>| match moved {
            Some((from, to)) => format!(", moved from {from} to {to}"),
            None => String::new(),
        };
        let what = match &self.fact {
            Fact::New {
                flags, moved: m, ..
            } => format!("messageNew ({}){}", list(flags), moved(m)),
            Fact::Missing { .. } => "messageMissing".to_owned(),
            Fact::Updated {
                added,
                deleted,
                value,
                ..
            } => format!(
                "messageUpdated +({}) -({}) = ({})",
                list(added),
                list(deleted),
                list(value)
            ),
            Fact::Deleted { moved: m, .. } => format!("messageDeleted{}", moved(m)),
            Fact::FolderNew { uid_validity } => format!("mailboxNew {uid_validity}"),
            Fact::FolderDeleted => "mailboxDeleted".to_owned(),
            Fact::FolderReset {
                uid_validity,
                previous,
                reason,
            } => format!("mailboxReset {previous} -> {uid_validity} ({reason})"),
        };
        format!("{:>8} ms told  {what}", self.at)
    }
}

fn words(list: &Value) -> Flags {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    flags(list.iter().filter_map(Value::as_str))
}

fn number(data: &Value, field: &str) -> Result<u32, String> {
    let value = &data[field];
    let number = value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| format!("no {field} in {data}"))
}

fn moved(data: &Value) -> Result<Option<(String, String)>, String> {
    let moved = &data["moved"];
    if moved.is_null() {
        return Ok(None);
    }
    match (moved["from"].as_str(), moved["to"].as_str()) {
        (Some(from), Some(to)) => Ok(Some((from.to_owned(), to.to_owned()))),
        _ => Err(format!("not a move: {moved}")),
    }
}

/// The message id: base64url of the mailbox number and the UID, four bytes each, big endian.
fn id(data: &Value) -> Result<(u32, u32), String> {
    let text = data["id"].as_str().unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let parts = bytes
        .split_at_checked(4)
        .and_then(|(mailbox, uid)| Some((mailbox.try_into().ok()?, uid.try_into().ok()?)));
    let Some((mailbox, uid)) = parts else {
        return Err(format!("not a message id: {text:?}"));
    };
    let (mailbox, uid) = (u32::from_be_bytes(mailbox), u32::from_be_bytes(uid));
    if data["uid"].as_u64() != Some(u64::from(uid)) {
        return Err(format!(
            "id {text} is of UID {uid}, uid says {}",
            data["uid"]
        ));
    }
    Ok((mailbox, uid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_read_and_broken_ones_named() {
        let body = json!({ "event": "messageDeleted", "path": "INBOX",
            "data": { "id": "AAAAAQAACnA", "uid": 2672, "moved": { "from": "INBOX", "to": "Archive" } } });
        let told = Told::read(5, &body).unwrap().unwrap();
        let moved = Some(("INBOX".to_owned(), "Archive".to_owned()));
        let fact = Fact::Deleted {
            id: (1, 2672),
            moved,
        };
        assert_eq!((told.at, told.fact), (5, fact));
        let other = json!({ "event": "accountAdded", "data": {} });
        assert!(Told::read(0, &other).unwrap().is_none());
        for (field, value) in [
            ("uid", json!(7)),
            ("id", json!("AAAA")),
            ("moved", json!({})),
        ] {
            let mut broken = body.clone();
            broken["data"][field] = value;
            assert!(Told::read(0, &broken).is_err(), "{broken}");
        }
        let mut nowhere = body;
        nowhere["path"] = Value::Null;
        assert!(Told::read(0, &nowhere).is_err());
    }
}
