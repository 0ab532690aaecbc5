//! Protocol logs of accounts (behaviour 8.3).

use bytes::Bytes;
use futures_util::stream;
use posthouse_backend::Body;
use posthouse_model::{AccountId, ApiError, Timestamp, command::BodyHead};
use posthouse_store::{Batch, account_logs};
use serde::Deserialize;

use crate::{App, CallInput, Reply, ReplyBody, internal};

/// A line of a protocol log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub time: Timestamp,
    /// `c` for what we said, `s` for what the server said, `note` for what happened to the connection.
    pub source: String,
    /// `imap` or `smtp`.
    pub protocol: String,
    /// Which connection.
    pub connection: String,
    /// The line; secrets stand as `***`.
    pub text: String,
}

#[derive(Deserialize)]
struct Stored {
    t: i64,
    src: String,
    #[serde(default)]
    proto: String,
    #[serde(default)]
    cid: String,
    msg: String,
}

impl App {
    /// `GET /v1/logs/{account}`: one JSON object a line, the newest last.
    pub(crate) async fn get_log(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("reading a protocol log", error);
        let id = input.account()?;
        let filename = format!("logs.{id}.txt");
        self.engine().flush_logs().await;
        let keep = self.engine().log_lines_kept();
        let first = account_logs::first(self.store(), &id, keep)
            .await
            .map_err(|error| failed(&error))?;
        if first.lines.is_empty() {
            return Ok(Reply {
                body: ReplyBody::Text {
                    text: format!("No logs found for {id}"),
                    filename,
                },
                no_store: true,
                repeat: None,
            });
        }
        let store = self.store().clone();
        let parts = stream::try_unfold(first, move |part| {
            let (store, id) = (store.clone(), id.clone());
            async move {
                if part.lines.is_empty() {
                    return Ok(None);
                }
                let mut text = part.lines.join("\n");
                text.push('\n');
                let next = account_logs::next(&store, &id, &part)
                    .await
                    .map_err(std::io::Error::other)?;
                Ok(Some((Bytes::from(text), next)))
            }
        });
        Ok(Reply::download(Body {
            head: BodyHead {
                content_type: "text/plain; charset=utf-8".to_owned(),
                filename: Some(filename),
                size: None,
                about: None,
            },
            stream: Box::pin(parts),
        })
        .secret())
    }

    /// The newest lines of an account's protocol log, the newest last.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn account_log_tail(
        &self,
        id: &AccountId,
        lines: u32,
    ) -> Result<Vec<LogLine>, ApiError> {
        self.engine().flush_logs().await;
        let lines = account_logs::tail(self.store(), id, lines)
            .await
            .map_err(|error| internal("reading a protocol log", &error))?;
        Ok(lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|line: Stored| LogLine {
                time: Timestamp(line.t),
                source: line.src,
                protocol: line.proto,
                connection: line.cid,
                text: line.msg,
            })
            .collect())
    }

    /// Forgets an account's protocol log. Whether it is kept does not change.
    ///
    /// # Errors
    /// 404 when there is no such account, 500 when the store fails.
    pub async fn clear_account_log(&self, id: &AccountId) -> Result<(), ApiError> {
        self.require_account(id).await?;
        self.engine().forget_logs(id);
        let mut batch = Batch::new();
        account_logs::clear(&mut batch, id);
        self.store()
            .commit(batch)
            .await
            .map(drop)
            .map_err(|error| internal("clearing a protocol log", &error))
    }
}
