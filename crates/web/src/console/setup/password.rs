//! The password.

use askama::Template;
use posthouse_app::{App, admin::FirstRun};

use super::{Step, Steps};
use crate::page;

#[derive(Template)]
#[template(path = "setup/password.html")]
pub(crate) struct PasswordStep {
    steps: Steps,
    fault: Option<String>,
}

impl PasswordStep {
    /// The page for a visitor who may set up; there is no password yet.
    pub(crate) fn new(
        app: &App,
        theme: &'static str,
        crumb: String,
        fault: Option<String>,
    ) -> Self {
        Self {
            steps: Steps {
                brand: page::brand(app),
                theme,
                crumb,
                flash: None,
                current: Step::Password,
                run: FirstRun {
                    password: false,
                    token: false,
                    mailbox: false,
                    webhook: false,
                    event: false,
                    dismissed: false,
                },
            },
            fault,
        }
    }
}
