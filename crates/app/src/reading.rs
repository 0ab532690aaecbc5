//! Reading messages (behaviour 10.2-10.4): listings, searches, details, text, source, attachments.

use posthouse_backend::Body;
use posthouse_engine::Answered;
use posthouse_mime::websafe::{Images, web_safe, web_safe_text};
use posthouse_model::{
    ApiError, Caller,
    command::{Answer, Command, ListMessages, SearchMessages},
    message::{HeaderChoice, MessageOptions, Text, TextType},
};
use serde_json::Map;

use crate::{App, CallInput, Reply, input::Fields, internal};

impl App {
    /// `GET /v1/account/{account}/messages`.
    pub(crate) async fn list_messages(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let command = Command::ListMessages(page(input));
        self.messages(caller, input, command).await
    }

    /// `POST /v1/account/{account}/search`.
    pub(crate) async fn search_messages(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let list = page(input);
        if list.path.is_empty() {
            return Err(ApiError::invalid_field("path", "\"path\" is required"));
        }
        let search = input.body().parse("search")?.unwrap_or_default();
        let command = Command::Search(Box::new(SearchMessages { list, search }));
        self.messages(caller, input, command).await
    }

    async fn messages(
        &self,
        caller: &Caller,
        input: &CallInput,
        command: Command,
    ) -> Result<Reply, ApiError> {
        match self.ask(caller, input, command).await?.answer {
            Answer::Messages(page) => Reply::json(&page),
            _ => Err(unexpected()),
        }
    }

    /// `GET /v1/account/{account}/message/{message}`.
    pub(crate) async fn get_message(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let query = input.query();
        let whole = query.is("webSafeHtml");
        let options = MessageOptions {
            text_type: text_type(query, TextType::None, whole)?,
            max_bytes: query.number("maxBytes"),
            headers: HeaderChoice::All,
            web_safe: whole || query.is("preProcessHtml"),
            embed_images: query.bool("embedAttachedImages").unwrap_or(whole),
            mark_as_seen: query.is("markAsSeen"),
            ..MessageOptions::default()
        };
        let message = named(input, "message");
        let command = Command::GetMessage { message, options };
        match self.ask(caller, input, command).await?.answer {
            Answer::Message(message) => Reply::json(&message),
            _ => Err(unexpected()),
        }
    }

    /// `GET /v1/account/{account}/text/{text}`.
    pub(crate) async fn get_text(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let query = input.query();
        let web_safe = query.is("webSafeHtml");
        let command = Command::GetText {
            text: named(input, "text"),
            text_type: text_type(query, TextType::All, web_safe)?,
            max_bytes: query.number("maxBytes"),
        };
        let Answer::Text(text) = self.ask(caller, input, command).await?.answer else {
            return Err(unexpected());
        };
        let text = if web_safe {
            made_safe(text).await?
        } else {
            text
        };
        let mut answer = Map::new();
        if let Some(plain) = text.plain {
            answer.insert("plain".to_owned(), plain.into());
        }
        if let Some(html) = text.html {
            answer.insert("html".to_owned(), html.into());
        }
        answer.insert("hasMore".to_owned(), text.has_more.unwrap_or(false).into());
        if let Some(web_safe) = text.web_safe {
            answer.insert("webSafe".to_owned(), web_safe.into());
        }
        Reply::json(&answer)
    }

    /// `GET /v1/account/{account}/message/{message}/source`.
    pub(crate) async fn get_source(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let message = named(input, "message");
        self.download(caller, input, Command::GetSource { message })
            .await
    }

    /// `GET /v1/account/{account}/attachment/{attachment}`.
    pub(crate) async fn get_attachment(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let attachment = named(input, "attachment");
        self.download(caller, input, Command::GetAttachment { attachment })
            .await
    }

    async fn download(
        &self,
        caller: &Caller,
        input: &CallInput,
        command: Command,
    ) -> Result<Reply, ApiError> {
        match self.ask(caller, input, command).await? {
            Answered {
                answer: Answer::Body(head),
                body: Some(stream),
            } => Ok(Reply::download(Body { head, stream })),
            _ => Err(unexpected()),
        }
    }

    /// Sends a command to the account in the path.
    pub(crate) async fn ask(
        &self,
        caller: &Caller,
        input: &CallInput,
        command: Command,
    ) -> Result<Answered, ApiError> {
        let account = self.engine().account(&input.account()?).await?;
        account
            .call(&self.context(caller, input), command, None)
            .await
    }
}

/// An answer of another kind than was asked for.
pub(crate) fn unexpected() -> ApiError {
    internal("a command to an account", &"the answer has another type")
}

pub(crate) fn named(input: &CallInput, key: &str) -> String {
    input.path().text(key).unwrap_or_default().to_owned()
}

/// The folder and the page of it that are asked for.
fn page(input: &CallInput) -> ListMessages {
    let query = input.query();
    let paging = query.paging();
    ListMessages {
        path: query.text("path").unwrap_or_default().to_owned(),
        page: paging.page,
        page_size: paging.size,
        cursor: query.filled("cursor").map(str::to_owned),
    }
}

/// The types that are asked for; both for `whole`, whatever is asked for.
fn text_type(query: Fields<'_>, default: TextType, whole: bool) -> Result<TextType, ApiError> {
    let asked = query.parse("textType")?.unwrap_or(default);
    Ok(if whole { TextType::All } else { asked })
}

/// A text with HTML that a page may show. What it shows of its message it shows by `cid:` links.
async fn made_safe(mut text: Text) -> Result<Text, ApiError> {
    // A long document takes a while.
    let work = tokio::task::spawn_blocking(move || {
        let html = text.html.take().unwrap_or_default();
        text.html = Some(if html.trim().is_empty() {
            web_safe_text(text.plain.as_deref().unwrap_or_default())
        } else {
            web_safe(&html, Images::default())
        });
        text.web_safe = Some(true);
        text
    });
    let done = work.await;
    done.map_err(|error| internal("making HTML safe", &error))
}
