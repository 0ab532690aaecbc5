//! The API reference, rendered from our own OpenAPI document, with calls from the page.

mod example;
mod list;
mod operation;
mod schema;
mod token;

use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};
use posthouse_app::App;
use posthouse_contract::{Operation, operations};
use posthouse_model::Action;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/reference", get(list::all))
        .route("/admin/reference/token", post(token::issue))
        .route("/admin/reference/revoke", post(token::revoke))
        .route("/admin/reference/{tag}", get(list::of_tag))
        .route("/admin/reference/{tag}/{operation}", get(operation::show))
        .route(
            "/admin/swagger",
            get(|| async { Redirect::to("/admin/reference") }),
        )
}

/// The operations that the document shows.
fn served() -> impl Iterator<Item = &'static Operation> {
    operations().iter().filter(|operation| !operation.hidden)
}

/// A tag as a part of an address.
fn slug(tag: &str) -> String {
    let mut slug = String::with_capacity(tag.len());
    for c in tag.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}

/// The address of an operation's page.
fn path_of(operation: &Operation) -> String {
    format!("/admin/reference/{}/{}", slug(operation.tag), operation.id)
}

/// The class of a method's badge.
fn method_class(operation: &Operation) -> &'static str {
    match operation.action {
        Action::Read => "info",
        Action::Write => "ok",
        Action::Send => "warn",
        Action::Destructive => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_tell_tags_apart() {
        assert_eq!(slug("Access Tokens"), "access-tokens");
        let tags = posthouse_contract::tags();
        for (at, tag) in tags.iter().enumerate() {
            assert!(
                !tags[..at]
                    .iter()
                    .any(|other| slug(&other.name) == slug(&tag.name))
            );
            // The paths of this module.
            assert!(!matches!(slug(&tag.name).as_str(), "token" | "revoke" | ""));
        }
    }
}
