//! The token with which the page makes its calls: short-lived, and given back when the page is left.

use axum::{
    Json,
    body::Bytes,
    response::{IntoResponse, Response},
};
use posthouse_model::ApiError;
use serde_json::{Value, json};

use crate::page::Page;

/// `POST /admin/reference/token`. As everywhere at this kind of path, HTTP says 200 and the body says
/// whether it worked.
pub(super) async fn issue(page: Page) -> Response {
    match page.app.reference_token(page.caller()).await {
        Ok(issued) => Json(json!({
            "success": true,
            "token": issued.value.expose(),
            "expires": issued.record.expires,
        }))
        .into_response(),
        Err(error) => failed(&error),
    }
}

/// `POST /admin/reference/revoke` with `{token}`.
pub(super) async fn revoke(page: Page, body: Bytes) -> Response {
    let token = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|body| body.get("token").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_default();
    match page.app.revoke_reference_token(page.caller(), &token).await {
        Ok(revoked) => Json(json!({ "success": true, "revoked": revoked })).into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &ApiError) -> Response {
    let mut body = error.envelope();
    if let Some(body) = body.as_object_mut() {
        body.insert("success".to_owned(), false.into());
    }
    Json(body).into_response()
}
