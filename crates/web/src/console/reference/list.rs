//! Operations by tag, with a search.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use posthouse_app::App;
use posthouse_contract::{Operation, tags};
use posthouse_model::ApiError;
use serde::Deserialize;

use super::{served, slug};
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
};

#[derive(Deserialize)]
pub(super) struct Sought {
    #[serde(default)]
    q: String,
}

/// A tag with those of its operations that are shown.
struct Section {
    name: &'static str,
    description: &'static str,
    slug: String,
    operations: Vec<&'static Operation>,
}

#[derive(Template)]
#[template(path = "reference/list.html")]
struct List {
    frame: Frame,
    q: String,
    sections: Vec<Section>,
    total: usize,
    found: usize,
    /// How many of them are not built yet.
    later: usize,
    version: &'static str,
}

#[derive(Template)]
#[template(path = "reference/tag.html")]
struct OfTag {
    frame: Frame,
    section: Section,
}

fn sections(matches: impl Fn(&Operation) -> bool) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for tag in tags() {
        let operations: Vec<_> = served()
            .filter(|operation| operation.tag == tag.name && matches(operation))
            .collect();
        if !operations.is_empty() {
            sections.push(Section {
                name: &tag.name,
                description: &tag.description,
                slug: slug(&tag.name),
                operations,
            });
        }
    }
    sections
}

/// Whether every word of a search is in an operation.
fn matches(operation: &Operation, q: &str) -> bool {
    let text = format!(
        "{} {} {} {} {} {}",
        operation.method.as_str(),
        operation.path,
        operation.summary,
        operation.description,
        operation.tag,
        operation.id
    )
    .to_lowercase();
    q.to_lowercase()
        .split_whitespace()
        .all(|word| text.contains(word))
}

pub(super) async fn all(page: Page, Query(sought): Query<Sought>) -> Response {
    let sections = sections(|operation| matches(operation, &sought.q));
    page.render(&List {
        frame: page
            .frame("API reference", Room::Reference)
            .with_styles(&["reference.css"])
            .with_scripts(&["reference-list.js"]),
        found: sections
            .iter()
            .map(|section| section.operations.len())
            .sum(),
        sections,
        q: sought.q,
        total: served().count(),
        later: served().filter(|operation| !App::offers(operation)).count(),
        version: env!("CARGO_PKG_VERSION"),
    })
}

pub(super) async fn of_tag(page: Page, Path(tag): Path<String>) -> Result<Response, Failure> {
    let section = sections(|_| true)
        .into_iter()
        .find(|section| section.slug == tag || section.name == tag)
        .ok_or_else(|| ApiError::new(404, "The API has no such group of operations."))?;
    Ok(page.render(&OfTag {
        frame: page
            .frame(section.name, Room::Reference)
            .with_styles(&["reference.css"]),
        section,
    }))
}
