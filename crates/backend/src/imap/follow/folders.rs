//! The folders that are followed, and when they are told of.

use super::input::{Output, Seen};
use crate::{Change, ImapFolder, Reset, StateDelta, imap::sync::FolderStatus};

/// The folders that are followed, as they are recorded.
#[derive(Debug)]
pub(super) struct Folders {
    all: Vec<ImapFolder>,
    /// No messages are taken in, only new ones noticed.
    fast: bool,
}

impl Folders {
    /// As they were recorded.
    pub(super) const fn new(all: Vec<ImapFolder>, fast: bool) -> Self {
        Self { all, fast }
    }

    /// So many are there: an account keeps them in memory for as long as it is connected.
    pub(super) fn expect(&mut self, count: usize) {
        if self.all.is_empty() {
            self.all.reserve_exact(count);
        }
    }

    pub(super) fn find(&self, path: &str) -> Option<&ImapFolder> {
        self.all.iter().find(|known| known.path == path)
    }

    /// Notes a folder; says so only when something differs.
    pub(super) fn record(&mut self, folder: ImapFolder, out: &mut Output) {
        let at = self.all.iter_mut().find(|known| known.path == folder.path);
        match at {
            Some(known) if *known == folder => return,
            Some(known) => *known = folder.clone(),
            None => self.all.push(folder.clone()),
        }
        out.deltas.push(StateDelta::ImapFolder(folder));
    }

    /// Records a folder with all that it holds still to be taken in. It is told of once that is done, so that whoever
    /// then looks into it learns of each change since; but at once where some of its messages are to be announced.
    pub(super) fn record_new(
        &mut self,
        path: &str,
        status: FolderStatus,
        announce_from: Option<u32>,
        reset_from: Option<Reset>,
        out: &mut Output,
    ) {
        let silent = !self.fast && status.messages > 0 && announce_from.is_none();
        let folder = ImapFolder {
            path: path.to_owned(),
            uid_validity: status.uid_validity,
            uid_next: announce_from.unwrap_or(status.uid_next).max(1),
            highest_modseq: status.highest_modseq,
            messages: status.messages,
            silent: true,
            reset_from,
            ..ImapFolder::default()
        };
        let told = (!silent).then(|| Self::tell(folder.clone(), out));
        self.record(told.unwrap_or(folder), out);
    }

    /// Tells of a folder that was not told of yet.
    pub(super) fn tell(mut folder: ImapFolder, out: &mut Output) -> ImapFolder {
        if let Some(reset) = folder.reset_from.take() {
            out.changes.push(Change::MailboxReset {
                path: folder.path.clone(),
                uid_validity: Some(folder.uid_validity),
                previous: reset.previous,
                reason: reset.reason.as_str(),
            });
        }
        if std::mem::take(&mut folder.silent) {
            out.changes.push(Change::MailboxNew {
                path: folder.path.clone(),
                uid_validity: Some(folder.uid_validity),
            });
        }
        folder
    }

    /// Drops what is known of a folder's messages and records it as a new one. That too is told once it is taken in.
    pub(super) fn reset(
        &mut self,
        path: &str,
        reset: Reset,
        status: FolderStatus,
        out: &mut Output,
    ) {
        let known = self.find(path);
        let told = known.is_none_or(was_told);
        // What was told of last is what it was before, however often it is reset since.
        let first = known.and_then(|known| known.reset_from).unwrap_or(reset);
        out.deltas.push(StateDelta::ImapIndexGone {
            path: path.to_owned(),
        });
        self.record_new(path, status, None, told.then_some(first), out);
    }

    /// Forgets the folders that are not followed any more, and tells of those that are gone; their paths.
    pub(super) fn forget_missing(
        &mut self,
        list: &[Seen],
        followed: &[&Seen],
        out: &mut Output,
    ) -> Vec<String> {
        let is_followed = |known: &ImapFolder| followed.iter().any(|seen| seen.path == known.path);
        // One that is there but not followed any more was not deleted.
        let is_there = |path: &str| list.iter().any(|seen| seen.path == path && seen.selectable);
        let missing = self.all.extract_if(.., |known| !is_followed(known));
        let mut gone = Vec::new();
        for known in missing {
            let path = known.path.clone();
            if was_told(&known) && !is_there(&path) {
                let path = path.clone();
                out.changes.push(Change::MailboxDeleted { path });
            }
            let forgotten = path.clone();
            out.deltas
                .push(StateDelta::ImapFolderGone { path: forgotten });
            gone.push(path);
        }
        gone
    }
}

/// Whether anybody was told of a folder.
const fn was_told(known: &ImapFolder) -> bool {
    !known.silent || known.reset_from.is_some()
}
