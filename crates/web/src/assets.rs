//! Style sheets, scripts and pictures, compiled in. Their addresses carry a hash of the content, so that
//! browsers may keep them for ever.

use std::sync::LazyLock;

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use posthouse_app::App;
use sha2::{Digest, Sha256};

/// A file under `/static/`.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $kind:literal,)+) => {
        static ASSETS: &[Asset] = &[$(Asset {
            name: $name,
            kind: $kind,
            content: include_bytes!(concat!("../assets/", $name)),
        }),+];
    };
}

// One line a file of `assets/`.
assets! {
    "accounts.css": "text/css; charset=utf-8",
    "accounts.js": "text/javascript; charset=utf-8",
    "combobox.js": "text/javascript; charset=utf-8",
    "config.css": "text/css; charset=utf-8",
    "config.js": "text/javascript; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "hosted.css": "text/css; charset=utf-8",
    "hosted.js": "text/javascript; charset=utf-8",
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "security.css": "text/css; charset=utf-8",
    "setup.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "reference-list.js": "text/javascript; charset=utf-8",
    "reference.css": "text/css; charset=utf-8",
    "reference.js": "text/javascript; charset=utf-8",
    "templates.css": "text/css; charset=utf-8",
    "templates.js": "text/javascript; charset=utf-8",
    "tokens.css": "text/css; charset=utf-8",
    "webhooks.css": "text/css; charset=utf-8",
    "tokens.js": "text/javascript; charset=utf-8",
}

static VERSIONS: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    ASSETS
        .iter()
        .map(|asset| {
            let hash = hex::encode(Sha256::digest(asset.content));
            let url = format!("/static/{}?v={}", asset.name, &hash[..12]);
            (asset.name, url)
        })
        .collect()
});

/// The address of a file, for templates: `{{ crate::assets::url("console.css") }}`.
pub(crate) fn url(name: &str) -> &'static str {
    VERSIONS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("/static/", |(_, url)| url)
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/static/{name}", get(file))
        .route("/favicon.ico", get(|| async { send("icon.svg") }))
}

async fn file(Path(name): Path<String>) -> Response {
    send(&name)
}

fn send(name: &str) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::from(asset.content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_change_with_the_content() {
        let css = url("console.css");
        assert!(css.starts_with("/static/console.css?v="), "{css}");
        assert_ne!(css.rsplit('=').next(), url("console.js").rsplit('=').next());
    }
}
