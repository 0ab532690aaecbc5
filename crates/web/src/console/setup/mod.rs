//! The first run: password, first token, first mailbox, webhook, first event. What is done is seen from
//! what is there, so that it can be left and come back to; each step can be passed by.

mod event;
mod mailbox;
mod password;
mod token;
mod webhook;

use axum::{
    Router,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use posthouse_app::{App, admin::FirstRun};

use crate::{fail::Failure, flash::Flash, page::Page};

pub(crate) use password::PasswordStep;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Password,
    Token,
    Mailbox,
    Webhook,
    Event,
}

impl Step {
    const ALL: [Self; 5] = [
        Self::Password,
        Self::Token,
        Self::Mailbox,
        Self::Webhook,
        Self::Event,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::Token => "Access token",
            Self::Mailbox => "Mailbox",
            Self::Webhook => "Webhook",
            Self::Event => "First event",
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Password => "/admin/setup",
            Self::Token => "/admin/setup/token",
            Self::Mailbox => "/admin/setup/mailbox",
            Self::Webhook => "/admin/setup/webhook",
            Self::Event => "/admin/setup/event",
        }
    }

    const fn is_done(self, run: &FirstRun) -> bool {
        match self {
            Self::Password => run.password,
            Self::Token => run.token,
            Self::Mailbox => run.mailbox,
            Self::Webhook => run.webhook,
            Self::Event => run.event,
        }
    }
}

/// A step as the head of each page lists it.
pub(crate) struct Listed {
    pub(crate) step: Step,
    pub(crate) done: bool,
    pub(crate) current: bool,
}

impl Listed {
    /// Whether it can be gone to: the password is set once, the others only after it.
    pub(crate) fn is_link(&self) -> bool {
        !self.current && self.step != Step::Password
    }
}

/// What every step has: the frame of the page and the list of steps.
pub(crate) struct Steps {
    pub(crate) brand: String,
    pub(crate) theme: &'static str,
    pub(crate) crumb: String,
    pub(crate) flash: Option<Flash>,
    pub(crate) current: Step,
    run: FirstRun,
}

impl Steps {
    async fn of(page: &Page, current: Step) -> Result<Self, Failure> {
        let frame = page.frame("First steps", crate::page::Room::Elsewhere);
        Ok(Self {
            brand: frame.brand,
            theme: frame.theme,
            crumb: frame.crumb,
            flash: frame.flash,
            current,
            run: page.app.first_run().await?,
        })
    }

    /// The steps in their order.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let listed = |step: Step| Listed {
            step,
            done: step.is_done(&self.run),
            current: step == self.current,
        };
        Step::ALL.into_iter().map(listed).collect()
    }

    /// Which of how many this is.
    pub(crate) fn number(&self) -> usize {
        Step::ALL
            .iter()
            .position(|step| *step == self.current)
            .unwrap_or_default()
            + 1
    }

    /// Where a visitor goes on to: the step after this, at the end the dashboard.
    pub(crate) fn after(&self) -> &'static str {
        Step::ALL
            .get(self.number())
            .map_or(crate::login::HOME, |step| step.path())
    }
}

/// The first step that is not done.
pub(crate) fn first_open(run: &FirstRun) -> &'static str {
    Step::ALL
        .into_iter()
        .find(|step| !step.is_done(run))
        .map_or(crate::login::HOME, Step::path)
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/setup/token", get(token::show).post(token::make))
        .route(
            "/admin/setup/mailbox",
            get(mailbox::show).post(mailbox::connect),
        )
        .route(
            "/admin/setup/webhook",
            get(webhook::show).post(webhook::save),
        )
        .route("/admin/setup/event", get(event::show))
        .route("/admin/setup/event.json", get(event::look))
        .route("/admin/setup/dismiss", post(dismiss))
}

/// Puts the reminder on the dashboard away.
async fn dismiss(page: Page) -> Result<Response, Failure> {
    page.app.dismiss_first_run().await?;
    Ok(page.redirect(
        "/admin",
        Flash::ok("The first steps are put away. They stay at /admin/setup."),
    ))
}

/// The steps after the first need a password: sends who has none to the first.
fn to_password(page: &Page) -> Option<Response> {
    page.signed
        .user()
        .is_none()
        .then(|| Redirect::to(Step::Password.path()).into_response())
}
