//! The first mailbox: address and password, servers found or typed, a live test, the account.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use posthouse_app::{Advice, AppPassword, Discovered, Server, advice};
use posthouse_model::account::AccountError;
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
    /// What is wrong and what to do, in plain words; none if it works.
    advice: Option<Advice>,
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
            "postV1Verifyaccount",
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
        trial(
            "Reading mail (IMAP)",
            &verified["imap"],
            &step.typed.imap.host,
        ),
        trial(
            "Sending mail (SMTP)",
            &verified["smtp"],
            &step.typed.smtp.host,
        ),
    ];
    if step.trials.iter().any(|trial| trial.advice.is_some()) {
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

fn trial(title: &'static str, answer: &Value, host: &str) -> Trial {
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let works = answer["success"] == true;
    let advice = (!works).then(|| {
        let said = match text("responseText") {
            said if said.is_empty() => text("error"),
            said => said,
        };
        let failure = AccountError {
            response: said,
            server_response_code: text("code"),
            ..AccountError::default()
        };
        advice::of_failure(&failure, Some(host))
    });
    Trial { title, advice }
}
