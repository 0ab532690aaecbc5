//! Templates of messages, of accounts and shared ones.

use posthouse_model::AccountId;
use posthouse_model::template::{Template, TemplateContent};

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::page::{self, Page, Paging, json};
use crate::params;
use crate::sql::{fold, like_contains};
use crate::store::Store;
use crate::value::Row;

macro_rules! columns {
    () => {
        "id, account, name, description, format, created, updated"
    };
}

/// What stands for an account in its column.
fn owner(account: Option<&AccountId>) -> &str {
    account.map_or("", AccountId::as_str)
}

fn template(row: &Row, content: TemplateContent) -> Result<Template, StoreError> {
    let account = Some(row.text(1)?).filter(|account| !account.is_empty());
    Ok(Template {
        id: row.text(0)?.to_owned(),
        account: account.map(AccountId::new),
        name: row.text(2)?.to_owned(),
        description: row.opt_text(3)?.map(str::to_owned),
        format: row.parse(4)?,
        created: row.time(5)?,
        updated: row.time(6)?,
        content,
    })
}

/// A template with its content.
///
/// # Errors
/// As [`Store::query`].
pub async fn get(store: &Store, id: &str) -> Result<Option<Template>, StoreError> {
    store
        .query_one(
            concat!(
                "SELECT ",
                columns!(),
                ", content FROM templates WHERE id=$1"
            ),
            params![id],
        )
        .await?
        .map(|row| template(&row, row.json(7)?))
        .transpose()
}

/// A page of the templates of an account, or of the shared ones, in whose id, name or description `query` stands; the
/// oldest first, without content.
///
/// # Errors
/// As [`Store::query`].
pub async fn list(
    store: &Store,
    account: Option<&AccountId>,
    query: &str,
    paging: Paging,
) -> Result<Page<Template>, StoreError> {
    macro_rules! found {
        () => {
            " FROM templates WHERE account=$1 AND search LIKE $2 ESCAPE '\\'"
        };
    }
    page::read(
        store,
        concat!("SELECT COUNT(*)", found!()),
        concat!(
            "SELECT ",
            columns!(),
            found!(),
            " ORDER BY created, id LIMIT $3 OFFSET $4"
        ),
        params![owner(account), like_contains(query)],
        paging,
        |row| template(row, TemplateContent::default()),
    )
    .await
}

/// What a template is found by.
fn search(template: &Template) -> String {
    let about = template.description.as_deref().unwrap_or_default();
    fold(&format!("{} {} {about}", template.id, template.name))
}

/// Adds a template.
///
/// # Errors
/// Only if its content has no JSON form.
pub fn insert(batch: &mut Batch, template: &Template) -> Result<(), StoreError> {
    batch.push(
        "INSERT INTO templates (id, account, name, description, format, created, updated, content, search) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            template.id.as_str(),
            owner(template.account.as_ref()),
            template.name.as_str(),
            template.description.as_deref(),
            template.format.as_str(),
            template.created,
            template.updated,
            json(&template.content)?,
            search(template)
        ],
    );
    Ok(())
}

/// Puts a template in the place of the one with its id, unless that was changed since `read`; the statement tells.
///
/// # Errors
/// Only if its content has no JSON form.
pub fn update(
    batch: &mut Batch,
    template: &Template,
    read: &Template,
) -> Result<Statement, StoreError> {
    Ok(batch
        .push(
            "UPDATE templates SET name=$2, description=$3, format=$4, updated=$5, content=$6, search=$8 \
         WHERE id=$1 AND updated=$7",
            params![
                template.id.as_str(),
                template.name.as_str(),
                template.description.as_deref(),
                template.format.as_str(),
                template.updated,
                json(&template.content)?,
                read.updated,
                search(template)
            ],
        )
        .statement())
}

/// Deletes a template; the statement tells whether there was one.
pub fn delete(batch: &mut Batch, id: &str) -> Statement {
    batch
        .push("DELETE FROM templates WHERE id=$1", params![id])
        .statement()
}

/// Deletes all templates of an account.
pub fn flush(batch: &mut Batch, account: &AccountId) -> Statement {
    batch
        .push("DELETE FROM templates WHERE account=$1", params![account])
        .statement()
}
