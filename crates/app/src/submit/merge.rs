//! Mail merge: one message for each recipient, queued together (behaviour 11.1).

use std::collections::HashMap;

use posthouse_model::{ApiError, Caller, message::Address, suppression::suppressed_form};
use posthouse_store::suppressions;
use serde_json::{Map, Value, json};

use super::{
    letter::{Letter, Personal},
    queue::{Key, Queue},
};
use crate::{Reply, input::Fields, internal};

impl Letter<'_> {
    /// Queues a message for each entry; what is wrong with one stops no other. Nothing is queued for a recipient who left
    /// the list.
    ///
    /// # Errors
    /// The store fails; 500 `MissingServiceURLSetup`.
    pub(super) async fn merge(
        &self,
        caller: &Caller,
        key: Option<&Key>,
    ) -> Result<Reply, ApiError> {
        let entries = self.body.list("mailMerge");
        let list = self.body.filled("listId");
        let gone = self.suppressed(entries, list).await?;
        let mut queue = Queue::new(self.app, caller, self.account);
        let mut told = Vec::with_capacity(entries.len());
        for entry in entries {
            let entry = Fields::of(entry);
            let Some(to) = entry.parse::<Address>("to")? else {
                continue;
            };
            let mut answer = Map::new();
            answer.insert("to".to_owned(), json!(to));
            if let Some(reason) = gone.get(&suppressed_form(&to.address)) {
                let skipped = json!({ "reason": reason, "listId": list });
                answer.insert("skipped".to_owned(), skipped);
                told.push(answer);
                continue;
            }
            let personal = Personal {
                to: Some(to),
                entry: Some(entry),
                list,
            };
            match self.write(&personal) {
                Ok(composed) => {
                    answer.insert("success".to_owned(), json!(true));
                    answer.insert("messageId".to_owned(), json!(composed.message_id));
                    if !self.dry {
                        let job = self.job(&composed);
                        let attempts = self.body.number("deliveryAttempts");
                        let (id, at) = queue.add(&composed, &job, attempts).await?;
                        answer.insert("queueId".to_owned(), json!(id));
                        answer.insert("sendAt".to_owned(), json!(at));
                    }
                }
                Err(error) if error.code_str() == Some("MissingServiceURLSetup") => {
                    return Err(error);
                }
                Err(error) => {
                    answer.insert("success".to_owned(), json!(false));
                    answer.insert("error".to_owned(), json!(error.message));
                    let code = error.code_str().unwrap_or("SubmitFail");
                    answer.insert("code".to_owned(), json!(code));
                    answer.insert("statusCode".to_owned(), json!(error.status));
                }
            }
            told.push(answer);
        }
        let mut answer = Map::new();
        if self.dry {
            answer.insert("response".to_owned(), json!("Dry run"));
        }
        answer.insert("mailMerge".to_owned(), json!(told));
        queue.commit(key, answer).await
    }

    /// The recipients who left the list.
    async fn suppressed(
        &self,
        entries: &[Value],
        list: Option<&str>,
    ) -> Result<HashMap<String, String>, ApiError> {
        let Some(list) = list else {
            return Ok(HashMap::new());
        };
        let recipients: Vec<String> = entries
            .iter()
            .filter_map(|entry| entry["to"]["address"].as_str())
            .map(suppressed_form)
            .collect();
        suppressions::suppressed(self.app.store(), list, &recipients)
            .await
            .map_err(|error| internal("reading a suppression list", &error))
    }
}
