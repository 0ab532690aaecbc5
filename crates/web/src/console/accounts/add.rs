//! Adding an account: a link with which its owner enters the servers, or the servers at once.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::AccountTrial;
use posthouse_model::ApiError;
use serde_json::{Map, Value, json};

use super::{
    form::{AccountForm, faults_of},
    path,
};
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

/// The part of the page that makes a link.
#[derive(Default)]
struct LinkForm {
    account: String,
    name: String,
    email: String,
    redirect_url: String,
    /// The choice of an account type is left out.
    imap: bool,
    faults: Faults,
    /// The public address is not set.
    no_address: bool,
    /// The link that was made.
    url: String,
    /// There is an account with this id.
    taken: bool,
}

impl LinkForm {
    /// What is wrong with a field; the names of the form differ from the API's.
    fn at(&self, field: &str) -> Option<&str> {
        self.faults.at(field)
    }
}

#[derive(Template)]
#[template(path = "accounts/add.html")]
struct Add {
    frame: Frame,
    link: LinkForm,
    form: AccountForm,
    faults: Faults,
    trial: Option<AccountTrial>,
    /// What finding the servers came to.
    detected: Option<bool>,
    stored: bool,
}

impl Add {
    fn of(page: &Page) -> Self {
        let base = page.app.settings().text("serviceUrl").map(str::to_owned);
        let base = base.unwrap_or_else(|| page.origin.clone());
        Self {
            frame: page
                .frame("Add account", Room::Accounts)
                .with_scripts(&["accounts.js"])
                .with_styles(&["accounts.css"]),
            link: LinkForm {
                redirect_url: format!("{}/admin/accounts", base.trim_end_matches('/')),
                ..LinkForm::default()
            },
            form: AccountForm::blank(),
            faults: Faults::default(),
            trial: None,
            detected: None,
            stored: false,
        }
    }
}

pub(super) async fn show(page: Page) -> Response {
    page.render(&Add::of(&page))
}

pub(super) async fn make_link(page: Page, form: Form) -> Result<Response, Failure> {
    let mut add = Add::of(&page);
    add.link = LinkForm {
        account: form.text("link.account").to_owned(),
        name: form.text("link.name").to_owned(),
        email: form.text("link.email").to_owned(),
        redirect_url: form.text("link.redirectUrl").to_owned(),
        imap: form.is("link.imap"),
        ..LinkForm::default()
    };
    let mut body = Map::new();
    for (key, value) in [
        ("account", &add.link.account),
        ("name", &add.link.name),
        ("email", &add.link.email),
        ("redirectUrl", &add.link.redirect_url),
    ] {
        if !value.is_empty() {
            body.insert(key.to_owned(), json!(value));
        }
    }
    if add.link.imap {
        body.insert("type".to_owned(), json!("imap"));
    }
    let input = Input {
        body: Some(body.into()),
        ..Input::default()
    };
    let status = match page.call("postV1AuthenticationForm", input).await {
        Ok(answer) => {
            add.link.url = answer["url"].as_str().unwrap_or_default().to_owned();
            add.link.taken = exists(&page, &add.link.account).await?;
            StatusCode::OK
        }
        Err(error) if error.code_str() == Some("MissingServiceURLSetup") => {
            add.link.no_address = true;
            StatusCode::CONFLICT
        }
        Err(error) => {
            add.link.faults = faults_of(&error);
            status(&error)
        }
    };
    Ok(page.render_as(status, &add))
}

pub(super) async fn carry_out(page: Page, form: Form) -> Result<Response, Failure> {
    let mut add = Add::of(&page);
    add.form = AccountForm::typed(&form);
    let status = match form.text("do") {
        "detect" => {
            detect(&page, &mut add).await;
            StatusCode::OK
        }
        "test" => match try_login(&page, &add.form).await {
            Ok(trial) => {
                add.trial = Some(trial);
                StatusCode::OK
            }
            Err(error) => {
                add.faults = faults_of(&error);
                status(&error)
            }
        },
        _ => match create(&page, &add.form).await? {
            Ok(id) => {
                let flash = Flash::ok("The account is added and being connected.");
                return Ok(page.redirect(&path(&id, ""), flash));
            }
            Err(faults) => {
                add.faults = faults;
                StatusCode::BAD_REQUEST
            }
        },
    };
    add.form = add.form.without_passwords();
    Ok(page.render_as(status, &add))
}

/// Adds the account; its id, or what is wrong.
async fn create(page: &Page, form: &AccountForm) -> Result<Result<String, Faults>, Failure> {
    let mut faults = Faults::default();
    if form.get("imap.host").is_empty() && form.get("smtp.host").is_empty() {
        faults.add(
            "imap.host",
            "Enter a server for reading, or one for sending below.",
        );
    }
    if exists(page, form.get("account")).await? {
        faults.add("account", "There is an account with this id already.");
    }
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    let input = Input {
        body: Some(form.to_create()),
        ..Input::default()
    };
    match page.call("postV1Account", input).await {
        Ok(answer) => Ok(Ok(answer["account"]
            .as_str()
            .unwrap_or_default()
            .to_owned())),
        Err(error) if error.status < 500 => Ok(Err(faults_of(&error))),
        Err(error) => Err(error.into()),
    }
}

async fn try_login(page: &Page, form: &AccountForm) -> Result<AccountTrial, ApiError> {
    let mut body = form.to_create();
    if form.get("name").is_empty()
        && let Some(body) = body.as_object_mut()
    {
        // A try needs no name.
        body.insert("name".to_owned(), json!("-"));
    }
    let input = Input {
        body: Some(body),
        ..Input::default()
    };
    let (_, valid) = page.validate("postV1Account", input)?;
    page.app.try_account(None, &valid.body).await
}

/// Fills in the servers that belong to the address.
async fn detect(page: &Page, add: &mut Add) {
    let email = add.form.get("email").to_owned();
    let input = Input {
        query: &[("email", &email)],
        ..Input::default()
    };
    let found = match page.call("getV1Autoconfig", input).await {
        Ok(found) => found,
        Err(error) => {
            add.detected = Some(false);
            if email.is_empty() || error.status == 400 {
                add.faults
                    .add("email", "Enter the address whose servers are to be found.");
            }
            return;
        }
    };
    let mut any = false;
    for (server, fields) in [
        (
            "imap",
            ["imap.host", "imap.port", "imap.secure", "imap.auth.user"],
        ),
        (
            "smtp",
            ["smtp.host", "smtp.port", "smtp.secure", "smtp.auth.user"],
        ),
    ] {
        let [host, port, secure, user] = fields;
        let server = &found[server];
        let Some(name) = server["host"].as_str().filter(|name| !name.is_empty()) else {
            continue;
        };
        any = true;
        add.form.put(host, name);
        let number = server["port"].as_u64().map(|port| port.to_string());
        add.form.put(port, &number.unwrap_or_default());
        let tls = server["secure"] == true;
        add.form.put(secure, if tls { "tls" } else { "starttls" });
        let login = server["auth"]["user"].as_str().unwrap_or(&email).to_owned();
        add.form.put(user, &login);
    }
    add.detected = Some(any);
}

async fn exists(page: &Page, id: &str) -> Result<bool, ApiError> {
    if id.is_empty() {
        return Ok(false);
    }
    let input = Input {
        path: &[("account", id)],
        ..Input::default()
    };
    match page.call("getV1AccountAccount", input).await {
        Ok(Value::Object(_)) => Ok(true),
        Err(error) if error.status >= 500 => Err(error),
        _ => Ok(false),
    }
}

fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST)
}
