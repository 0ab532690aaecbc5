//! One attempt on the wire.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use posthouse_smtp::{
    Accepted, Capabilities, Dsn, Envelope, Notify, Ret, SendFailure, SmtpError, Watch,
};
use posthouse_store::{Batch, StoreError, blob, outbox};
use serde_json::Value;
use tokio_util::io::StreamReader;

use super::{
    route::SmtpRoute,
    worker::{WorkError, Worker},
};

use crate::protocol_log::{AccountLog, SmtpLog};

/// A header larger than this is sent as it is.
const HEADER_MAX: usize = 1 << 20;

/// A message that the server took.
pub(super) struct Sent {
    pub(super) accepted: Accepted,
    pub(super) routing: Value,
}

impl Worker<'_> {
    pub(super) async fn send(&self, route: &SmtpRoute) -> Result<Sent, SendFailure<WorkError>> {
        loop {
            let (mut session, idle) = self.pool.take(route, self.watch()).await?;
            let body = self.body().await.map_err(SendFailure::Hook)?;
            let envelope = self.envelope(&body, session.capabilities());
            let mark = async || {
                let mut batch = Batch::new();
                outbox::mark_sending(&mut batch, &self.lease, self.engine.store().now());
                self.engine.store().commit(batch).await?;
                self.marked.store(true, Ordering::Relaxed);
                Ok::<_, WorkError>(())
            };
            match session.send(&envelope, body.reader, mark).await {
                Ok(accepted) => {
                    let routing = route.describe(Some(&session));
                    self.pool.put(route.clone(), session);
                    return Ok(Sent { accepted, routing });
                }
                // The server closed the idle session before a byte of the message went out.
                Err(SendFailure::NotSent(error)) if idle && is_stale(&error) => {}
                Err(failure) => {
                    self.pool.put(route.clone(), session);
                    return Err(failure);
                }
            }
        }
    }

    /// The protocol log of the account.
    fn watch(&self) -> Watch {
        let config = &self.config;
        let log = AccountLog::new(
            self.engine.protocol_logs().clone(),
            self.account().clone(),
            Arc::new((config.logs == Some(true)).into()),
            config.clone(),
            "smtp",
        );
        Watch(Some(Arc::new(SmtpLog::new(log))))
    }

    fn envelope(&self, body: &Outgoing, offered: &Capabilities) -> Envelope {
        let job = &self.message.entry.job;
        Envelope {
            from: job.envelope.from.clone(),
            to: job.envelope.to.clone(),
            // Addresses that need it are noticed by themselves; a header alone goes also where it is not offered.
            smtputf8: body.utf8_header && offered.smtputf8,
            eight_bit: body.eight_bit,
            size: Some(body.size),
            dsn: job.dsn.as_ref().map(dsn),
        }
    }

    /// The message as it goes over the wire: without Bcc.
    async fn body(&self) -> Result<Outgoing, WorkError> {
        let missing = || StoreError::Corrupt(format!("the message of {} is gone", self.lease.id));
        let mut reader = blob::open(self.engine.store(), &self.message.blob)
            .await?
            .ok_or_else(missing)?;
        let total = reader.size();
        let mut head = Vec::new();
        let mut end = None;
        while end.is_none() && head.len() < HEADER_MAX {
            let Some(chunk) = reader.chunk().await? else {
                break;
            };
            head.extend_from_slice(&chunk);
            end = Some(posthouse_mime::raw::body_offset(&head)).filter(|end| *end < head.len());
        }
        let end = end.unwrap_or_else(|| posthouse_mime::raw::body_offset(&head));
        let rest = head.split_off(end.min(head.len()));
        let stripped = posthouse_mime::raw::strip_bcc(&head);
        let size = total.saturating_sub(head.len() as u64) + stripped.len() as u64;
        let read = (head.len() + rest.len()) as u64;
        let utf8_header = !stripped.is_ascii();
        // What was not looked at may have any bytes.
        let eight_bit = utf8_header || !rest.is_ascii() || read < total;
        let start = stream::iter([Ok(Bytes::from(stripped)), Ok(Bytes::from(rest))]);
        let tail = reader
            .into_stream()
            .map(|chunk| chunk.map_err(io::Error::other));
        Ok(Outgoing {
            size,
            utf8_header,
            eight_bit,
            reader: StreamReader::new(Box::pin(start.chain(tail))),
        })
    }
}

type BoxedChunks = std::pin::Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

struct Outgoing {
    size: u64,
    /// Its header has bytes above 127.
    utf8_header: bool,
    /// It may have bytes above 127.
    eight_bit: bool,
    reader: StreamReader<BoxedChunks, Bytes>,
}

/// Whether an idle session turned out to be closed.
fn is_stale(error: &SmtpError) -> bool {
    matches!(error, SmtpError::Lost { .. } | SmtpError::Closed)
        || error.response_code() == Some(421)
}

fn dsn(value: &Value) -> Dsn {
    let notify = value["notify"].as_array().map(Vec::as_slice);
    Dsn {
        ret: match value["return"].as_str() {
            Some("full") => Some(Ret::Full),
            Some("headers") => Some(Ret::Headers),
            _ => None,
        },
        envid: value["id"].as_str().map(str::to_owned),
        notify: notify
            .unwrap_or_default()
            .iter()
            .filter_map(|word| match word.as_str()? {
                "never" => Some(Notify::Never),
                "success" => Some(Notify::Success),
                "failure" => Some(Notify::Failure),
                "delay" => Some(Notify::Delay),
                _ => None,
            })
            .collect(),
        orcpt: value["recipient"].as_str().map(str::to_owned),
    }
}
