//! The `tokens` commands: on the bare store, also beside a running server.

use std::str::FromStr;

use posthouse_app::commands::{self, CommandError, IssueToken};
use posthouse_model::{AccountId, Timestamp, units};
use posthouse_store::Store;
use serde_json::json;

use crate::{
    Failure,
    cli::{self, TokensCommand},
    config::Config,
    embedded,
};

/// Runs one command.
pub(crate) fn run(command: TokensCommand, config: &Config) -> Result<(), Failure> {
    on_store(config, async |store| act(command, store).await)
}

/// Runs something on the bare store.
pub(crate) fn on_store(
    config: &Config,
    work: impl AsyncFnOnce(&Store) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of("the runtime", &error))?;
    runtime.block_on(async {
        embedded::make_folder(&config.database)?;
        let store = Store::open(config.store())
            .await
            .map_err(|error| Failure::of(&format!("the store {}", config.database), &error))?;
        let result = work(&store).await;
        let closed = store.close().await;
        result?;
        closed.map_err(|error| Failure::of("closing the store", &error))
    })
}

async fn act(command: TokensCommand, store: &Store) -> Result<(), Failure> {
    let failed = |error: CommandError| Failure::Other(error.to_string());
    match command {
        TokensCommand::Issue {
            description,
            scope,
            account,
            expires,
        } => {
            let expires = expires.as_deref().map(moment).transpose()?;
            let token = IssueToken {
                description,
                scopes: scope,
                account: account.as_deref().map(AccountId::new),
                expires,
                ..IssueToken::default()
            };
            let (value, _) = commands::issue_token(store, token).await.map_err(failed)?;
            cli::print(&value.expose());
        }
        TokensCommand::List { json } => list(store, json).await?,
        TokensCommand::Export(name) => {
            let text = commands::export_token(store, &name.into_text())
                .await
                .map_err(failed)?;
            cli::print(&text);
        }
        TokensCommand::Import { token, data } => {
            let text = token.or(data).unwrap_or_default();
            let (id, stored) = commands::import_token(store, text.trim())
                .await
                .map_err(failed)?;
            if stored {
                eprintln!("Token {id} was imported.");
            } else {
                eprintln!("Token {id} is known already; nothing was changed.");
            }
        }
        TokensCommand::Revoke(name) => {
            if !commands::revoke_token(store, &name.into_text())
                .await
                .map_err(failed)?
            {
                return Err(failed(CommandError::NotFound));
            }
            eprintln!("The token was revoked.");
        }
    }
    Ok(())
}

async fn list(store: &Store, as_json: bool) -> Result<(), Failure> {
    let tokens = commands::list_tokens(store)
        .await
        .map_err(|error| Failure::Other(error.to_string()))?;
    if as_json {
        let list: Vec<_> = tokens
            .iter()
            .map(|token| json!({ "token": token.record, "access": token.last_use }))
            .collect();
        let text = serde_json::to_string_pretty(&list).unwrap_or_default();
        cli::print(&format!("{text}\n"));
        return Ok(());
    }
    if tokens.is_empty() {
        eprintln!("There are no tokens. `posthouse tokens issue` makes one.");
        return Ok(());
    }
    let when =
        |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), |time| time.to_string());
    let mut out = format!(
        "{:<64}  {:<12}  {:<20}  {:<24}  {:<24}  DESCRIPTION\n",
        "ID", "SCOPES", "ACCOUNT", "EXPIRES", "LAST USE"
    );
    for token in &tokens {
        let record = &token.record;
        let scopes = record
            .scopes
            .as_ref()
            .map_or_else(|| "(all)".to_owned(), |scopes| scopes.join(","));
        out.push_str(&format!(
            "{:<64}  {scopes:<12}  {:<20}  {:<24}  {:<24}  {}\n",
            record.id.to_string(),
            record
                .account
                .as_ref()
                .map_or("-", |account| account.as_str()),
            when(record.expires),
            when(token.last_use.map(|used| used.time)),
            record
                .description
                .as_deref()
                .unwrap_or_default()
                .replace(char::is_control, " "),
        ));
    }
    cli::print(&out);
    Ok(())
}

/// A date, or a duration from now.
fn moment(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(time) = Timestamp::from_str(text) {
        return Ok(time);
    }
    match units::parse_duration(text) {
        Ok(duration) => Ok(Timestamp::now().after(duration)),
        Err(_) => Err(Failure::Other(format!(
            "--expires: {text:?} is neither a date (2030-01-31T12:00:00Z) nor a duration (30d)"
        ))),
    }
}
