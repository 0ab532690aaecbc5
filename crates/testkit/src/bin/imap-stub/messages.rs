//! Commands on the messages of the open folder.

use std::sync::Arc;

use super::fetch;
use super::mailbox::{self, Folder, Message, User};
use super::parse::{Item, in_set};
use super::session::Session;

impl Session {
    /// Commands on the messages of the open folder.
    pub(crate) fn selected(
        &mut self,
        user: &User,
        number: usize,
        verb: &str,
        by_uid: bool,
        args: &[Item],
    ) -> String {
        let known = self
            .open
            .as_ref()
            .map(|open| open.known.clone())
            .unwrap_or_default();
        let mut folders = user.folders();
        let text = |index: usize| args.get(index).map(Item::text).unwrap_or_default();
        let set = text(0);
        let last = known.last().copied().unwrap_or(0);
        let chosen = |uid: u32| {
            let Some(at) = known.iter().position(|other| *other == uid) else {
                return false;
            };
            let sequence = u32::try_from(at + 1).unwrap_or(0);
            if by_uid {
                in_set(&set, uid, last)
            } else {
                in_set(&set, sequence, u32::try_from(known.len()).unwrap_or(0))
            }
        };
        let sequence = |uid: u32| {
            known
                .iter()
                .position(|other| *other == uid)
                .map_or(0, |at| at + 1)
        };
        match verb {
            "FETCH" => {
                let mut wanted: Vec<String> = args
                    .get(1)
                    .map(Item::items)
                    .unwrap_or_default()
                    .iter()
                    .map(Item::text)
                    .collect();
                let since = args.get(2).map(Item::items).unwrap_or_default();
                let since = since
                    .iter()
                    .position(|item| item.upper() == "CHANGEDSINCE")
                    .and_then(|at| since.get(at + 1)?.text().parse().ok());
                for extra in [(by_uid, "UID"), (since.is_some(), "MODSEQ")] {
                    if extra.0 && !wanted.iter().any(|item| item.eq_ignore_ascii_case(extra.1)) {
                        wanted.insert(0, extra.1.to_owned());
                    }
                }
                let messages = folders[number]
                    .messages
                    .iter()
                    .filter(|message| chosen(message.uid) && message.modseq > since.unwrap_or(0));
                for message in messages {
                    fetched(sequence(message.uid), message, &wanted, &mut self.out);
                }
            }
            "SEARCH" => {
                let uids = searched(&folders[number], &known, args);
                let found: Vec<String> = uids
                    .iter()
                    .map(|uid| {
                        if by_uid {
                            uid.to_string()
                        } else {
                            sequence(*uid).to_string()
                        }
                    })
                    .collect();
                self.say(format!("* SEARCH {}", found.join(" ")).trim_end());
            }
            "STORE" => {
                let action = text(1).to_ascii_uppercase();
                let words: Vec<Box<str>> = args
                    .get(2)
                    .map(Item::items)
                    .unwrap_or_default()
                    .iter()
                    .map(|flag| flag.text().into())
                    .collect();
                let folder = &mut folders[number];
                for message in folder
                    .messages
                    .iter_mut()
                    .filter(|message| chosen(message.uid))
                {
                    folder.modseq += 1;
                    message.modseq = folder.modseq;
                    match action.as_bytes().first() {
                        Some(b'+') => {
                            message.flags.retain(|flag| !words.contains(flag));
                            message.flags.extend(words.iter().cloned());
                        }
                        Some(b'-') => message.flags.retain(|flag| !words.contains(flag)),
                        _ => message.flags.clone_from(&words),
                    }
                    if !action.contains("SILENT") {
                        fetched(
                            sequence(message.uid),
                            message,
                            &["UID".to_owned(), "FLAGS".to_owned()],
                            &mut self.out,
                        );
                    }
                }
                if let Some(open) = &mut self.open {
                    open.seen = folder.modseq;
                }
                user.changed();
            }
            "COPY" | "MOVE" => {
                let Some(to) = mailbox::number(&text(1)) else {
                    return "NO [TRYCREATE] no such folder".to_owned();
                };
                let moved: Vec<Message> = folders[number]
                    .messages
                    .iter()
                    .filter(|message| chosen(message.uid))
                    .cloned()
                    .collect();
                let list = |uids: Vec<u32>| {
                    uids.iter()
                        .map(u32::to_string)
                        .collect::<Vec<_>>()
                        .join(",")
                };
                let from = list(moved.iter().map(|message| message.uid).collect());
                let to = moved
                    .iter()
                    .map(|message| {
                        folders[to].append(
                            Arc::clone(&message.raw),
                            message.flags.clone(),
                            message.date,
                        )
                    })
                    .collect();
                let code = format!("[COPYUID 1 {from} {}]", list(to));
                if verb == "MOVE" {
                    self.say(&format!("* OK {code} moved"));
                    folders[number].modseq += 1;
                    folders[number]
                        .messages
                        .retain(|message| !moved.iter().any(|gone| gone.uid == message.uid));
                }
                drop(folders);
                user.changed();
                self.news();
                return if verb == "MOVE" {
                    "OK moved".to_owned()
                } else {
                    format!("OK {code} copied")
                };
            }
            _ => {
                let folder = &mut folders[number];
                folder.modseq += 1;
                folder.messages.retain(|message| {
                    let deleted = message
                        .flags
                        .iter()
                        .any(|flag| flag.eq_ignore_ascii_case("\\Deleted"));
                    !(deleted && (!by_uid || chosen(message.uid)))
                });
                drop(folders);
                user.changed();
                self.news();
            }
        }
        "OK done".to_owned()
    }
}

fn fetched(sequence: usize, message: &Message, wanted: &[String], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("* {sequence} FETCH (").as_bytes());
    for (index, name) in wanted.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        fetch::item(message, name, out);
    }
    out.extend_from_slice(b")\r\n");
}

/// `SINCE`, `UID` and `MODSEQ` narrow; all other keys are taken as ALL.
fn searched(folder: &Folder, known: &[u32], args: &[Item]) -> Vec<u32> {
    let words: Vec<String> = args.iter().map(Item::upper).collect();
    let after = |name: &str| {
        words
            .iter()
            .position(|word| word == name)
            .and_then(|at| words.get(at + 1))
    };
    let (set, since) = (
        after("UID"),
        after("MODSEQ").and_then(|word| word.parse::<u64>().ok()),
    );
    let last = known.last().copied().unwrap_or(0);
    let plain = words.iter().find(|word| {
        word.starts_with(|first: char| first.is_ascii_digit()) && word.contains([':', ','])
    });
    let messages = folder.messages.iter().filter(|message| {
        known.contains(&message.uid)
            && set
                .or(plain)
                .is_none_or(|set| in_set(set, message.uid, last))
            && since.is_none_or(|since| message.modseq >= since)
    });
    messages.map(|message| message.uid).collect()
}
