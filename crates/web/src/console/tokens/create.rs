//! Making a token: by the form, by the page's script, or by a client that knows the wire.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use askama::Template;
use axum::{
    Json,
    body::Bytes,
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use posthouse_app::{Ability, GROUPS, Issued, PRESETS, Preset, TokenView, preview};
use posthouse_model::{Action, ApiError, Group};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    done, failed,
    form::{ENDS, Faults, TokenForm, grantable},
    snippet::{PLACEHOLDER, Snippets},
    words,
};
use crate::{
    fail::Failure,
    form::Form,
    page::{Frame, Page, Room},
};

/// What stands for an account in examples before there is one.
const ACCOUNT: &str = "ACCOUNT_ID";
/// Forms that were carried out, so that loading the answer again makes no second token.
const REMEMBERED: usize = 1000;

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct New {
    frame: Frame,
    form: TokenForm,
    faults: Faults,
    ability: Ability,
    made: Snippets,
    once: String,
    today: String,
    presets: &'static [Preset],
    scopes: &'static [words::ScopeWords],
    ends: &'static [(&'static str, &'static str, u64)],
}

impl New {
    /// Groups with their title and what their actions allow.
    fn groups(&self) -> Vec<(Group, &'static str, String)> {
        grantable()
            .filter_map(|group| {
                let known = GROUPS.iter().find(|known| known.group == group)?;
                let phrases: Vec<_> = known.phrases.iter().map(|(_, phrase)| *phrase).collect();
                Some((group, known.title, words::capital(&phrases.join("; "))))
            })
            .collect()
    }

    /// Actions with their title and what they mean.
    fn actions(&self) -> [(Action, &'static str, &'static str); 4] {
        [
            (Action::Read, "Read", "Look at things; changes nothing."),
            (Action::Write, "Write", "Create and change things."),
            (Action::Send, "Send", "Send mail."),
            (
                Action::Destructive,
                "Destructive",
                "Delete or reset things.",
            ),
        ]
    }

    fn words_of(preset: &Preset, list: Lists) -> String {
        match list {
            Lists::Actions => preset.actions.map_or_else(
                || join(Action::ALL.iter().map(|action| action.as_str())),
                |list| join(list.iter().map(|action| action.as_str())),
            ),
            Lists::Groups => preset.groups.map_or_else(
                || join(grantable().map(Group::as_str)),
                |list| join(list.iter().map(|group| group.as_str())),
            ),
        }
    }
}

#[derive(Clone, Copy)]
enum Lists {
    Actions,
    Groups,
}

fn join(words: impl Iterator<Item = &'static str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

#[derive(Template)]
#[template(path = "tokens/created.html")]
struct Created {
    frame: Frame,
    token: TokenView,
    made: Snippets,
    export: String,
}

/// What a link to the form may choose beforehand.
#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    scope: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    description: String,
}

pub(super) async fn show(page: Page, Query(chosen): Query<Chosen>) -> Result<Response, Failure> {
    let mut form = TokenForm::fresh();
    if words::SCOPES
        .iter()
        .any(|words| words.scope.as_str() == chosen.scope)
    {
        form.scopes = vec![chosen.scope];
    } else if chosen.scope == "*" {
        form.all_scopes = true;
    }
    form.description = chosen.description.chars().take(200).collect();
    form.bound = !chosen.account.is_empty();
    form.account = chosen.account;
    Ok(blank(&page, StatusCode::OK, form, Faults::default()))
}

fn blank(page: &Page, status: StatusCode, form: TokenForm, faults: Faults) -> Response {
    let ability = preview(&form.body(page.now()));
    let mut made = Snippets::new(page, PLACEHOLDER.to_owned(), Some(ACCOUNT), &ability);
    made.account = Some(ACCOUNT.to_owned());
    let mut once = [0; 16];
    if let Err(error) = getrandom::fill(&mut once) {
        tracing::error!(%error, "no random numbers");
        return Failure(ApiError::internal()).into_response();
    }
    page.render_as(
        status,
        &New {
            frame: page
                .frame("New access token", Room::Tokens)
                .with_styles(&["tokens.css"])
                .with_scripts(&["combobox.js", "tokens.js"]),
            form,
            faults,
            ability,
            made,
            once: hex::encode(once),
            today: page.now().to_string().chars().take(10).collect(),
            presets: PRESETS,
            scopes: words::SCOPES,
            ends: ENDS,
        },
    )
}

pub(super) async fn make(page: Page, headers: HeaderMap, body: Bytes) -> Response {
    let json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if json {
        make_json(&page, &body).await
    } else {
        make_form(&page, &Form::parse(&body)).await
    }
}

/// The wire: 400 for input that is wrong in itself, 200 with `success: false` for every other failure.
async fn make_json(page: &Page, body: &[u8]) -> Response {
    let issued = match serde_json::from_slice::<Value>(body) {
        Ok(body) => page.app.issue_token(page.caller(), body).await,
        Err(_) => Err(ApiError::new(400, "The request body is not JSON")),
    };
    let (status, body) = match issued {
        Ok(issued) => {
            let token = view(&issued);
            let ability = token.ability();
            let answer = json!({
                "token": issued.value.expose(),
                "id": issued.record.id,
                "export": issued.export,
                "stats": ability.stats,
                "metrics": ability.metrics,
                "ownAccount": ability.own_account,
            });
            (StatusCode::OK, done(answer))
        }
        Err(error) if error.status == 400 => (StatusCode::BAD_REQUEST, failed(&error)),
        Err(error) => (StatusCode::OK, failed(&error)),
    };
    (status, Json(body)).into_response()
}

async fn make_form(page: &Page, sent: &Form) -> Response {
    let form = TokenForm::read(sent);
    let once = sent.text("once");
    if !take(once) {
        return Failure(ApiError::new(
            409,
            "This token was made already, and its value was shown once. If it is lost, delete the token and \
             make another.",
        ))
        .into_response();
    }
    match page
        .app
        .issue_token(page.caller(), form.body(page.now()))
        .await
    {
        Ok(issued) => {
            let token = view(&issued);
            let made = Snippets::new(
                page,
                issued.value.expose(),
                token
                    .record
                    .account
                    .as_ref()
                    .map(|account| account.as_str()),
                &token.ability(),
            );
            page.render(&Created {
                frame: page
                    .frame("Token created", Room::Tokens)
                    .with_styles(&["tokens.css"]),
                token,
                made,
                export: issued.export,
            })
        }
        Err(error) => {
            give_back(once);
            if matches!(error.status, 400 | 404) {
                blank(page, StatusCode::BAD_REQUEST, form, Faults::of(&error))
            } else {
                Failure(error).into_response()
            }
        }
    }
}

fn view(issued: &Issued) -> TokenView {
    TokenView {
        record: issued.record.clone(),
        last_use: None,
    }
}

/// What a token would be able to do, while it is being described.
pub(super) async fn check(_page: Page, body: Bytes) -> Response {
    match serde_json::from_slice::<Value>(&body) {
        Ok(body) => Json(preview(&body)).into_response(),
        Err(_) => (
            StatusCode::BAD_REQUEST,
            Json(failed(&ApiError::new(400, "The request body is not JSON"))),
        )
            .into_response(),
    }
}

static USED: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Takes the number of a form before it is carried out; false when it was sent before. Forms without one are not known
/// again.
fn take(once: &str) -> bool {
    if once.len() != 32 {
        return true;
    }
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    if used.iter().any(|known| known == once) {
        return false;
    }
    if used.len() >= REMEMBERED {
        used.pop_front();
    }
    used.push_back(once.to_owned());
    true
}

/// The form was not carried out: it may be sent again.
fn give_back(once: &str) {
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    used.retain(|known| known != once);
}
