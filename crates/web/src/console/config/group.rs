//! The page of a group of settings.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use posthouse_app::{LocalAddress, SettingView};
use posthouse_model::{ApiError, settings::Group};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    advice::{Advice, advice},
    entered::{Entered, belongs, entered},
    field::{Control, Field},
    webhooks::Beside,
};
use crate::{
    fail::Failure,
    flash::{Flash, Tone},
    form::Form,
    page::{Frame, Input, Page, Room},
};

/// The queues that can be looked at.
const QUEUES: [(&str, &str); 2] = [("submit", "Outgoing messages"), ("notify", "Webhooks")];

/// Settings under a heading.
struct Section {
    title: &'static str,
    fields: Vec<Field>,
}

/// A queue and its jobs.
struct Queue {
    title: &'static str,
    waiting: u64,
    active: u64,
    delayed: u64,
    paused: bool,
}

#[derive(Template)]
#[template(path = "config/group.html")]
struct GroupPage {
    frame: Frame,
    group: Group,
    sections: Vec<Section>,
    /// What the form was drawn from.
    revision: String,
    /// How many fields are faulty.
    faults: usize,
    /// Somebody else changed the group meanwhile.
    stale: bool,
    advice: Vec<Advice>,
    /// Nothing of the group has an effect in this version.
    idle: bool,
    queues: Vec<Queue>,
    addresses: Vec<LocalAddress>,
    webhooks: Option<Beside>,
}

fn group_of(slug: &str) -> Result<Group, ApiError> {
    Group::of_slug(slug).ok_or_else(|| ApiError::new(404, "There is no such group of settings."))
}

fn path(group: Group) -> String {
    format!("/admin/config/{}", group.slug())
}

/// Stands for the values a form was drawn from.
fn revision(views: &[SettingView]) -> String {
    let mut hash = Sha256::new();
    for view in views {
        hash.update(view.setting.key);
        hash.update(view.value.to_string());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..12])
}

fn sections(views: &[SettingView], mut draw: impl FnMut(&SettingView) -> Field) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for view in views {
        let title = view.setting.section;
        let field = draw(view);
        match sections.last_mut() {
            Some(last) if last.title == title => last.fields.push(field),
            _ => sections.push(Section {
                title,
                fields: vec![field],
            }),
        }
    }
    sections
}

async fn queues(page: &Page, group: Group) -> Result<Vec<Queue>, ApiError> {
    if group != Group::Service {
        return Ok(Vec::new());
    }
    let mut queues = Vec::new();
    for (queue, title) in QUEUES {
        let path = [("queue", queue)];
        let input = Input {
            path: &path,
            ..Input::default()
        };
        let answer = page.call("getV1SettingsQueueQueue", input).await?;
        let jobs = |word: &str| answer["jobs"][word].as_u64().unwrap_or(0);
        queues.push(Queue {
            title,
            waiting: jobs("waiting"),
            active: jobs("active"),
            delayed: jobs("delayed"),
            paused: answer["paused"] == true,
        });
    }
    Ok(queues)
}

/// What a page of a group is drawn from.
struct Drawn<'a> {
    group: Group,
    views: &'a [SettingView],
    sections: Vec<Section>,
    stale: bool,
    webhooks: Option<Beside>,
}

impl<'a> Drawn<'a> {
    fn new(
        group: Group,
        views: &'a [SettingView],
        draw: impl FnMut(&SettingView) -> Field,
    ) -> Self {
        Self {
            group,
            views,
            sections: sections(views, draw),
            stale: false,
            webhooks: None,
        }
    }
}

async fn render(page: &Page, status: StatusCode, drawn: Drawn<'_>) -> Result<Response, Failure> {
    let Drawn {
        group,
        views,
        sections,
        stale,
        webhooks,
    } = drawn;
    let faults = sections
        .iter()
        .flat_map(|section| &section.fields)
        .filter(|field| !field.errors.is_empty())
        .count();
    let title = match faults {
        0 => group.title().to_owned(),
        _ => format!("Not saved: {}", group.title()),
    };
    let template = GroupPage {
        frame: page
            .frame(title, Room::Settings)
            .with_scripts(&["config.js"])
            .with_styles(&["config.css"]),
        group,
        sections,
        revision: revision(views),
        faults,
        stale,
        advice: advice(page, group),
        idle: views.iter().all(|view| !view.setting.served),
        queues: queues(page, group).await?,
        addresses: match group {
            Group::Network => page.app.local_addresses(),
            _ => Vec::new(),
        },
        webhooks: webhooks.or_else(|| (group == Group::Webhooks).then(|| Beside::new(page))),
    };
    Ok(page.render_as(status, &template))
}

pub(super) async fn show(page: Page, Path(slug): Path<String>) -> Result<Response, Failure> {
    if slug == "document-store" {
        return Ok(Redirect::permanent("/admin/config/deprecated").into_response());
    }
    let group = group_of(&slug)?;
    let views = page.app.settings_view(group);
    let drawn = Drawn::new(group, &views, Field::of);
    render(&page, StatusCode::OK, drawn).await
}

/// The page of webhooks after a test call.
pub(super) async fn with_trial(page: &Page, beside: Beside) -> Result<Response, Failure> {
    let views = page.app.settings_view(Group::Webhooks);
    let mut drawn = Drawn::new(Group::Webhooks, &views, Field::of);
    drawn.webhooks = Some(beside);
    render(page, StatusCode::OK, drawn).await
}

pub(super) async fn save(
    page: Page,
    Path(slug): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let group = group_of(&slug)?;
    let views = page.app.settings_view(group);
    for (name, _) in form.fields() {
        if name != "revision" && !views.iter().any(|view| belongs(view, name)) {
            let text = format!("The field {name} does not belong to this form.");
            return Err(ApiError::new(400, text).into());
        }
    }
    if form.has("revision") && form.text("revision") != revision(&views) {
        let mut drawn = Drawn::new(group, &views, |view| Field::typed(view, &form, Vec::new()));
        drawn.stale = true;
        return render(&page, StatusCode::CONFLICT, drawn).await;
    }
    let mut wanted = Map::new();
    for view in &views {
        if let Entered::Value(value) = entered(view, &form) {
            wanted.insert(view.setting.key.to_owned(), value);
        }
    }
    match page.app.change_settings(page.caller(), &wanted).await {
        Ok(keys) => Ok(page.redirect(&path(group), saved(&views, &keys))),
        Err(error) if error.status == 400 => {
            let mut faults = by_key(&error);
            let drawn = Drawn::new(group, &views, |view| {
                let errors = faults.remove(view.setting.key).unwrap_or_default();
                Field::typed(view, &form, errors)
            });
            render(&page, StatusCode::BAD_REQUEST, drawn).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes one setting back to its default.
pub(super) async fn reset(
    page: Page,
    Path(slug): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let group = group_of(&slug)?;
    let setting = group
        .settings()
        .find(|setting| setting.key == form.text("key"))
        .ok_or_else(|| ApiError::new(404, "There is no such setting in this group."))?;
    let wanted = Map::from_iter([(setting.key.to_owned(), Value::Null)]);
    page.app.change_settings(page.caller(), &wanted).await?;
    let text = format!("“{}” has its default again.", setting.label);
    let to = format!("{}#{}", path(group), setting.key);
    Ok(page.redirect(&to, Flash::ok(text)))
}

/// What was saved, in words.
fn saved(views: &[SettingView], keys: &[&str]) -> Flash {
    if keys.is_empty() {
        return Flash {
            tone: Tone::Info,
            text: "Nothing was changed: every value was the same as before.".to_owned(),
        };
    }
    let labels: Vec<_> = views
        .iter()
        .filter(|view| keys.contains(&view.setting.key))
        .map(|view| view.setting.label)
        .collect();
    Flash::ok(format!("Saved: {}.", labels.join(", ")))
}

/// The faults of a refused change, by setting.
pub(super) fn by_key(error: &ApiError) -> HashMap<String, Vec<String>> {
    let mut faults: HashMap<String, Vec<String>> = HashMap::new();
    let fields = error.extra.get("fields").and_then(Value::as_array);
    for field in fields.into_iter().flatten() {
        let text = |part: &str| field[part].as_str().unwrap_or_default().to_owned();
        faults.entry(text("key")).or_default().push(text("message"));
    }
    faults
}
