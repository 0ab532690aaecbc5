//! One run on one worker: its frames, its requests, its deadline.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::process::Process;
use crate::{
    ErrorKind, FetchRequest, FetchResponse, Host, Logs, PoolOptions, ScriptError,
    message::{Fault, FetchCall, FromWorker, ToWorker, Verdict},
};

/// What a worker is asked for.
pub(super) struct Job<'a> {
    pub(super) options: &'a PoolOptions,
    pub(super) host: &'a Arc<dyn Host>,
    pub(super) tag: &'a Arc<str>,
    /// When the worker is killed.
    pub(super) deadline: Instant,
    /// Messages to send again if the worker does not know the script.
    pub(super) again: Vec<ToWorker>,
}

/// What came of it, and whether the worker can be used again.
pub(super) struct Ended {
    pub(super) result: Result<Reply, ScriptError>,
    pub(super) usable: bool,
}

/// A good end.
pub(super) enum Reply {
    Verdict(Verdict),
    Sound,
}

type Answers = (
    mpsc::UnboundedSender<(u32, Result<FetchResponse, String>)>,
    mpsc::UnboundedReceiver<(u32, Result<FetchResponse, String>)>,
);

/// Sees a job through that has been queued to the worker.
pub(super) async fn drive(process: &mut Process, mut job: Job<'_>) -> Ended {
    let mut logs = Logs::default();
    let mut answers: Option<Answers> = None;
    let mut fetches = 0;
    let sleep = sleep_until(job.deadline);
    tokio::pin!(sleep);
    let (error, usable) = loop {
        let message = tokio::select! {
            biased;
            message = process.turn() => message,
            Some((id, answer)) = next(&mut answers) => {
                if process.queue(&ToWorker::Answer(id, answer)).is_err() {
                    break (died("an answer is too large for it"), false);
                }
                continue;
            }
            () = &mut sleep => {
                // A script that waits is stopped by its worker; this one never came to look at a clock.
                break (ScriptError::new(ErrorKind::Cpu, "the script did not stop in time and was killed"), false);
            }
        };
        match message {
            Ok(Some(FromWorker::Done(mut verdict))) => {
                let lines = std::mem::take(&mut verdict.logs);
                add(&mut logs, lines, job.options);
                verdict.logs = logs;
                return Ended {
                    result: Ok(Reply::Verdict(verdict)),
                    usable: true,
                };
            }
            Ok(Some(FromWorker::Sound)) => {
                return Ended {
                    result: Ok(Reply::Sound),
                    usable: true,
                };
            }
            Ok(Some(FromWorker::Failed(fault))) => {
                let (error, lines, usable) = failure(fault);
                add(&mut logs, lines, job.options);
                break (error, usable);
            }
            Ok(Some(FromWorker::Logs(lines))) => add(&mut logs, lines, job.options),
            Ok(Some(FromWorker::NoSource)) => {
                let again = std::mem::take(&mut job.again);
                if again.is_empty() || again.iter().any(|message| process.queue(message).is_err()) {
                    break (died("it forgets its scripts"), false);
                }
            }
            Ok(Some(FromWorker::Fetch(id, call))) => {
                fetches += 1;
                if fetches > job.options.max_fetches {
                    break (died("it makes more requests than it may"), false);
                }
                let (sender, _) = answers.get_or_insert_with(mpsc::unbounded_channel);
                tokio::spawn(fetch(id, call, &job, sender.clone()));
            }
            Ok(Some(FromWorker::Ready(_))) => break (died("it spoke out of turn"), false),
            Ok(None) => {
                let ending = process.end().await;
                let error = if ending.by_cpu_limit() {
                    ScriptError::new(
                        ErrorKind::Cpu,
                        "the script has used up its time of the processor, and was killed",
                    )
                } else {
                    died(&ending.to_string())
                };
                break (error, false);
            }
            Err(error) => break (died(&error.to_string()), false),
        }
    };
    Ended {
        result: Err(ScriptError { logs, ..error }),
        usable,
    }
}

fn died(how: &str) -> ScriptError {
    ScriptError::new(
        ErrorKind::Died,
        format!("the worker was lost in the middle of the run: {how}"),
    )
}

fn failure(fault: Fault) -> (ScriptError, Logs, bool) {
    let error = ScriptError {
        kind: fault.kind,
        stage: fault.stage,
        name: fault.name,
        message: fault.message,
        stack: fault.stack,
        logs: Logs::default(),
    };
    (error, fault.logs, !fault.ends)
}

/// Adds lines, within the limits whatever the worker says.
fn add(logs: &mut Logs, more: Logs, options: &PoolOptions) {
    let room = (options.max_log_lines as usize).saturating_sub(logs.lines.len());
    let beyond = more.lines.len().saturating_sub(room);
    logs.lines.extend(more.lines.into_iter().take(room));
    logs.dropped = logs
        .dropped
        .saturating_add(more.dropped)
        .saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX));
}

async fn next(answers: &mut Option<Answers>) -> Option<(u32, Result<FetchResponse, String>)> {
    match answers {
        Some((_, receiver)) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

/// Makes a request of the script. It goes on if the script ends before: one that was not waited for is still made.
fn fetch(
    id: u32,
    call: FetchCall,
    job: &Job<'_>,
    answers: mpsc::UnboundedSender<(u32, Result<FetchResponse, String>)>,
) -> impl Future<Output = ()> + use<> {
    let host = Arc::clone(job.host);
    let limit: Duration = job.options.fetch_timeout;
    let max_body = job.options.max_response_body;
    let request = FetchRequest {
        method: call.method,
        url: call.url,
        headers: call.headers,
        body: call.body,
        redirect: call.redirect,
        max_body,
        timeout: limit,
        tag: Arc::clone(job.tag),
    };
    async move {
        let answer = match timeout(limit, host.fetch(request)).await {
            Ok(Ok(response)) if response.body.len() > max_body => {
                Err(format!("the answer has more than {max_body} bytes"))
            }
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", limit.as_secs_f32())),
        };
        // The script may have ended.
        let _ = answers.send((id, answer));
    }
}
