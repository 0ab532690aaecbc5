//! How often one may try (behaviour 22).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use posthouse_model::{ApiError, Timestamp};

use super::{Console, Visit};
use crate::rate::{Window, network};

/// The window of most limits here.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// What has failed so often that nothing is looked at until a time.
#[derive(Default)]
pub(super) struct Spent(Mutex<HashMap<String, Timestamp>>);

impl Spent {
    /// The time left, if there is nothing to try with.
    fn left(&self, key: &str, now: Timestamp) -> Option<Duration> {
        let spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *spent.get(key)?;
        (until > now).then(|| until.since(now))
    }

    fn note(&self, key: &str, until: Timestamp, now: Timestamp) {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spent.retain(|_, until| *until > now);
        spent.insert(key.to_owned(), until);
    }
}

impl Console<'_> {
    /// Counts an attempt; refuses it when there were more than `most` in this minute.
    pub(super) async fn limit(&self, key: &str, most: u64) -> Result<(), ApiError> {
        let now = Timestamp::now();
        let window = Window::at(now, MINUTE);
        let count = self
            .app
            .rates()
            .count(&format!("console:{key}"), window)
            .await?;
        if count <= most {
            return Ok(());
        }
        Err(too_many("Too many attempts", window.ends_in(now)))
    }

    /// Refuses while there were too many failures; see [`Console::failed`].
    pub(super) fn not_spent(&self, key: &str, words: &str) -> Result<(), ApiError> {
        match self.app.desk().spent.left(key, Timestamp::now()) {
            Some(left) => Err(too_many(words, left)),
            None => Ok(()),
        }
    }

    /// Counts a failure: after `most` of them in a window this node refuses until it ends. Only failures count, so that
    /// its owner does not use up what strangers may try.
    pub(super) async fn failed(
        &self,
        key: &str,
        most: u64,
        length: Duration,
    ) -> Result<(), ApiError> {
        let now = Timestamp::now();
        let window = Window::at(now, length);
        let count = self
            .app
            .rates()
            .count(&format!("console:failed:{key}"), window)
            .await?;
        if count >= most {
            self.app.desk().spent.note(key, window.end(), now);
        }
        Ok(())
    }
}

fn too_many(words: &str, left: Duration) -> ApiError {
    let ttl = left.as_secs().max(1);
    let left = if ttl > 120 {
        format!("{} minutes", ttl.div_ceil(60))
    } else {
        format!("{ttl} seconds")
    };
    ApiError::new(429, format!("{words}, try again in {left}")).with("ttl", ttl)
}

/// Who is counted: the address that a visitor cannot choose.
pub(super) fn source(visit: &Visit) -> String {
    visit
        .proven
        .map_or_else(|| "unknown".to_owned(), |address: IpAddr| network(address))
}
