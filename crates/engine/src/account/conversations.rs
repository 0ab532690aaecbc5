//! Which conversation a message belongs to, where its server does not tell.

use std::collections::HashMap;

use posthouse_model::{
    AccountId,
    index::{Identity, ThreadKey},
    origin::Origin,
};
use posthouse_store::{
    Store, StoreError,
    identities::{self, Located},
};

/// Conversations by the Message-ID of a message of theirs.
#[derive(Debug, Default)]
pub(super) struct Conversations(HashMap<[u8; 6], ThreadKey>);

impl Conversations {
    /// Those that matter to some messages, and the messages of the account that bear on them: with the Message-ID of one
    /// of them, or of what one of them answers.
    ///
    /// # Errors
    /// The store fails.
    pub(super) async fn around(
        store: &Store,
        account: &AccountId,
        origins: impl Iterator<Item = &Origin>,
    ) -> Result<(Self, Vec<Located>), StoreError> {
        let ids: Vec<&str> = origins
            .flat_map(|origin| [origin.message_id.as_deref(), origin.asks_parent()])
            .flatten()
            .collect();
        let known = identities::find_messages(store, account, &ids).await?;
        let threads = known.iter().filter_map(|located| {
            let Located { entry, .. } = located;
            Some((entry.identity?.prefix(), entry.thread?))
        });
        Ok((Self(threads.collect()), known))
    }

    fn get(&self, message_id: Option<&str>) -> Option<ThreadKey> {
        let prefix = message_id.and_then(Identity::message_prefix)?;
        self.0.get(&prefix).copied()
    }

    /// The conversation of a message. One that is moved or copied stays with what it was told for.
    pub(super) fn of(&self, origin: &Origin) -> Option<ThreadKey> {
        let own = self.get(origin.message_id.as_deref());
        own.filter(|_| !origin.threaded)
            .or_else(|| origin.thread(self.get(origin.asks_parent())))
    }

    /// Notes the conversation of a message, for those that answer it.
    pub(super) fn note(&mut self, origin: &Origin, thread: Option<ThreadKey>) {
        let prefix = origin
            .message_id
            .as_deref()
            .and_then(Identity::message_prefix);
        self.0.extend(prefix.zip(thread));
    }
}
