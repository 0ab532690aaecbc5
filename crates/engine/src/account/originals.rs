//! The messages that came back, by their `Message-ID`, as far as the account has them.

use std::{collections::HashMap, time::Duration};

use posthouse_mime::report::Report;
use posthouse_model::{
    command::{ListMessages, SearchMessages},
    index::Identity,
    mailbox::SpecialUse,
    search::Search,
};
use posthouse_store::{
    StoreError,
    identities::{self, Located},
    mailboxes,
};
use serde_json::json;
use tokio::time::timeout;

use super::{announce::Announcer, reports::Read};

/// Ids of messages, by their `Message-ID`.
pub(super) type Originals = HashMap<String, String>;

/// What asking the server for originals may delay the messages that are announced together.
const PATIENCE: Duration = Duration::from_secs(15);

impl Announcer<'_> {
    /// Finds the messages that came back: of several copies the one that was sent.
    ///
    /// Where the server names messages by ids of its own, what is known of them says nothing of their `Message-ID`. There the
    /// folder of sent messages is searched; that it cannot be is no reason to wait.
    pub(super) async fn originals(
        &self,
        read: impl Iterator<Item = &Read>,
    ) -> Result<Originals, StoreError> {
        let mut wanted: Vec<&str> = read
            .filter_map(|read| match &read.as_ref().ok()?.report {
                Some(Report::Bounce(bounce)) => Some(bounce.message_id.as_str()),
                _ => None,
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut originals = Originals::new();
        if wanted.is_empty() {
            return Ok(originals);
        }
        self.look_up(&wanted, &mut originals).await?;
        if self.mailbox.capabilities().threads {
            wanted.retain(|id| !originals.contains_key(*id));
            let asked = timeout(PATIENCE, self.search(&wanted, &mut originals)).await;
            if asked.is_err() {
                tracing::warn!(account = %self.shared.id, "what came back was not found in time");
            }
        }
        Ok(originals)
    }

    /// Looks into what is known of the account's messages.
    async fn look_up(&self, wanted: &[&str], originals: &mut Originals) -> Result<(), StoreError> {
        let (store, account) = (self.engine.store(), &self.shared.id);
        let found = identities::find_messages(store, account, wanted).await?;
        let sent = match found.len() {
            0 => return Ok(()),
            1 => Vec::new(),
            _ => self.sent_folders().await?,
        };
        for message_id in wanted {
            let prefix = Identity::message_prefix(message_id);
            let is_copy = |one: &&Located| {
                let identity = one.entry.identity;
                prefix.is_some() && identity.map(Identity::prefix) == prefix
            };
            let copies = found.iter().filter(is_copy);
            // In the order of the folders' numbers where none of them is the folder of sent messages.
            let best = copies.min_by_key(|one| !sent.contains(&one.mailbox));
            let id = best.and_then(|one| self.mailbox.message_id(one.mailbox, one.entry.uid));
            if let Some(id) = id {
                originals.insert((*message_id).to_owned(), id);
            }
        }
        Ok(())
    }

    /// Numbers of the folder of sent messages.
    async fn sent_folders(&self) -> Result<Vec<u32>, StoreError> {
        let (store, account) = (self.engine.store(), &self.shared.id);
        let Some((folders, _)) = mailboxes::listing(store, account).await? else {
            return Ok(Vec::new());
        };
        let mut folders = folders.into_iter();
        match folders.find(|folder| folder.special_use == Some(SpecialUse::Sent)) {
            Some(sent) => mailboxes::numbers(store, account, &sent.path).await,
            None => Ok(Vec::new()),
        }
    }

    /// Asks the server for messages that were sent.
    async fn search(&self, wanted: &[&str], originals: &mut Originals) {
        for message_id in wanted {
            let header = json!({ "message-id": message_id });
            let request = SearchMessages {
                list: ListMessages {
                    path: SpecialUse::Sent.as_str().to_owned(),
                    page: 0,
                    page_size: 10,
                    cursor: None,
                },
                search: Search {
                    header: header.as_object().cloned(),
                    ..Search::default()
                },
            };
            let page = match self.mailbox.search(&request).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::debug!(account = %self.shared.id, %error, "what came back was not found");
                    return;
                }
            };
            // A server finds what contains the id.
            let mut same = page.messages.into_iter();
            let same = same.find(|found| found.message_id.as_deref() == Some(*message_id));
            if let Some(found) = same {
                originals.insert((*message_id).to_owned(), found.id);
            }
        }
    }
}
