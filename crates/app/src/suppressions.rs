//! Suppression lists (behaviour 15.3).

use posthouse_model::{
    AccountId, ApiError, Caller,
    caller::Identity,
    suppression::{Suppression, SuppressionSource, suppressed_form},
};
use posthouse_store::{Batch, suppressions};
use serde_json::{Value, json};

use crate::{App, CallInput, Reply, internal, paging::frame};

/// What an entry says where the caller says nothing.
const BLOCKED: &str = "block";

impl App {
    /// `GET /v1/blocklists`.
    pub(crate) async fn list_blocklists(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let paging = input.query().paging();
        let page = suppressions::lists(self.store(), paging)
            .await
            .map_err(|error| internal("listing suppression lists", &error))?;
        let mut answer = frame(page.total, paging);
        let lists: Vec<_> = page
            .items
            .iter()
            .map(|list| json!({ "listId": list.list, "count": list.entries }))
            .collect();
        answer.insert("blocklists".to_owned(), lists.into());
        Reply::json(&answer)
    }

    /// `GET /v1/blocklist/{listId}`.
    pub(crate) async fn get_blocklist(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let list = list_id(input);
        let paging = input.query().paging();
        let page = suppressions::list(self.store(), list, paging)
            .await
            .map_err(|error| internal("reading a suppression list", &error))?;
        if page.total == 0 {
            return Err(list_not_found());
        }
        let mut answer = frame(page.total, paging);
        answer.insert("listId".to_owned(), json!(list));
        let entries: Vec<_> = page.items.iter().map(entry).collect();
        answer.insert("addresses".to_owned(), entries.into());
        Reply::json(&answer)
    }

    /// `POST /v1/blocklist/{listId}`.
    pub(crate) async fn add_to_blocklist(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let body = input.body();
        let account = AccountId::new(body.filled("account").unwrap_or_default());
        self.known_config(&account).await?;
        let entry = Suppression {
            recipient: suppressed_form(body.text("recipient").unwrap_or_default()),
            account,
            message_id: None,
            source: match caller.identity {
                Identity::Administrator(_) => SuppressionSource::Ui,
                _ => SuppressionSource::Api,
            },
            reason: body.filled("reason").unwrap_or(BLOCKED).to_owned(),
            remote_address: caller.address.map(|address| address.to_string()),
            user_agent: None,
            created: self.store().now(),
        };
        let added = self.suppress(list_id(input), &entry).await?;
        Reply::json(&json!({ "success": true, "added": added }))
    }

    /// `DELETE /v1/blocklist/{listId}`.
    pub(crate) async fn remove_from_blocklist(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let list = list_id(input);
        let recipient = suppressed_form(input.query().text("recipient").unwrap_or_default());
        let failed = |error: &dyn std::fmt::Display| internal("changing a suppression list", error);
        let mut batch = Batch::new();
        let statement = suppressions::remove(&mut batch, list, &recipient);
        let done = self.store().commit(batch).await;
        let deleted = done.map_err(|error| failed(&error))?.affected(statement) > 0;
        if !deleted {
            let page = posthouse_store::Paging { page: 0, size: 1 };
            let left = suppressions::list(self.store(), list, page).await;
            if left.map_err(|error| failed(&error))?.items.is_empty() {
                return Err(list_not_found());
            }
        }
        Reply::json(&json!({ "deleted": deleted }))
    }

    /// Puts a recipient on a list; whether it is new there.
    pub(crate) async fn suppress(&self, list: &str, entry: &Suppression) -> Result<bool, ApiError> {
        let mut batch = Batch::new();
        let statement = suppressions::add(&mut batch, list, entry);
        let done = self.store().commit(batch).await;
        let done = done.map_err(|error| internal("changing a suppression list", &error))?;
        Ok(done.affected(statement) > 0)
    }
}

fn list_id(input: &CallInput) -> &str {
    input.path().text("listId").unwrap_or_default()
}

fn list_not_found() -> ApiError {
    ApiError::not_found("Requested list was not found", "NotFound")
}

fn entry(entry: &Suppression) -> Value {
    let mut shown = json!({
        "recipient": entry.recipient, "account": entry.account, "source": entry.source,
        "reason": entry.reason, "created": entry.created,
    });
    for (key, value) in [
        ("messageId", &entry.message_id),
        ("remoteAddress", &entry.remote_address),
        ("userAgent", &entry.user_agent),
    ] {
        if let Some(value) = value {
            shown[key] = json!(value);
        }
    }
    shown
}
