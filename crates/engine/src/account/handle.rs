//! Calls to an account, wherever it lives.

use std::sync::Arc;

use posthouse_backend::{Body, BodyStream, Mailbox};
use posthouse_model::{
    ApiError, Caller,
    command::{Answer, Command},
};
use posthouse_store::{Store, bounces};
use tokio::time::{Instant, timeout_at};

use super::shared::{Ask, Shared};

/// Who calls and how long it waits; dropping the call's future cancels it.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

/// An answer, with its body if it has one.
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The bytes that [`Answer::Body`] announces.
    pub body: Option<BodyStream>,
}

impl From<Answer> for Answered {
    fn from(answer: Answer) -> Self {
        Self { answer, body: None }
    }
}

impl From<Body> for Answered {
    fn from(body: Body) -> Self {
        Self {
            answer: Answer::Body(body.head),
            body: Some(body.stream),
        }
    }
}

/// The way to an account: the caller never knows where it lives.
#[derive(Clone)]
pub enum AccountHandle {
    /// In this process.
    Local(LocalAccount),
}

/// An account in this process.
#[derive(Clone)]
pub struct LocalAccount {
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Store,
}

impl AccountHandle {
    /// Sends a command and waits for its answer; `body` is what [`Command::Append`] stores.
    ///
    /// # Errors
    /// 503 with `state` and `code` while the account's state does not admit it, 504 at the
    /// deadline, and what the backend says.
    pub async fn call(
        &self,
        context: &CallContext,
        command: Command,
        body: Option<BodyStream>,
    ) -> Result<Answered, ApiError> {
        match self {
            Self::Local(account) => account.call(context, command, body).await,
        }
    }
}

impl AccountHandle {
    /// What the provider does with sent mail; none as long as the mailbox is not known.
    #[must_use]
    pub fn sent_folder(&self) -> Option<SentFolder> {
        let Self::Local(account) = self;
        let capabilities = account.shared.mailbox()?.capabilities();
        Some(SentFolder {
            files_sent: capabilities.files_sent,
            keeps_ids: capabilities.keeps_ids,
        })
    }
}

/// What a provider does with mail that is sent over its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentFolder {
    /// It files it itself.
    pub files_sent: bool,
    /// What it files has the `Message-ID` that it was sent with.
    pub keeps_ids: bool,
}

impl LocalAccount {
    async fn call(
        &self,
        context: &CallContext,
        command: Command,
        body: Option<BodyStream>,
    ) -> Result<Answered, ApiError> {
        match command {
            Command::Reconnect => {
                self.shared.ask(Ask::Reload);
                return Ok(Answer::Done.into());
            }
            Command::Sync => {
                self.shared.ask(Ask::Sync);
                return Ok(Answer::Done.into());
            }
            _ => {}
        }
        let state = self.shared.state();
        let mailbox = self
            .shared
            .mailbox()
            .filter(|_| state.admits_operations())
            .ok_or_else(|| {
                ApiError::new(503, "The account is not connected to its mail server")
                    .code(state.refusal_code())
                    .with("state", state.as_str())
            })?;
        // Folders that a caller made or renamed are told of at once.
        let folders = matches!(
            command,
            Command::CreateMailbox { .. }
                | Command::UpdateMailbox(_)
                | Command::DeleteMailbox { .. }
        );
        let answered = timeout_at(context.deadline, perform(&*mailbox, command, body))
            .await
            .map_err(|_| ApiError::timeout())?;
        let answered = self.with_bounces(answered).await;
        if folders && answered.is_ok() {
            self.shared.ask(Ask::Sync);
        }
        answered
    }

    /// Messages say what came back of them.
    async fn with_bounces(
        &self,
        mut answered: Result<Answered, ApiError>,
    ) -> Result<Answered, ApiError> {
        let messages = match answered.as_mut().map(|answered| &mut answered.answer) {
            Ok(Answer::Message(message)) => vec![&mut **message],
            Ok(Answer::Messages(page)) => page.messages.iter_mut().collect(),
            _ => return answered,
        };
        if let Err(error) = bounces::fill(&self.store, &self.shared.id, messages).await {
            tracing::error!(account = %self.shared.id, %error, "bounces cannot be read");
            return Err(ApiError::internal());
        }
        answered
    }
}

async fn perform(
    mailbox: &dyn Mailbox,
    command: Command,
    body: Option<BodyStream>,
) -> Result<Answered, ApiError> {
    Ok(match command {
        Command::ListMailboxes { counters } => {
            Answer::Mailboxes(mailbox.list_mailboxes(counters).await?).into()
        }
        Command::ListMessages(request) => {
            Answer::Messages(mailbox.list_messages(&request).await?).into()
        }
        Command::GetMessage { message, options } => {
            Answer::Message(Box::new(mailbox.message(&message, &options).await?)).into()
        }
        Command::GetText {
            text,
            text_type,
            max_bytes,
        } => Answer::Text(mailbox.text(&text, text_type, max_bytes).await?).into(),
        Command::GetSource { message } => mailbox.source(&message).await?.into(),
        Command::GetAttachment { attachment } => mailbox.attachment(&attachment).await?.into(),
        Command::CreateMailbox { path } => {
            Answer::Mailbox(mailbox.create_mailbox(&path).await?).into()
        }
        Command::UpdateMailbox(update) => {
            Answer::Mailbox(mailbox.update_mailbox(&update).await?).into()
        }
        Command::DeleteMailbox { path } => {
            Answer::Mailbox(mailbox.delete_mailbox(&path).await?).into()
        }
        Command::GetQuota => Answer::Quota(mailbox.quota().await?).into(),
        Command::Search(request) => Answer::Messages(mailbox.search(&request).await?).into(),
        Command::UpdateMessages { targets, update } => {
            Answer::Updated(mailbox.update(&targets, &update).await?).into()
        }
        Command::MoveMessages {
            targets,
            destination,
        } => Answer::Moved(mailbox.move_messages(&targets, &destination).await?).into(),
        Command::DeleteMessages { targets, force } => {
            Answer::Deleted(mailbox.delete_messages(&targets, force).await?).into()
        }
        Command::Append(append) => {
            let body = body.ok_or_else(ApiError::internal)?;
            let stored = mailbox.append(&append, body).await?;
            Answer::Appended {
                path: stored.path,
                id: stored.id,
                uid: stored.uid,
                uid_validity: stored.uid_validity,
            }
            .into()
        }
        Command::Reconnect | Command::Sync => Answer::Done.into(),
    })
}
