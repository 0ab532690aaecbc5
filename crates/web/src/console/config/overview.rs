//! All groups of settings, and search over all settings.

use askama::Template;
use axum::{extract::Query, response::Response};
use posthouse_app::SettingView;
use posthouse_model::settings::{Group, Setting};
use serde::Deserialize;

use super::icon_of;
use crate::page::{Frame, Page, Room};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

/// A group on the overview.
struct Card {
    group: Group,
    icon: &'static str,
    /// Settings whose value is not the default.
    changed: usize,
    /// Whether none of them has an effect in this version.
    idle: bool,
}

/// A setting that was found.
struct Hit {
    group: Group,
    setting: &'static Setting,
    changed: bool,
}

#[derive(Template)]
#[template(path = "config/overview.html")]
struct Overview {
    frame: Frame,
    query: String,
    hits: Vec<Hit>,
    cards: Vec<Card>,
    deprecated: Card,
}

pub(super) async fn show(page: Page, Query(asked): Query<Asked>) -> Response {
    let query = asked.q.trim().to_owned();
    let hits = if query.is_empty() {
        Vec::new()
    } else {
        find(&page, &query)
    };
    let cards = Group::ALL
        .iter()
        .filter(|group| **group != Group::Deprecated)
        .map(|group| card(&page, *group));
    let template = Overview {
        frame: page
            .frame("Settings", Room::Settings)
            .with_scripts(&["config.js"])
            .with_styles(&["config.css"]),
        query,
        hits,
        cards: cards.collect(),
        deprecated: card(&page, Group::Deprecated),
    };
    page.render(&template)
}

fn card(page: &Page, group: Group) -> Card {
    let views = page.app.settings_view(group);
    Card {
        group,
        icon: icon_of(&group),
        changed: views.iter().filter(|view| is_changed(view)).count(),
        idle: views.iter().all(|view| !view.setting.served),
    }
}

/// Whether somebody set it: the service secret is drawn at the first start.
fn is_changed(view: &SettingView) -> bool {
    view.changed && view.setting.key != "serviceSecret"
}

/// Settings whose label, key, help or heading holds every word, those of the current kind first.
fn find(page: &Page, query: &str) -> Vec<Hit> {
    let words: Vec<_> = query.split_whitespace().map(str::to_lowercase).collect();
    Group::ALL
        .iter()
        .flat_map(|group| {
            page.app
                .settings_view(*group)
                .into_iter()
                .map(|view| (*group, view))
        })
        .filter(|(group, view)| {
            let setting = view.setting;
            let text = [
                setting.label,
                setting.key,
                setting.help,
                setting.section,
                group.title(),
            ]
            .join("\n")
            .to_lowercase();
            words.iter().all(|word| text.contains(word))
        })
        .map(|(group, view)| Hit {
            group,
            changed: is_changed(&view),
            setting: view.setting,
        })
        .collect()
}
