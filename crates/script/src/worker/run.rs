//! Runs one body to its end: jobs, timers, answers to fetches.

use bytes::Bytes;
use rquickjs::{Coerced, Ctx, Error, Function, Promise, Value, promise::PromiseState};

use super::{
    errand::Shared,
    fault,
    pipe::{Received, WorkerError},
    realm::Realm,
};
use crate::{
    ErrorKind, FetchResponse, Level, Stage,
    frame::FrameError,
    message::{Fault, RunRequest, ToWorker, Verdict},
};

/// Jobs that a body may leave, as when it did not wait for all of its promises. With more, its realm is thrown
/// away.
const LEFT_OVER: usize = 1000;

/// Why a body gave no result.
pub(super) enum Stop {
    /// Its own fault, to be told.
    Fault(Fault),
    /// The pipe is of no use any more.
    Worker(WorkerError),
    /// The server is gone.
    Closed,
}

/// What goes wrong inside a context.
enum Trouble {
    Js(Error),
    Kind(ErrorKind, String),
    Stop(Stop),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Js(error)
    }
}

/// Runs filter and map. Each finds a clean realm, if need be by `renew`; after the last body it is not clean.
pub(super) fn both(
    realm: &mut Realm,
    shared: &Shared,
    request: &RunRequest,
    renew: impl FnOnce() -> Result<Realm, Fault>,
) -> Result<Verdict, Stop> {
    let mut verdict = Verdict {
        matched: true,
        body: None,
        cpu_us: 0,
        logs: crate::Logs::default(),
    };
    if realm.body(Stage::Filter).is_some() {
        verdict.matched = stage(realm, shared, request, Stage::Filter, truth)?;
        if verdict.matched && realm.body(Stage::Map).is_some() && !realm.clean() {
            *realm = renew().map_err(Stop::Fault)?;
        }
    }
    if verdict.matched && realm.body(Stage::Map).is_some() {
        let json = stage(realm, shared, request, Stage::Map, json)?;
        if json.len() > shared.errand.borrow().limits.max_result as usize {
            let mut fault = fault::plain(ErrorKind::TooLarge, "the result is larger than allowed");
            fault.stage = Some(Stage::Map);
            return Err(Stop::Fault(fault));
        }
        verdict.body = Some(json);
    }
    verdict.cpu_us = u64::try_from(shared.clock.used().as_micros()).unwrap_or(u64::MAX);
    Ok(verdict)
}

/// Runs one body and reads its result.
fn stage<T>(
    realm: &Realm,
    shared: &Shared,
    request: &RunRequest,
    stage: Stage,
    read: impl for<'js> FnOnce(&Ctx<'js>, Value<'js>) -> Result<T, (ErrorKind, Option<Error>)>,
) -> Result<T, Stop> {
    realm.context.with(|ctx| {
        let result = settled(&ctx, realm, shared, request, stage).and_then(|value| {
            match read(&ctx, value) {
                Ok(read) if shared.clock.spent().is_none() => Ok(read),
                Ok(_) => Err(Trouble::Js(Error::Exception)),
                Err((_, Some(error))) if shared.clock.spent().is_some() => Err(error.into()),
                Err((kind, error)) => {
                    let reason = error.map(|error| describe(&ctx, realm, shared, &error));
                    match reason {
                        Some(fault) if fault.ends => Err(Trouble::Stop(Stop::Fault(fault))),
                        Some(fault) => Err(Trouble::Kind(
                            kind,
                            format!("the result is not JSON: {}", fault.message),
                        )),
                        None => Err(Trouble::Kind(
                            kind,
                            "the result is not JSON: it is undefined, a function or a symbol"
                                .to_owned(),
                        )),
                    }
                }
            }
        });
        let result = result.and_then(|read| {
            left_over(&ctx, shared)?;
            Ok(read)
        });
        shared.errand.borrow_mut().forget();
        result.map_err(|trouble| {
            let mut fault = match trouble {
                Trouble::Js(error) => describe(&ctx, realm, shared, &error),
                Trouble::Kind(kind, message) => fault::plain(kind, &message),
                Trouble::Stop(Stop::Fault(fault)) => fault,
                Trouble::Stop(stop) => return stop,
            };
            fault.stage = Some(stage);
            Stop::Fault(fault)
        })
    })
}

fn describe<'js>(ctx: &Ctx<'js>, realm: &Realm, shared: &Shared, error: &Error) -> Fault {
    match realm.describe.clone().restore(ctx) {
        Ok(describe) => fault::of(ctx, Some(&describe), &shared.clock, error),
        Err(_) => fault::of(ctx, None, &shared.clock, error),
    }
}

/// A filter's result.
fn truth<'js>(_: &Ctx<'js>, value: Value<'js>) -> Result<bool, (ErrorKind, Option<Error>)> {
    value
        .get::<Coerced<bool>>()
        .map(|truth| truth.0)
        .map_err(|error| (ErrorKind::Thrown, Some(error)))
}

/// A map's result.
fn json<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Bytes, (ErrorKind, Option<Error>)> {
    let text = ctx
        .json_stringify(value)
        .map_err(|error| (ErrorKind::NotJson, Some(error)))?
        .ok_or((ErrorKind::NotJson, None))?;
    let text = text
        .to_string()
        .map_err(|error| (ErrorKind::NotJson, Some(error)))?;
    Ok(without_lone_surrogates(text).into())
}

/// `JSON.stringify` leaves halves of surrogate pairs as `\udXXX`, which is no character: readers of the JSON would
/// stumble over it.
fn without_lone_surrogates(json: String) -> String {
    if !json.contains("\\ud") {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let half = escape
            .strip_prefix("\\ud")
            .is_some_and(|digits| digits.starts_with(['8', '9', 'a', 'b', 'c', 'd', 'e', 'f']));
        let length = if half { 6 } else { 2 };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        out.push_str(if half { "\\ufffd" } else { escape });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Calls a body and waits until its promise has settled.
fn settled<'js>(
    ctx: &Ctx<'js>,
    realm: &Realm,
    shared: &Shared,
    request: &RunRequest,
    stage: Stage,
) -> Result<Value<'js>, Trouble> {
    let Some(body) = realm.body(stage) else {
        return Ok(Value::new_undefined(ctx.clone()));
    };
    let body = body.clone().restore(ctx)?;
    let env = parse(ctx, shared, &request.env, "env")?;
    ctx.globals().set("env", env)?;
    let payload = parse(ctx, shared, &request.payload, "the payload")?;
    shared.clock.call();
    let result: Value = body.call((payload,))?;
    let Some(promise) = result.clone().into_promise() else {
        return Ok(result);
    };
    loop {
        while promise.state() == PromiseState::Pending
            && shared.clock.spent().is_none()
            && ctx.execute_pending_job()
        {}
        if shared.clock.spent().is_some() {
            return Err(Error::Exception.into());
        }
        if promise.state() != PromiseState::Pending {
            return finished(&promise);
        }
        wait(ctx, realm, shared)?;
    }
}

/// Runs the jobs of promises that the body did not wait for, as long as they are few and the time allows.
fn left_over(ctx: &Ctx<'_>, shared: &Shared) -> Result<(), Trouble> {
    for _ in 0..LEFT_OVER {
        if !ctx.execute_pending_job() {
            break;
        }
        if shared.clock.spent().is_some() {
            return Err(Error::Exception.into());
        }
    }
    Ok(())
}

fn finished<'js>(promise: &Promise<'js>) -> Result<Value<'js>, Trouble> {
    match promise.result::<Value>() {
        Some(result) => Ok(result?),
        None => Err(Trouble::Kind(
            ErrorKind::Unsettled,
            "the promise did not settle".to_owned(),
        )),
    }
}

/// JSON from the server. That it is none is not the script's fault.
fn parse<'js>(
    ctx: &Ctx<'js>,
    shared: &Shared,
    json: &[u8],
    what: &str,
) -> Result<Value<'js>, Trouble> {
    ctx.json_parse(json).map_err(|error| {
        let thrown = ctx.catch();
        let syntax = thrown.as_exception().is_some_and(|error| {
            error
                .as_object()
                .get::<_, String>("name")
                .is_ok_and(|name| name == "SyntaxError")
        });
        if shared.clock.spent().is_none() && (syntax || !error.is_exception()) {
            return Trouble::Kind(ErrorKind::Input, format!("{what} is not JSON"));
        }
        ctx.throw(thrown).into()
    })
}

/// Waits for the next thing: an answer, a timer, the end of the time.
fn wait<'js>(ctx: &Ctx<'js>, realm: &Realm, shared: &Shared) -> Result<(), Trouble> {
    let (timer, waits) = {
        let errand = shared.errand.borrow();
        (errand.next_timer(), !errand.waiting.is_empty())
    };
    if timer.is_none() && !waits {
        return Err(Trouble::Kind(
            ErrorKind::Unsettled,
            "the script waits for a promise that nothing can settle".to_owned(),
        ));
    }
    let wall = shared.clock.wall();
    let until = timer.map_or(wall, |timer| timer.min(wall));
    let received = shared
        .pipe
        .borrow_mut()
        .receive(Some(until))
        .map_err(|error| Trouble::Stop(Stop::Worker(error)))?;
    match received {
        Received::Closed => Err(Trouble::Stop(Stop::Closed)),
        Received::Message(ToWorker::Answer(id, result)) => {
            let known = shared.errand.borrow_mut().waiting.remove(&id);
            if known {
                answer(ctx, realm, shared, id, result)
            } else {
                Ok(())
            }
        }
        Received::Message(_) => Err(Trouble::Stop(Stop::Worker(FrameError::Malformed.into()))),
        Received::Late => {
            if std::time::Instant::now() >= wall {
                shared.clock.expire();
                return Err(Error::Exception.into());
            }
            let due = shared.errand.borrow_mut().due_timer();
            if let Some(id) = due {
                let fire: Function = realm.fire.clone().restore(ctx)?;
                if let Err(error) = fire.call::<_, ()>((id,)) {
                    uncaught(ctx, realm, shared, error)?;
                }
            }
            Ok(())
        }
    }
}

/// A timer's function threw: nobody can catch it, so it is logged.
fn uncaught<'js>(
    ctx: &Ctx<'js>,
    realm: &Realm,
    shared: &Shared,
    error: Error,
) -> Result<(), Trouble> {
    if shared.clock.spent().is_some() {
        return Err(error.into());
    }
    let fault = describe(ctx, realm, shared, &error);
    if fault.ends {
        return Err(Trouble::Stop(Stop::Fault(fault)));
    }
    let text = format!("uncaught in a timer: {}: {}", fault.name, fault.message);
    shared.errand.borrow_mut().log(Level::Error, text, false);
    Ok(())
}

/// Hands an answer to the promise that waits for it.
fn answer<'js>(
    ctx: &Ctx<'js>,
    realm: &Realm,
    shared: &Shared,
    id: u32,
    result: Result<FetchResponse, String>,
) -> Result<(), Trouble> {
    let settle: Function = realm.settle.clone().restore(ctx)?;
    match result {
        Ok(response) => {
            let headers: Vec<String> = response
                .headers
                .into_iter()
                .flat_map(|(name, value)| [name, value])
                .collect();
            shared.errand.borrow_mut().bodies.insert(id, response.body);
            settle.call::<_, ()>((
                id,
                Value::new_undefined(ctx.clone()),
                response.status,
                response.status_text,
                response.url,
                headers,
                response.redirected,
            ))?;
        }
        Err(reason) => settle.call::<_, ()>((id, reason))?,
    }
    Ok(())
}
