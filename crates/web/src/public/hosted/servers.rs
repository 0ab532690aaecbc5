//! Second step: the servers, found or typed, tried and connected.

use askama::Template;
use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use posthouse_app::{
    AppPassword, CreateError, Discovered, Link, Outcome, Server, ServerEntry, ServerInput, Trial,
    Trouble,
};
use posthouse_model::{ApiError, Secret};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    START,
    ending::{done, failed, link_refused},
    person,
    words::{Faults, Hint, Said},
};
use crate::{
    fail::{Failure, rendered},
    form::Form,
    i18n::Text,
    public::{guest::Guest, view::View},
};

/// How much was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    All,
    Some,
    None,
    /// Nobody looked: the visitor has typed.
    Typed,
}

impl Found {
    const fn text(self) -> Option<Text> {
        match self {
            Self::All => Some(Text::ServersFound),
            Self::Some => Some(Text::ServersPartly),
            Self::None => Some(Text::ServersNotFound),
            Self::Typed => None,
        }
    }
}

#[derive(Template)]
#[template(path = "hosted/servers.html")]
struct Servers<'a> {
    view: &'a View,
    input: &'a ServerInput,
    found: Option<Text>,
    hint: Option<Hint>,
    /// How each server took the login.
    said: Vec<Said>,
    faults: Faults,
    /// The servers are shown, not folded away.
    unfolded: bool,
}

/// `POST /accounts/new/imap`: looks for the servers of the address, and tries what is found.
pub(super) async fn detect(guest: Guest, form: Form) -> Response {
    let (view, link) = match enter(&guest, &form).await {
        Ok(entered) => entered,
        Err(refused) => return refused,
    };
    let mut input = ServerInput {
        name: form.text("name").to_owned(),
        email: form.text("email").to_owned(),
        tz: form.text("tz").to_owned(),
        ..ServerInput::default()
    };
    let password = Secret::new(form.raw("password"));
    let mut faults = match input.check_person(&link) {
        Ok(()) => Faults::default(),
        Err(faults) => Faults::new(&view, &link, &faults),
    };
    if password.is_empty() {
        faults.missing(&view, "password");
    }
    if !faults.is_empty() {
        return person::show(&guest, &view, &link, &input.name, &input.email, faults);
    }
    let discovered = match guest.app.detect_servers(&link, &input.email).await {
        Ok(discovered) => discovered,
        // Nothing is lost when nobody can look: the visitor types.
        Err(error) if error.status == 400 => nothing(),
        Err(error) => return failed(&guest, &view, &error),
    };
    let found = match (&discovered.imap, &discovered.smtp) {
        (Some(_), Some(_)) => Found::All,
        (None, None) => Found::None,
        _ => Found::Some,
    };
    input.imap = entry(discovered.imap.as_ref(), &input.email, "993");
    input.smtp = entry(discovered.smtp.as_ref(), "", "465");
    if input.smtp.user == input.imap.user {
        // One login serves both.
        input.smtp.user.clear();
    }
    input.imap.pass = password;
    let mut trial = None;
    if found == Found::All
        && let Ok(servers) = input.check_servers(&link)
    {
        match guest.app.try_servers(&link, &servers).await {
            Ok(result) => trial = Some(result),
            Err(error) => return failed(&guest, &view, &error),
        }
    }
    let page = Servers {
        input: &input,
        found: found.text(),
        hint: hint(&view, discovered.app_password.as_ref()),
        said: said(&view, trial.as_ref()),
        faults: Faults::default(),
        unfolded: found != Found::All || wants_servers(trial.as_ref()),
        view: &view,
    };
    guest.answer(rendered(StatusCode::OK, &page))
}

/// `POST /accounts/new/imap/test`: tries what was typed; the answer is JSON for the page's script.
pub(super) async fn test(guest: Guest, Sent(form): Sent) -> Response {
    let view = guest.view(START, &form);
    let answer = match try_typed(&guest, &view, &form).await {
        Ok(trial) => {
            let mut json = json!({ "success": trial.works() });
            for said in said(&view, Some(&trial)) {
                let outcome = match (said.name, &trial.imap) {
                    ("imap", Some(outcome)) => outcome,
                    _ => &trial.smtp,
                };
                json[said.name] = said.json(outcome);
            }
            (StatusCode::OK, Json(json)).into_response()
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, Json(error.envelope())).into_response();
            if let Some(wait) = error.extra.get("ttl").and_then(serde_json::Value::as_u64) {
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
            }
            response
        }
    };
    guest.answer(answer)
}

/// A form, or a JSON object of the same fields.
pub(super) struct Sent(Form);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if !is_json {
            return Form::from_request(request, state).await.map(Self);
        }
        let unreadable = |_| ApiError::new(400, "Invalid request payload JSON format");
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|_| ApiError::new(400, "The form could not be read"))?;
        let fields: Map<String, Value> = serde_json::from_slice(&body).map_err(unreadable)?;
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &fields {
            match value {
                Value::String(value) => text.append_pair(name, value),
                Value::Null => &mut text,
                other => text.append_pair(name, &other.to_string()),
            };
        }
        Ok(Self(Form::parse(text.finish().as_bytes())))
    }
}

async fn try_typed(guest: &Guest, view: &View, form: &Form) -> Result<Trial, ApiError> {
    guest.app.admit_visitor(guest.address).await?;
    let link = guest.app.open_link(&view.data, &view.sig).await?;
    let servers = typed(form)
        .check_servers(&link)
        .map_err(|faults| ApiError::invalid_input(Faults::new(view, &link, &faults).fields()))?;
    guest.app.try_servers(&link, &servers).await
}

/// `POST /accounts/new/imap/server`: tries what was typed once more, and connects the mailbox.
pub(super) async fn connect(guest: Guest, form: Form) -> Response {
    let (view, link) = match enter(&guest, &form).await {
        Ok(entered) => entered,
        Err(refused) => return refused,
    };
    let input = typed(&form);
    let (faults, trial) = match guest.app.create_from_link(&link, &input).await {
        Ok(created) => return done(&guest, &view, &created),
        Err(CreateError::Link(error)) => return link_refused(&guest, &view, error),
        Err(CreateError::Failed(error)) => return failed(&guest, &view, &error),
        Err(CreateError::Input(faults)) => (Faults::new(&view, &link, &faults), None),
        Err(CreateError::Trial(trial)) => (Faults::default(), Some(trial)),
    };
    // Who was refused may need another kind of password; this was looked up before and is remembered.
    let refused = |outcome: &Outcome| outcome.trouble == Some(Trouble::Credentials);
    let hint = match &trial {
        Some(trial) if outcomes(trial).any(refused) => {
            let found = guest.app.detect_servers(&link, &input.email).await.ok();
            found.and_then(|found| hint(&view, found.app_password.as_ref()))
        }
        _ => None,
    };
    let page = Servers {
        input: &input,
        found: Found::Typed.text(),
        hint,
        said: said(&view, trial.as_ref()),
        unfolded: !faults.is_empty() || wants_servers(trial.as_ref()),
        faults,
        view: &view,
    };
    guest.answer(rendered(StatusCode::BAD_REQUEST, &page))
}

/// Counts the visitor and opens the link; `Err` is the page that says why not.
async fn enter(guest: &Guest, form: &Form) -> Result<(View, Link), Response> {
    let mut view = guest.view(START, form);
    // Who starts again stays with this way.
    "imap".clone_into(&mut view.kind);
    if let Err(error) = guest.app.admit_visitor(guest.address).await {
        return Err(failed(guest, &view, &error));
    }
    match guest.app.open_link(&view.data, &view.sig).await {
        Ok(link) => Ok((view, link)),
        Err(error) => Err(link_refused(guest, &view, error)),
    }
}

/// What was typed into the form of the servers.
fn typed(form: &Form) -> ServerInput {
    let server = |user: &str, pass: &str, host: &str, port: &str, secure: &str| ServerEntry {
        user: form.text(user).to_owned(),
        pass: Secret::new(form.raw(pass)),
        host: form.text(host).to_owned(),
        port: form.text(port).to_owned(),
        secure: form.is(secure),
    };
    ServerInput {
        name: form.text("name").to_owned(),
        email: form.text("email").to_owned(),
        tz: form.text("tz").to_owned(),
        imap: server(
            "imap_auth_user",
            "imap_auth_pass",
            "imap_host",
            "imap_port",
            "imap_secure",
        ),
        imap_disabled: form.is("imap_disabled"),
        smtp: server(
            "smtp_auth_user",
            "smtp_auth_pass",
            "smtp_host",
            "smtp_port",
            "smtp_secure",
        ),
    }
}

/// A server to begin with; without one, the port that most have.
fn entry(server: Option<&Server>, user: &str, port: &str) -> ServerEntry {
    match server {
        Some(server) => ServerEntry {
            user: server.auth.user.clone(),
            host: server.host.clone(),
            port: server.port.to_string(),
            secure: server.secure,
            ..ServerEntry::default()
        },
        None => ServerEntry {
            user: user.to_owned(),
            port: port.to_owned(),
            secure: true,
            ..ServerEntry::default()
        },
    }
}

fn outcomes(trial: &Trial) -> impl Iterator<Item = &Outcome> {
    trial.imap.iter().chain([&trial.smtp])
}

/// Whether something other than the login has to be changed, as far as a trial tells.
fn wants_servers(trial: Option<&Trial>) -> bool {
    let other = |outcome: &Outcome| {
        let login = outcome.trouble == Some(Trouble::Credentials);
        !outcome.works() && !login
    };
    trial.is_some_and(|trial| outcomes(trial).any(other))
}

fn said(view: &View, trial: Option<&Trial>) -> Vec<Said> {
    let Some(trial) = trial else {
        return Vec::new();
    };
    let imap = trial
        .imap
        .iter()
        .map(|outcome| Said::new(view, "imap", outcome));
    imap.chain([Said::new(view, "smtp", &trial.smtp)]).collect()
}

fn hint(view: &View, hint: Option<&AppPassword>) -> Option<Hint> {
    hint.map(|hint| Hint::new(view, hint))
}

fn nothing() -> Discovered {
    Discovered {
        imap: None,
        smtp: None,
        app_password: None,
        source: "",
    }
}
