//! Links of sent messages that tell of their readers (behaviour 11.3): a picture that is shown, an address that is
//! followed. No cookie is set by either.

use axum::{
    Router,
    http::{HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use posthouse_app::{App, LinkFault, LinkVisit};
use posthouse_model::ApiError;

use super::{guest::Guest, view::ended};
use crate::{form::Form, i18n::Text};

const OPEN: &str = "/open.gif";
const REDIRECT: &str = "/redirect";

/// One transparent pixel (GIF89a): header, screen of 1x1 with two colours, first of them transparent, image.
const PIXEL: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01D\0;";

/// What keeps a picture from being kept by browsers and by proxies of mail services, also old ones, and lets pages of
/// other origins show it.
const UNKEPT: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "image/gif"),
    (
        header::CACHE_CONTROL,
        "no-store, no-cache, must-revalidate, private, max-age=0",
    ),
    (header::PRAGMA, "no-cache"),
    (header::EXPIRES, "0"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    ),
];

/// The routes; no form, so no crumb.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route(OPEN, get(open))
        .route(REDIRECT, get(redirect))
}

/// `GET /open.gif`.
async fn open(method: Method, guest: Guest) -> Response {
    match guest.app.opened(&visit(&guest, &guest.query, &method)) {
        Ok(()) => (UNKEPT, PIXEL).into_response(),
        Err(fault) => refused(&guest, OPEN, fault),
    }
}

/// `GET /redirect`: to the address that was signed, which learns nothing of the message.
async fn redirect(method: Method, guest: Guest) -> Response {
    let target = guest.app.clicked(&visit(&guest, &guest.query, &method));
    match target {
        Ok(target) => {
            let headers = [
                (header::LOCATION, target),
                (header::REFERRER_POLICY, "no-referrer".to_owned()),
            ];
            (StatusCode::FOUND, headers).into_response()
        }
        Err(fault) => refused(&guest, REDIRECT, fault),
    }
}

/// Who follows a link. A program that asks for the headers alone shows nobody anything.
pub(super) fn visit(guest: &Guest, link: &Form, method: &Method) -> LinkVisit {
    LinkVisit {
        data: link.text("data").to_owned(),
        sig: link.text("sig").to_owned(),
        address: guest.address,
        user_agent: guest.user_agent.clone(),
        counts: method != Method::HEAD,
    }
}

fn refused(guest: &Guest, path: &'static str, fault: LinkFault) -> Response {
    let view = guest.view(path, &guest.query);
    let error = ApiError::new(fault.status(), fault.to_string());
    ended(
        guest,
        &view,
        Text::RefusedTitle,
        Text::RefusedSignature,
        &error,
    )
}
