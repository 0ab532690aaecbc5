//! Changing messages (behaviour 10.5): flags and labels, moving, deleting; one, or all that a search finds.

use posthouse_model::{
    ApiError, Caller,
    command::{Answer, Command, Deleted, Moved, Targets},
    message::{MessageUpdate, WordsUpdate},
    search::Search,
};
use serde_json::{Map, Value, json};

use crate::{
    App, CallInput, Reply,
    reading::{named, unexpected},
};

impl App {
    /// `PUT /v1/account/{account}/message/{message}`: flags; labels are ignored where there are none.
    pub(crate) async fn update_message(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let body = input.body();
        let update = MessageUpdate {
            flags: body.parse("flags")?,
            labels: body.parse("labels")?,
        };
        self.update(caller, input, one(input), update).await
    }

    /// `PUT /v1/account/{account}/messages`.
    pub(crate) async fn update_messages(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let update = input.body().parse("update")?.unwrap_or_default();
        self.update(caller, input, matching(input)?, update).await
    }

    async fn update(
        &self,
        caller: &Caller,
        input: &CallInput,
        targets: Targets,
        update: MessageUpdate,
    ) -> Result<Reply, ApiError> {
        let flags = update.flags.clone();
        let command = Command::UpdateMessages { targets, update };
        let Answer::Updated(count) = self.ask(caller, input, command).await?.answer else {
            return Err(unexpected());
        };
        let mut answer = Map::new();
        if let Some(flags) = &flags {
            answer.insert("flags".to_owned(), done(flags, count > 0));
        }
        Reply::json(&answer)
    }

    /// `PUT /v1/account/{account}/message/{message}/move`.
    pub(crate) async fn move_message(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let moved = self.moved(caller, input, one(input)).await?;
        let mut answer = Map::from_iter([("path".to_owned(), json!(moved.path))]);
        if let Some((_, id)) = moved.ids.first() {
            answer.insert("id".to_owned(), json!(id));
        }
        if let Some(uid) = moved.uid {
            answer.insert("uid".to_owned(), json!(uid));
        }
        Reply::json(&answer)
    }

    /// `PUT /v1/account/{account}/messages/move`.
    pub(crate) async fn move_messages(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let moved = self.moved(caller, input, matching(input)?).await?;
        Reply::json(&json!({ "path": moved.path, "idMap": moved.ids }))
    }

    async fn moved(
        &self,
        caller: &Caller,
        input: &CallInput,
        targets: Targets,
    ) -> Result<Moved, ApiError> {
        let command = Command::MoveMessages {
            targets,
            destination: input.body().text("path").unwrap_or_default().to_owned(),
        };
        match self.ask(caller, input, command).await?.answer {
            Answer::Moved(moved) => Ok(moved),
            _ => Err(unexpected()),
        }
    }

    /// `DELETE /v1/account/{account}/message/{message}`.
    pub(crate) async fn delete_message(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let answer = match self.deleted(caller, input, one(input)).await? {
            Deleted::Expunged(_) => json!({ "deleted": true }),
            Deleted::Trashed(moved) => {
                let mut shown = Map::from_iter([("destination".to_owned(), json!(moved.path))]);
                if let Some((_, id)) = moved.ids.first() {
                    shown.insert("message".to_owned(), json!(id));
                }
                json!({ "deleted": false, "moved": shown })
            }
        };
        Reply::json(&answer)
    }

    /// `PUT /v1/account/{account}/messages/delete`.
    pub(crate) async fn delete_messages(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let answer = match self.deleted(caller, input, matching(input)?).await? {
            Deleted::Expunged(count) => json!({ "deleted": count > 0 }),
            Deleted::Trashed(moved) => json!({
                "deleted": false,
                "moved": { "destination": moved.path, "idMap": moved.ids },
            }),
        };
        Reply::json(&answer)
    }

    async fn deleted(
        &self,
        caller: &Caller,
        input: &CallInput,
        targets: Targets,
    ) -> Result<Deleted, ApiError> {
        let force = input.query().is("force");
        let command = Command::DeleteMessages { targets, force };
        match self.ask(caller, input, command).await?.answer {
            Answer::Deleted(deleted) => Ok(deleted),
            _ => Err(unexpected()),
        }
    }
}

/// The message in the path of the request.
fn one(input: &CallInput) -> Targets {
    Targets::Message(named(input, "message"))
}

/// All messages of a folder that the body searches for.
fn matching(input: &CallInput) -> Result<Targets, ApiError> {
    let search: Option<Search> = input.body().parse("search")?;
    Ok(Targets::Matching {
        path: input.query().text("path").unwrap_or_default().to_owned(),
        search: Box::new(search.unwrap_or_default()),
    })
}

/// The operations that were asked for, each as done or not; `set` wins over the others.
fn done(update: &WordsUpdate, changed: bool) -> Value {
    let mut answer = Map::new();
    if update.set.is_some() {
        answer.insert("set".to_owned(), json!(changed));
    } else {
        for (key, list) in [("add", &update.add), ("delete", &update.delete)] {
            if list.is_some() {
                answer.insert(key.to_owned(), json!(changed));
            }
        }
    }
    Value::Object(answer)
}
