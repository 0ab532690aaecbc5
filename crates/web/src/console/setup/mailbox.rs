//! The first mailbox: address and password, servers found or typed, a live test, the account.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::{AppPassword, Discovered, Server};
use serde_json::{Value, json};

use super::{Step, Steps, to_password, token::sentence};
use crate::{
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Input, Page},
};

#[derive(Template)]
#[template(path = "setup/mailbox.html")]
struct Mailbox {
    steps: Steps,
    typed: Typed,
    /// What is wrong, by field; the empty name is the whole form.
    faults: Vec<(&'static str, String)>,
    /// How the test of each server went.
    trials: Vec<Trial>,
    /// What the provider wants instead of the password that people know.
    hint: Option<AppPassword>,
    /// Whether servers were just found.
    found: bool,
    /// Whether the fields of the servers are open.
    open: bool,
    accounts: bool,
}

impl Mailbox {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, text)| text.as_str())
    }
}

/// What was typed.
#[derive(Clone, Default)]
struct Typed {
    name: String,
    email: String,
    password: String,
    user: String,
    imap: Place,
    smtp: Place,
}

/// A server as typed.
#[derive(Clone, Default)]
struct Place {
    host: String,
    port: String,
    secure: bool,
}

impl Place {
    fn of(form: &Form, kind: &str) -> Self {
        let field = |name: &str| form.text(&format!("{kind}_{name}")).to_owned();
        Self {
            host: field("host"),
            port: field("port"),
            secure: form.is(&format!("{kind}_secure")),
        }
    }

    fn found(server: &Server) -> Self {
        Self {
            host: server.host.clone(),
            port: server.port.to_string(),
            secure: server.secure,
        }
    }

    fn json(&self, user: &str, password: &str) -> Value {
        json!({
            "host": self.host,
            "port": self.port,
            "secure": self.secure,
            "auth": { "user": user, "pass": password },
        })
    }
}

impl Typed {
    fn of(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            email: form.text("email").to_owned(),
            password: form.raw("password").to_owned(),
            user: form.text("user").to_owned(),
            imap: Place::of(form, "imap"),
            smtp: Place::of(form, "smtp"),
        }
    }

    fn user(&self) -> &str {
        if self.user.is_empty() {
            &self.email
        } else {
            &self.user
        }
    }

    /// Takes over what was found; whether both servers are known now.
    fn take(&mut self, found: &Discovered) -> bool {
        if let Some(server) = &found.imap {
            self.imap = Place::found(server);
            self.user.clone_from(&server.auth.user);
        }
        if let Some(server) = &found.smtp {
            self.smtp = Place::found(server);
        }
        !self.imap.host.is_empty() && !self.smtp.host.is_empty()
    }

    fn json(&self) -> Value {
        json!({
            "imap": self.imap.json(self.user(), &self.password),
            "smtp": self.smtp.json(self.user(), &self.password),
        })
    }
}

/// How the test of a server went.
struct Trial {
    title: &'static str,
    works: bool,
    /// What is wrong and what to do, in plain words.
    words: String,
    /// What the server said.
    response: Option<String>,
}

pub(super) async fn show(page: Page) -> Result<Response, Failure> {
    if let Some(away) = to_password(&page) {
        return Ok(away);
    }
    let step = blank(&page, Typed::default()).await?;
    Ok(page.render(&step))
}

pub(super) async fn connect(page: Page, form: Form) -> Result<Response, Failure> {
    if let Some(away) = to_password(&page) {
        return Ok(away);
    }
    let mut step = blank(&page, Typed::of(&form)).await?;
    let faulty = StatusCode::BAD_REQUEST;
    let searching = form.text("action") == "find";
    if !step.typed.email.contains('@') {
        let fault = "Type the whole address, such as jane@example.com.";
        step.faults.push(("email", fault.to_owned()));
    }
    if step.typed.password.is_empty() && !searching {
        let fault = "The password is needed to try the servers.";
        step.faults.push(("password", fault.to_owned()));
    }
    if !step.faults.is_empty() {
        return Ok(page.render_as(faulty, &step));
    }
    let unknown = step.typed.imap.host.is_empty() || step.typed.smtp.host.is_empty();
    if searching || unknown {
        let found = match page.app.autoconfig(&step.typed.email).await {
            Ok(found) => found,
            Err(error) if error.status == 400 => {
                step.faults
                    .push(("email", format!("{}.", sentence(&error))));
                return Ok(page.render_as(faulty, &step));
            }
            Err(error) => return Err(error.into()),
        };
        let complete = step.typed.take(&found);
        step.hint = found.app_password;
        step.found = complete;
        step.open = true;
        if !complete {
            let fault = "The servers of this address could not be found. Type them below; the provider's help pages name them.";
            step.faults.push(("", fault.to_owned()));
            return Ok(page.render_as(faulty, &step));
        }
        if searching {
            return Ok(page.render(&step));
        }
    }
    let verified = page
        .call(
            "postV1VerifyAccount",
            Input {
                body: Some(step.typed.json()),
                ..Input::default()
            },
        )
        .await;
    let verified = match verified {
        Ok(verified) => verified,
        Err(error) if error.status < 500 => return Ok(refused(&page, step, &error)),
        Err(error) => return Err(error.into()),
    };
    step.trials = vec![
        trial("Reading mail (IMAP)", &verified["imap"]),
        trial("Sending mail (SMTP)", &verified["smtp"]),
    ];
    if !step.trials.iter().all(|trial| trial.works) {
        step.open = true;
        return Ok(page.render_as(faulty, &step));
    }
    let mut body = step.typed.json();
    body["account"] = Value::Null;
    body["email"] = step.typed.email.clone().into();
    body["name"] = if step.typed.name.is_empty() {
        step.typed.email.clone().into()
    } else {
        step.typed.name.clone().into()
    };
    let made = page
        .call(
            "postV1Account",
            Input {
                body: Some(body),
                ..Input::default()
            },
        )
        .await;
    match made {
        Ok(_) => {
            let said = format!("{} is connected.", step.typed.email);
            Ok(page.redirect(step.steps.after(), Flash::ok(said)))
        }
        Err(error) if error.status < 500 => Ok(refused(&page, step, &error)),
        Err(error) => Err(error.into()),
    }
}

fn refused(page: &Page, mut step: Mailbox, error: &posthouse_model::ApiError) -> Response {
    step.open = true;
    step.faults.push(("", format!("{}.", sentence(error))));
    page.render_as(StatusCode::BAD_REQUEST, &step)
}

async fn blank(page: &Page, typed: Typed) -> Result<Mailbox, Failure> {
    let steps = Steps::of(page, Step::Mailbox).await?;
    Ok(Mailbox {
        open: !typed.imap.host.is_empty() || !typed.smtp.host.is_empty(),
        accounts: steps.run.mailbox,
        steps,
        typed,
        faults: Vec::new(),
        trials: Vec::new(),
        hint: None,
        found: false,
    })
}

fn trial(title: &'static str, answer: &Value) -> Trial {
    let works = answer["success"] == true;
    let code = answer["code"].as_str().unwrap_or_default();
    Trial {
        title,
        works,
        words: if works {
            "The server took the login.".to_owned()
        } else {
            words(code).to_owned()
        },
        response: answer["responseText"]
            .as_str()
            .filter(|text| !works && !text.is_empty())
            .map(|text| text.chars().take(300).collect()),
    }
}

/// A failure in plain words, and what to do.
fn words(code: &str) -> &'static str {
    match code {
        "EAUTH" | "AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "LOGINREFUSED" => {
            "The server refused the login. Check user name and password; many providers want an app password made for this use."
        }
        "ENOTFOUND" | "EDNS" | "ENOHOST" => "There is no such server. Check the host name.",
        "ETIMEDOUT" => {
            "The server did not answer in time. Check host and port, and whether a firewall is in between."
        }
        "ETLS" => {
            "No safe connection could be made. Check the port and whether it speaks TLS from the start (993, 465) or not (143, 587)."
        }
        "ECONNREFUSED" | "ECONNRESET" | "EHOSTUNREACH" | "ESOCKET" | "ECONNECTION" => {
            "Nothing answers there. Check host and port."
        }
        "EPROXY" => "The proxy of the settings does not let the connection through.",
        _ => "The server could not be used. What it said is below.",
    }
}
