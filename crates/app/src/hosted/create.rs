//! The account that a link is good for.

use posthouse_contract::{RawInput, operation};
use posthouse_model::{AccountId, ApiError};
use serde_json::{Map, Value, json};

use super::{Fault, Link, LinkError, ServerForm, ServerInput, Trial, redirect};
use crate::App;

/// An account was made or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The account.
    pub account: AccountId,
    /// `new` or `existing`.
    pub state: &'static str,
    /// Where the visitor goes now: an http or https URL, or a path of this server.
    pub target: String,
}

/// Why there is no account.
#[derive(Debug, Clone, PartialEq)]
pub enum CreateError {
    /// What was typed cannot be used.
    Input(Vec<Fault>),
    /// The servers do not take it.
    Trial(Trial),
    /// The link is used up.
    Link(LinkError),
    /// Something else, such as 429.
    Failed(ApiError),
}

impl From<ApiError> for CreateError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl App {
    /// Tries what a visitor typed and makes the account; the link is used up with it.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is changed then.
    pub async fn create_from_link(
        &self,
        link: &Link,
        input: &ServerInput,
    ) -> Result<Created, CreateError> {
        let person = input.check_person(link).err().unwrap_or_default();
        let form = match (input.check_servers(link), person.is_empty()) {
            (Ok(form), true) => form,
            (Ok(_), false) => return Err(CreateError::Input(person)),
            (Err(faults), _) => return Err(CreateError::Input([person, faults].concat())),
        };
        let trial = self.try_servers(link, &form).await?;
        if !trial.works() {
            return Err(CreateError::Trial(trial));
        }
        self.make_account(link, input, &form).await
    }

    async fn make_account(
        &self,
        link: &Link,
        input: &ServerInput,
        form: &ServerForm,
    ) -> Result<Created, CreateError> {
        let operation = operation("postV1Account").ok_or_else(ApiError::internal)?;
        let valid = operation
            .validate(RawInput {
                path: &[],
                query: &[],
                header: &|_| None,
                body: Some(body(link, input, form)),
            })
            .map_err(|faults| ApiError::invalid_input(json!(faults)))?;
        let (account, state) = match self.put_account(&valid.body, Some(link), None).await {
            Ok(made) => made,
            Err(error) if error.status == 403 => {
                return Err(CreateError::Link(LinkError::Expired));
            }
            Err(error) => return Err(CreateError::Failed(error)),
        };
        let settings = self.settings();
        let target = redirect::target(
            settings.text("serviceUrl"),
            link.0.redirect_url.as_deref(),
            &account,
            state,
        );
        Ok(Created {
            account,
            state,
            target,
        })
    }
}

/// The body of `POST /v1/account` that says what the link and the visitor say.
fn body(link: &Link, input: &ServerInput, form: &ServerForm) -> Value {
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("account", json!(link.account()));
    set("name", json!(input.name.trim()));
    set("email", json!(input.email.trim()));
    let given = [
        ("expectedEmail", json!(link.expected_email())),
        ("syncFrom", json!(link.0.sync_from)),
        ("notifyFrom", json!(link.0.notify_from)),
        ("subconnections", link.0.subconnections.clone()),
        ("path", link.0.path.clone()),
        ("tz", json!(input.tz.trim())),
    ];
    for (key, value) in given {
        if !value.is_null() && value != "" {
            set(key, value);
        }
    }
    set("smtp", form.smtp.json());
    set(
        "imap",
        form.imap
            .as_ref()
            .map_or(json!(false), super::MailServer::json),
    );
    Value::Object(body)
}
