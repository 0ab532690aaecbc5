//! Folders (behaviour 10.1): listing, making, renaming, subscribing, deleting.

use posthouse_engine::Answered;
use posthouse_model::{
    ApiError, Caller,
    command::{Answer, Command, MailboxChange, UpdateMailbox},
    mailbox::Mailbox,
};
use posthouse_store::mailboxes;
use serde_json::{Map, Value, json};

use crate::{App, CallInput, Reply, internal, reading::unexpected};

impl App {
    /// `GET /v1/account/{account}/mailboxes`. While the account is not connected the listing as last
    /// seen is served, unless counters are asked for.
    pub(crate) async fn list_mailboxes(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let counters = input.query().is("counters");
        let answered = self
            .ask(caller, input, Command::ListMailboxes { counters })
            .await;
        let folders = match answered {
            Ok(Answered {
                answer: Answer::Mailboxes(folders),
                ..
            }) => folders,
            Ok(_) => return Err(unexpected()),
            Err(error) if error.status == 503 && !counters => self
                .stored_listing(input)
                .await?
                .ok_or_else(|| error.code("NotYetConnected"))?,
            Err(error) => return Err(error),
        };
        Reply::json(&json!({ "mailboxes": folders }))
    }

    async fn stored_listing(&self, input: &CallInput) -> Result<Option<Vec<Mailbox>>, ApiError> {
        let listing = mailboxes::listing(self.store(), &input.account()?)
            .await
            .map_err(|error| internal("reading a listing of folders", &error))?;
        Ok(listing.map(|(mut folders, _)| {
            Mailbox::sort(&mut folders);
            folders
        }))
    }

    /// `POST /v1/account/{account}/mailbox`.
    pub(crate) async fn create_mailbox(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let path = input.body().strings("path").unwrap_or_default();
        if path.iter().all(String::is_empty) {
            return Err(ApiError::invalid_field("path", "\"path\" is required"));
        }
        let change = self
            .change_mailbox(caller, input, Command::CreateMailbox { path })
            .await?;
        Reply::json(&shown(&change, "created"))
    }

    /// `PUT /v1/account/{account}/mailbox`: another name, or another subscription, or both.
    pub(crate) async fn update_mailbox(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let body = input.body();
        let update = UpdateMailbox {
            path: body.text("path").unwrap_or_default().to_owned(),
            new_path: body.strings("newPath"),
            subscribed: body.bool("subscribed"),
        };
        if update.new_path.is_none() && update.subscribed.is_none() {
            return Err(ApiError::invalid_field(
                "newPath",
                "\"newPath\" or \"subscribed\" is required",
            ));
        }
        let renames = update.new_path.is_some();
        let subscribed = update.subscribed;
        let change = self
            .change_mailbox(caller, input, Command::UpdateMailbox(update))
            .await?;
        let mut answer = if renames {
            shown(&change, "renamed")
        } else {
            Map::from_iter([("path".to_owned(), json!(change.path))])
        };
        if let Some(subscribed) = subscribed {
            answer.insert("subscribed".to_owned(), json!(subscribed));
        }
        Reply::json(&answer)
    }

    /// `DELETE /v1/account/{account}/mailbox`.
    pub(crate) async fn delete_mailbox(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let path = input.query().text("path").unwrap_or_default().to_owned();
        let change = self
            .change_mailbox(caller, input, Command::DeleteMailbox { path })
            .await?;
        Reply::json(&shown(&change, "deleted"))
    }

    async fn change_mailbox(
        &self,
        caller: &Caller,
        input: &CallInput,
        command: Command,
    ) -> Result<MailboxChange, ApiError> {
        match self.ask(caller, input, command).await?.answer {
            Answer::Mailbox(change) => Ok(change),
            _ => Err(unexpected()),
        }
    }
}

fn shown(change: &MailboxChange, done: &str) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("path".to_owned(), json!(change.path));
    if let Some(new_path) = &change.new_path {
        answer.insert("newPath".to_owned(), json!(new_path));
    }
    if let Some(id) = &change.mailbox_id {
        answer.insert("mailboxId".to_owned(), json!(id));
    }
    answer.insert(done.to_owned(), json!(change.done));
    answer
}
