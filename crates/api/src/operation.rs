//! The one handler of every operation: admission, body, validation, use case, answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequestParts, RawPathParams, Request},
    http::{Method, header, request::Parts},
    response::Response,
};
use posthouse_app::{CallInput, Lifted, RateStatus, Target};
use posthouse_contract::RawInput;
use posthouse_model::{ApiError, caller::Identity};
use serde_json::{Value, json};

use crate::{
    answer, body,
    input::{self, Query},
    lift::Places,
    pipeline::{Served, Shared},
    routes::{Entry, Route},
};

/// The declared header by which a caller asks for more time, milliseconds.
const TIMEOUT: &str = "x-ee-timeout";
/// The declared header that makes a repeated request safe.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Answers a request to a path of the contract.
pub(crate) async fn handle(shared: Arc<Shared>, route: Arc<Route>, request: Request) -> Response {
    let Some(entry) = route.find(request.method()) else {
        // Without cross-origin rules a preflight finds nothing, as clients of the reference know it.
        return if request.method() == Method::OPTIONS {
            answer::not_found()
        } else {
            answer::method_not_allowed(&route.allow)
        };
    };
    let mut served = Served {
        route: entry.operation.path,
        caller: None,
        api: true,
    };
    let (mut parts, mut body) = request.into_parts();
    let mut rate = None;
    let mut response = match run(
        &shared,
        entry,
        &mut parts,
        &mut body,
        &mut served,
        &mut rate,
    )
    .await
    {
        Ok(response) => response,
        Err(response) => {
            body::discard(&parts.headers, &mut body).await;
            response
        }
    };
    if let Some(rate) = rate {
        answer::add_rate(response.headers_mut(), rate);
    }
    response.extensions_mut().insert(served);
    response
}

/// `Err` is an answer too: the one given before the body was read to its end.
async fn run(
    shared: &Shared,
    entry: &Entry,
    parts: &mut Parts,
    body: &mut Body,
    served: &mut Served,
    rate: &mut Option<RateStatus>,
) -> Result<Response, Response> {
    let operation = entry.operation;
    let fail = |error: ApiError| answer::error(&error);
    let values = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| fail(ApiError::new(400, "The path is not UTF-8")))?;
    let path: Vec<(&str, String)> = entry
        .names
        .iter()
        .copied()
        .zip(values.iter().map(|(_, value)| value.to_owned()))
        .collect();
    let query = Query::parse(parts.uri.query());

    let admitted = {
        let request = posthouse_app::Request {
            credential: input::credential(&parts.headers, &query),
            session_cookie: input::cookie(&parts.headers, "ee"),
            address: shared.client_address(parts),
            referrer: input::text(&parts.headers, header::REFERER.as_str()),
            method: operation.method.as_str().to_owned(),
        };
        let target = Target {
            scopes: &operation.scopes,
            action: operation.action,
            group: operation.group,
            path: operation.path,
            account: path
                .iter()
                .find(|(name, _)| *name == "account")
                .map(|(_, value)| value.as_str()),
            operation: Some(operation),
            query_account: query.first("account"),
        };
        shared
            .app
            .admit(&request, &target)
            .await
            .map_err(|refusal| answer::refusal(&refusal))?
    };
    *rate = admitted.rate;
    served.caller = Some(match &admitted.caller.identity {
        // The name of an administrator is nobody's business in a log.
        Identity::Administrator(_) => Identity::Administrator(String::new()),
        identity => identity.clone(),
    });

    if !query.unreadable.is_empty() {
        let fields: Vec<Value> = query
            .unreadable
            .iter()
            .map(|name| json!({ "message": format!("\"{name}\" is not UTF-8"), "key": name }))
            .collect();
        return Err(fail(ApiError::invalid_input(fields.into())));
    }
    let mut held = None;
    let mut json = None;
    let mut lifted = Lifted::default();
    if let Some(schema) = &operation.body {
        let limit = shared.bodies.limit(operation);
        let parsed = shared
            .bodies
            .json(&parts.headers, body, limit, Places::of(schema))
            .await
            .map_err(fail)?;
        (json, lifted, held) = (parsed.value, parsed.lifted, parsed.held);
    }
    let valid = operation
        .validate(RawInput {
            path: &path,
            query: &query.pairs,
            header: &|name| input::text(&parts.headers, name),
            body: json,
        })
        .map_err(|faults| fail(answer::invalid(&faults)))?;

    let asked = valid.headers.get(TIMEOUT).and_then(Value::as_u64);
    let input = CallInput {
        timeout: asked
            .map_or(Duration::ZERO, Duration::from_millis)
            .max(shared.config.command_timeout),
        idempotency_key: valid
            .headers
            .get(IDEMPOTENCY_KEY)
            .and_then(Value::as_str)
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        claimed: None,
        lifted,
        valid,
    };
    let result = shared.app.call(operation, &admitted.caller, input).await;
    // The input is gone by now: others may have its place.
    drop(held);
    match result {
        Ok(reply) => Ok(answer::reply(reply)),
        Err(error) => Err(fail(error)),
    }
}
