//! What became of the message.

use bytes::Bytes;
use posthouse_backend::Body;
use posthouse_discover::Authentication;
use posthouse_engine::Answered;
use posthouse_model::{
    AccountId, ApiError, Caller,
    command::{Answer, Command, ListMessages, SearchMessages},
    message::Message,
    search::Search,
};
use posthouse_store::{
    Batch, bounces,
    delivery_tests::{self, DeliveryTest},
    outbox,
};
use serde_json::{Value, json};

use super::token;
use crate::{App, CallInput, Reply, internal, reading::unexpected};

/// Where the message is looked for.
const FOLDERS: [&str; 2] = ["INBOX", "\\Junk"];
/// So much of the message is read, and one byte, by which one that is too large is known.
const MOST_BYTES: usize = (1 << 20) + 1;

/// How far a delivery test is.
enum DeliveryProgress {
    /// The message waits to be sent.
    Queued,
    /// It was sent, and has not arrived.
    Sent,
    /// It was not sent, or came back.
    Failed(String),
    /// It has arrived.
    Arrived(Box<DeliveryOutcome>),
}

/// A message that arrived, and how it fared.
#[derive(serde::Serialize)]
struct DeliveryOutcome {
    /// The account that received it.
    account: AccountId,
    /// Its id there.
    message: String,
    /// Its folder.
    path: Option<String>,
    /// How it fared.
    #[serde(flatten)]
    authentication: Authentication,
}

impl App {
    /// `GET /v1/delivery-test/check/{deliveryTest}`.
    pub(crate) async fn check_delivery_test(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let id = input.path().text("deliveryTest").unwrap_or_default();
        let test = self.delivery_test(id).await?;
        if let Some(known) = &test.result {
            return Reply::json(known);
        }
        let (answer, lasts) = match self.delivery_progress(caller, input, &test).await? {
            step @ (DeliveryProgress::Queued | DeliveryProgress::Sent) => {
                let sent = matches!(step, DeliveryProgress::Sent);
                let progress = if sent { "sent" } else { "queued" };
                (
                    json!({ "success": true, "status": "pending", "progress": progress }),
                    false,
                )
            }
            DeliveryProgress::Failed(error) => (
                json!({ "success": false, "status": "failed", "error": error }),
                true,
            ),
            DeliveryProgress::Arrived(outcome) => {
                let mut answer = json!({ "success": true, "status": "completed" });
                let told = serde_json::to_value(&outcome)
                    .map_err(|error| internal("a delivery test", &error))?;
                if let (Value::Object(answer), Value::Object(told)) = (&mut answer, told) {
                    answer.extend(told);
                }
                // Where DNS failed the next question may find more.
                (answer, !outcome.authentication.is_temporary())
            }
        };
        if lasts {
            let failed = |error: &dyn std::fmt::Display| internal("keeping a result", error);
            let mut batch = Batch::new();
            delivery_tests::finish(&mut batch, &test.id, &answer)
                .map_err(|error| failed(&error))?;
            let done = self.store().commit(batch).await;
            done.map_err(|error| failed(&error))?;
        }
        Reply::json(&answer)
    }

    async fn delivery_test(&self, id: &str) -> Result<DeliveryTest, ApiError> {
        let id = id.to_ascii_lowercase();
        let found = delivery_tests::get(self.store(), &id, self.store().now()).await;
        let found = found.map_err(|error| internal("reading a delivery test", &error))?;
        found.ok_or_else(|| {
            ApiError::not_found(
                "There is no such delivery test, or it is older than an hour",
                "NotFound",
            )
        })
    }

    async fn delivery_progress(
        &self,
        caller: &Caller,
        input: &CallInput,
        test: &DeliveryTest,
    ) -> Result<DeliveryProgress, ApiError> {
        let queued = outbox::get(self.store(), &test.queue_id)
            .await
            .map_err(|error| internal("reading a queued message", &error))?;
        if let Some(queued) = &queued {
            if queued.failed {
                let error = queued.entry.progress.error.as_ref();
                let error = error.map_or("The message was not sent", |error| &error.message);
                return Ok(DeliveryProgress::Failed(error.to_owned()));
            }
            // One whose fate is not known may have arrived.
            if !queued.held && queued.sending_attempt.is_none() {
                return Ok(DeliveryProgress::Queued);
            }
        }
        let Some(message) = self.find_test(caller, input, test).await? else {
            return Ok(match self.test_bounce(test).await? {
                Some(reason) => DeliveryProgress::Failed(reason),
                None => DeliveryProgress::Sent,
            });
        };
        let source = Command::GetSource {
            message: message.id.clone(),
        };
        let source = match self.ask_receiver(caller, input, test, source).await? {
            Answered {
                answer: Answer::Body(head),
                body: Some(stream),
            } => Body { head, stream }.beginning(MOST_BYTES).await,
            _ => return Err(unexpected()),
        };
        let source = source.map_err(|error| ApiError::new(502, error.to_string()))?;
        let authentication = self.authenticate(source, &test.sender).await?;
        Ok(DeliveryProgress::Arrived(Box::new(DeliveryOutcome {
            account: test.receiver.clone(),
            message: message.id,
            path: message.path,
            authentication,
        })))
    }

    /// The message in the mailbox, once it is there.
    async fn find_test(
        &self,
        caller: &Caller,
        input: &CallInput,
        test: &DeliveryTest,
    ) -> Result<Option<Message>, ApiError> {
        for path in FOLDERS {
            let command = Command::Search(Box::new(SearchMessages {
                list: ListMessages {
                    path: path.to_owned(),
                    page: 0,
                    page_size: 1,
                    cursor: None,
                },
                search: Search {
                    subject: Some(token(&test.id)),
                    ..Search::default()
                },
            }));
            match self.ask_receiver(caller, input, test, command).await {
                Ok(Answered {
                    answer: Answer::Messages(page),
                    ..
                }) => {
                    if let Some(mut message) = page.messages.into_iter().next() {
                        message.path.get_or_insert_with(|| path.to_owned());
                        return Ok(Some(message));
                    }
                }
                Ok(_) => return Err(unexpected()),
                // Not every mailbox has a folder for spam.
                Err(error) if error.status == 404 && path != "INBOX" => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What a message tells that came back in place of the test.
    async fn test_bounce(&self, test: &DeliveryTest) -> Result<Option<String>, ApiError> {
        let mut message = Message {
            message_id: Some(test.message_id.clone()),
            ..Message::default()
        };
        bounces::fill(self.store(), &test.account, vec![&mut message])
            .await
            .map_err(|error| internal("reading bounces", &error))?;
        Ok(message.bounces.first().map(|bounce| {
            let told = bounce.response.as_ref();
            let told = told.and_then(|response| response.message.clone());
            told.unwrap_or_else(|| "The message came back".to_owned())
        }))
    }

    async fn ask_receiver(
        &self,
        caller: &Caller,
        input: &CallInput,
        test: &DeliveryTest,
        command: Command,
    ) -> Result<Answered, ApiError> {
        let account = self.engine().account(&test.receiver).await?;
        account
            .call(&self.context(caller, input), command, None)
            .await
    }

    async fn authenticate(
        &self,
        source: Bytes,
        mail_from: &str,
    ) -> Result<Authentication, ApiError> {
        let failed = |error: &dyn std::fmt::Display| {
            ApiError::new(502, error.to_string()).code("CheckFailed")
        };
        let discoverer = self.finder().discoverer().await;
        let discoverer = discoverer.map_err(|error| internal("DNS", &error))?;
        discoverer
            .authenticate(source.into(), mail_from)
            .await
            .map_err(|error| failed(&error))
    }
}
