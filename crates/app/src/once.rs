//! Calls that are carried out once (draft-ietf-httpapi-idempotency-key-header): who repeats a call under its key is told
//! what the first came to. Which operations have such a key, the contract says.

use std::time::Duration;

use posthouse_contract::Operation;
use posthouse_model::{ApiError, Caller};
use posthouse_store::{
    Batch, StoreError,
    calls::{self, Claim},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{App, CallInput, Reply, ReplyBody, internal, reply::Repeat};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(86_400);
/// So much longer than its caller waits a call may be under way before it counts as lost.
const GRACE: Duration = Duration::from_secs(60);
/// How often is looked whether the call of another process has ended, which tells nobody.
const LOOK: Duration = Duration::from_millis(250);
/// They keep their answers in the batch that queues their messages, and tell of the key in the body.
const SENDING: [&str; 2] = [
    "postV1AccountAccountSubmit",
    "postV1AccountAccountMessageMessageSubmit",
];

/// A call under a key.
struct Call {
    claimed: Claimed,
    /// What is asked for.
    fingerprint: String,
}

/// The claim of whoever carries out a call.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Names caller, operation and key.
    id: String,
    /// This attempt.
    holder: String,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    json: String,
    no_store: bool,
}

impl App {
    /// Carries out an operation for a caller that was admitted to it. Under an idempotency key it is carried out once; while
    /// it is, the same call waits.
    ///
    /// # Errors
    /// The answer to give when it cannot be done; 501 for what is not built yet. 422 `IdempotencyKeyReused` for a key that
    /// belongs to another request, 409 `IdempotencyKeyInUse` when the first takes too long.
    pub async fn call(
        &self,
        operation: &'static Operation,
        caller: &Caller,
        mut input: CallInput,
    ) -> Result<Reply, ApiError> {
        let sends = SENDING.contains(&operation.canonical_id());
        let Some(key) = input.idempotency_key.as_deref().filter(|_| !sends) else {
            return self.carry_out(operation, caller, input).await;
        };
        let call = Call::of(operation, caller, key, &input)?;
        input.claimed = Some(call.claimed.clone());
        let deadline = self.context(caller, &input).deadline;
        let until = self.store().now().after(deadline - Instant::now() + GRACE);
        loop {
            let ended = self.call_ended().notified();
            tokio::pin!(ended);
            // Before the look: one that ends right after it is heard of.
            ended.as_mut().enable();
            let (Claimed { id, holder }, asked) = (&call.claimed, &call.fingerprint);
            let claim = calls::claim::<Kept>(self.store(), id, asked, holder, until).await;
            match claim.map_err(|error| internal("claiming a call", &error))? {
                Claim::Mine => {
                    let claimed = call.claimed;
                    return self
                        .carry_out_claimed(operation, caller, input, claimed)
                        .await;
                }
                Claim::Answered {
                    fingerprint,
                    answer,
                } if fingerprint == *asked => return Ok(answer.into_reply()),
                Claim::Busy { fingerprint } if fingerprint == *asked => {}
                _ => return Err(reused()),
            }
            if Instant::now() >= deadline {
                let message = "The request with this idempotency key is still being carried out";
                return Err(ApiError::new(409, message).code("IdempotencyKeyInUse"));
            }
            tokio::select! {
                () = ended => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    /// Carries the call out and keeps what it came to, also when its caller goes away meanwhile.
    async fn carry_out_claimed(
        &self,
        operation: &'static Operation,
        caller: &Caller,
        input: CallInput,
        claimed: Claimed,
    ) -> Result<Reply, ApiError> {
        let (app, caller) = (self.clone(), caller.clone());
        let work = tokio::spawn(async move {
            // A panic is caught, so that the claim does not outlive it.
            let inner = app.clone();
            let carried =
                tokio::spawn(
                    async move { Box::pin(inner.carry_out(operation, &caller, input)).await },
                );
            let result = carried.await.unwrap_or_else(|_| Err(ApiError::internal()));
            let kept = result.as_ref().ok().and_then(Kept::of);
            app.settle(&claimed, kept).await;
            result
        });
        let result = work.await.unwrap_or_else(|_| Err(ApiError::internal()));
        result.map(|reply| reply.under_key(Repeat::Miss))
    }

    /// Keeps what a call will be answered in the batch that does its work: a process that dies has done both or neither. What
    /// has no such batch is kept afterwards.
    ///
    /// # Errors
    /// The answer cannot be sealed.
    pub(crate) fn keep(
        &self,
        input: &CallInput,
        batch: &mut Batch,
        reply: &Reply,
    ) -> Result<(), ApiError> {
        let (Some(claimed), Some(kept)) = (&input.claimed, Kept::of(reply)) else {
            return Ok(());
        };
        self.answer(batch, claimed, &kept)
            .map_err(|error| internal("keeping an answer", &error))
    }

    fn answer(&self, batch: &mut Batch, claimed: &Claimed, kept: &Kept) -> Result<(), StoreError> {
        let (store, Claimed { id, holder }) = (self.store(), claimed);
        calls::answer(store, batch, id, holder, kept, store.now().after(KEPT))
    }

    /// Keeps an answer; gives back a call that has none.
    async fn settle(&self, claimed: &Claimed, kept: Option<Kept>) {
        let store = self.store();
        let mut batch = Batch::new();
        let put = match &kept {
            Some(kept) => self.answer(&mut batch, claimed, kept),
            None => {
                calls::give_back(&mut batch, &claimed.id, &claimed.holder);
                Ok(())
            }
        };
        let settled = match put {
            Ok(()) => store.commit(batch).await.map(drop).map_err(Into::into),
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            tracing::error!(%error, "the answer to an idempotency key was not kept");
        }
        self.call_ended().notify_waiters();
    }
}

impl Call {
    fn of(
        operation: &Operation,
        caller: &Caller,
        key: &str,
        input: &CallInput,
    ) -> Result<Self, ApiError> {
        let who = (&caller.identity, &caller.account);
        let valid = &input.valid;
        Ok(Self {
            claimed: Claimed {
                id: fingerprint(&(who, operation.canonical_id(), key))?,
                holder: Uuid::new_v4().to_string(),
            },
            fingerprint: fingerprint(&(&valid.path, &valid.query, &valid.body))?,
        })
    }
}

impl Kept {
    /// None for what cannot be given twice.
    fn of(reply: &Reply) -> Option<Self> {
        match &reply.body {
            ReplyBody::Json(json) => Some(Self {
                json: String::from_utf8(json.clone()).ok()?,
                no_store: reply.no_store,
            }),
            _ => None,
        }
    }

    fn into_reply(self) -> Reply {
        let reply = Reply {
            body: ReplyBody::Json(self.json.into_bytes()),
            no_store: self.no_store,
            repeat: None,
        };
        reply.under_key(Repeat::Hit)
    }
}

/// A key that belongs to another request.
pub(crate) fn reused() -> ApiError {
    let message =
        "This idempotency key was used for another request: use a new key for a new request";
    ApiError::new(422, message).code("IdempotencyKeyReused")
}

/// What tells one request from another.
///
/// # Errors
/// It has no JSON form.
pub(crate) fn fingerprint(asked: &impl Serialize) -> Result<String, ApiError> {
    struct Hash(Sha256);
    impl std::io::Write for Hash {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut hash = Hash(Sha256::new());
    serde_json::to_writer(&mut hash, asked)
        .map_err(|error| internal("reading a request", &error))?;
    Ok(hex::encode(hash.0.finalize()))
}
