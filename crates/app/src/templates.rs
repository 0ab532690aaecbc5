//! Stored templates (behaviour 15.1).

use std::sync::atomic::{AtomicU32, Ordering};

use posthouse_model::{
    AccountId, ApiError, Caller, Timestamp, made_id,
    template::{Template, TemplateContent, TemplateFormat},
};
use posthouse_store::{Batch, Paging, templates};
use serde_json::{Map, Value, json};

use crate::{App, CallInput, Reply, input::Fields, internal, paging::frame};

impl App {
    /// `GET /v1/templates`.
    pub(crate) async fn list_templates(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let query = input.query();
        let account = query.filled("account").map(AccountId::new);
        Reply::json(&self.found_templates(account, "", query.paging()).await?)
    }

    /// A page of the templates of an account, or of the shared ones, in whose id, name or description a text stands.
    async fn found_templates(
        &self,
        account: Option<AccountId>,
        query: &str,
        paging: Paging,
    ) -> Result<Map<String, Value>, ApiError> {
        if let Some(account) = &account {
            self.known_config(account).await?;
        }
        let page = templates::list(self.store(), account.as_ref(), query, paging)
            .await
            .map_err(|error| internal("listing templates", &error))?;
        let mut answer = frame(page.total, paging);
        answer.insert("account".to_owned(), json!(account));
        let entries: Vec<_> = page.items.iter().map(entry).collect();
        answer.insert("templates".to_owned(), entries.into());
        Ok(answer)
    }

    /// The same for the console, as `GET /v1/templates` answers.
    ///
    /// # Errors
    /// 404 when there is no such account; 500 when the store fails.
    pub async fn console_templates(
        &self,
        account: Option<AccountId>,
        query: &str,
        page: u64,
        size: u64,
    ) -> Result<Value, ApiError> {
        let paging = Paging { page, size };
        Ok(self.found_templates(account, query, paging).await?.into())
    }

    /// `POST /v1/templates/template`.
    pub(crate) async fn create_template(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let body = input.body();
        // Whoever may touch one account only makes templates of that account.
        let account = caller
            .account
            .clone()
            .or_else(|| body.filled("account").map(AccountId::new));
        if let Some(account) = &account {
            self.known_config(account).await?;
        }
        let now = self.store().now();
        let mut template = Template {
            id: new_id(now, account.as_ref()),
            account,
            name: String::new(),
            description: None,
            format: TemplateFormat::Html,
            created: now,
            updated: now,
            content: TemplateContent::default(),
        };
        apply(&mut template, body)?;
        let failed = |error: &dyn std::fmt::Display| internal("storing a template", error);
        let mut batch = Batch::new();
        templates::insert(&mut batch, &template).map_err(|error| failed(&error))?;
        let answer = json!({ "created": true, "account": template.account, "id": template.id });
        let reply = Reply::json(&answer)?;
        self.keep(input, &mut batch, &reply)?;
        self.store()
            .commit(batch)
            .await
            .map_err(|error| failed(&error))?;
        Ok(reply)
    }

    /// `GET /v1/templates/template/{template}`.
    pub(crate) async fn get_template(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let template = self.own_template(caller, input).await?;
        let mut shown = entry(&template);
        shown.insert("account".to_owned(), json!(template.account));
        shown.insert("content".to_owned(), json!(template.content));
        Reply::json(&shown)
    }

    /// `PUT /v1/templates/template/{template}`: changes what is given.
    pub(crate) async fn update_template(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("storing a template", error);
        loop {
            let read = self.own_template(caller, input).await?;
            let mut template = read.clone();
            apply(&mut template, input.body())?;
            // Each version has a time of its own: a change between reading and writing is seen by it.
            template.updated = self.store().now().max(Timestamp(read.updated.millis() + 1));
            let mut batch = Batch::new();
            let statement = templates::update(&mut batch, &template, &read);
            let statement = statement.map_err(|error| failed(&error))?;
            let done = self.store().commit(batch).await;
            if done.map_err(|error| failed(&error))?.affected(statement) > 0 {
                return Reply::json(
                    &json!({ "updated": true, "account": template.account, "id": template.id }),
                );
            }
        }
    }

    /// `DELETE /v1/templates/template/{template}`.
    pub(crate) async fn delete_template(
        &self,
        caller: &Caller,
        input: &CallInput,
    ) -> Result<Reply, ApiError> {
        let template = self.own_template(caller, input).await?;
        let mut batch = Batch::new();
        let statement = templates::delete(&mut batch, &template.id);
        let done = self.store().commit(batch).await;
        let done = done.map_err(|error| internal("deleting a template", &error))?;
        Reply::json(&json!({
            "deleted": done.affected(statement) > 0, "account": template.account, "id": template.id,
        }))
    }

    /// `DELETE /v1/templates/account/{account}`.
    pub(crate) async fn flush_templates(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let account = input.account()?;
        if !input.query().is("force") {
            let message = "Deleting all templates of an account needs \"force\" to be true";
            return Err(ApiError::new(400, message).code("ForceRequired"));
        }
        self.known_config(&account).await?;
        let mut batch = Batch::new();
        templates::flush(&mut batch, &account);
        self.store()
            .commit(batch)
            .await
            .map_err(|error| internal("deleting templates", &error))?;
        Reply::json(&json!({ "flushed": true, "account": account }))
    }

    /// The template of the path, if the caller may touch it.
    async fn own_template(&self, caller: &Caller, input: &CallInput) -> Result<Template, ApiError> {
        let id = input.path().text("template").unwrap_or_default();
        let template = templates::get(self.store(), id)
            .await
            .map_err(|error| internal("reading a template", &error))?
            .ok_or_else(template_not_found)?;
        match &caller.account {
            Some(bound) if template.account.as_ref() != Some(bound) => {
                Err(ApiError::new(403, "Unauthorized account"))
            }
            _ => Ok(template),
        }
    }
}

/// 404 of a template that is not there, or another account's.
pub(crate) fn template_not_found() -> ApiError {
    ApiError::not_found("Requested template was not found", "TemplateNotFound")
}

/// 8 bytes of milliseconds, 4 bytes that tell apart what was made in the same one, and the account (behaviour 9).
fn new_id(now: Timestamp, account: Option<&AccountId>) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    // Processes begin at different numbers.
    let number = MADE
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_add(std::process::id() << 16);
    made_id(now, number, account.map_or("", AccountId::as_str))
}

/// Puts the fields of a body in the place of a template's own.
fn apply(template: &mut Template, body: Fields<'_>) -> Result<(), ApiError> {
    if let Some(name) = body.filled("name") {
        name.clone_into(&mut template.name);
    }
    if body.has("description") {
        template.description = body.filled("description").map(str::to_owned);
    }
    if let Some(format) = body.parse("format")? {
        template.format = format;
    }
    if let Some(content) = body.fields("content") {
        let own = &mut template.content;
        for (key, part) in [
            ("subject", &mut own.subject),
            ("text", &mut own.text),
            ("html", &mut own.html),
            ("previewText", &mut own.preview_text),
        ] {
            if content.has(key) {
                *part = content.filled(key).map(str::to_owned);
            }
        }
    }
    Ok(())
}

/// A template as listings show it.
fn entry(template: &Template) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(template.id));
    shown.insert("name".to_owned(), json!(template.name));
    if let Some(description) = &template.description {
        shown.insert("description".to_owned(), json!(description));
    }
    shown.insert("format".to_owned(), json!(template.format));
    shown.insert("created".to_owned(), json!(template.created));
    shown.insert("updated".to_owned(), json!(template.updated));
    shown
}
