//! What is written before the engine starts: prepared settings, the defaults of a first start, a
//! prepared token and password, the number of this run (behaviour 0).

use base64::{Engine, prelude::BASE64_STANDARD};
use posthouse_contract::{Fault, Kind, RawInput, operation};
use posthouse_model::settings::find;
use posthouse_store::{Batch, Store, settings};
use serde_json::{Map, Value, json};

use crate::{
    admin,
    app::{AppConfig, StartError},
    commands::{self, CommandError},
    settings_api::{Change, changes},
};

/// The setting that counts starts; a store without it was never served.
pub(crate) const RUN: &str = "run";

/// Writes what a start writes.
pub(crate) async fn run(store: &Store, config: &AppConfig) -> Result<(), StartError> {
    posthouse_mime::websafe::fold_history(!config.unfold_history);
    let stored = settings::all(store).await?;
    let mut batch = Batch::new();
    if let Some(prepared) = &config.prepared_settings {
        let current = |key: &str| stored.get(key).cloned().unwrap_or_default();
        for Change { setting, value } in prepared_settings(prepared, current)? {
            settings::set(store, &mut batch, setting.key, &value, setting.is_sealed())?;
        }
    }
    for (key, value) in &config.seeds {
        match find(key) {
            Some(setting) => {
                settings::set_absent(store, &mut batch, setting.key, value, setting.is_sealed())?;
            }
            None => tracing::error!(key, "no such setting"),
        }
    }
    if config.require_tokens {
        settings::set(store, &mut batch, "disableTokens", &json!(false), false)?;
    }
    for (key, value) in defaults()? {
        let sealed = find(key).is_some_and(|setting| setting.is_sealed());
        settings::set_absent(store, &mut batch, key, &value, sealed)?;
    }
    let run = stored.get(RUN).and_then(Value::as_u64).unwrap_or(0);
    let sealed = find(RUN).is_some_and(|setting| setting.is_sealed());
    settings::set(
        store,
        &mut batch,
        RUN,
        &json!(run.saturating_add(1)),
        sealed,
    )?;
    store.commit(batch).await?;
    if let Some(token) = &config.prepared_token {
        match commands::import_prepared_token(store, token).await {
            Ok(_) => {}
            Err(CommandError::Store(error)) => return Err(error.into()),
            Err(CommandError::Batch(error)) => return Err(error.into()),
            Err(error) => return Err(StartError::Token(error.to_string())),
        }
    }
    if let Some(password) = &config.prepared_password {
        match admin::store_prepared_password(store, password).await {
            Ok(()) => {}
            Err(CommandError::Store(error)) => return Err(error.into()),
            Err(CommandError::Batch(error)) => return Err(error.into()),
            Err(error) => return Err(StartError::Password(error.to_string())),
        }
    }
    Ok(())
}

fn random(bytes: &mut [u8]) -> Result<(), StartError> {
    getrandom::fill(bytes).map_err(StartError::Random)
}

/// The defaults that a first start writes down, so that later versions do not change them.
fn defaults() -> Result<Vec<(&'static str, Value)>, StartError> {
    let hex = || {
        let mut bytes = [0; 16];
        random(&mut bytes)?;
        Ok::<_, StartError>(Value::String(hex::encode(bytes)))
    };
    let mut cookie = [0; 32];
    random(&mut cookie)?;
    Ok(vec![
        ("serviceId", hex()?),
        ("serviceSecret", hex()?),
        ("cookiePassword", BASE64_STANDARD.encode(cookie).into()),
        ("notifyText", json!(true)),
        ("notifyTextSize", json!(2_097_152)),
        ("queueKeep", json!(0)),
        ("scriptEnv", json!("{}")),
        ("enableApiProxy", json!(true)),
        ("smtpServerEnabled", json!(false)),
        ("smtpServerAuthEnabled", json!(true)),
        ("smtpServerPort", json!(2525)),
        ("smtpServerHost", json!("127.0.0.1")),
        ("smtpServerProxy", json!(false)),
        ("imapProxyServerEnabled", json!(false)),
        ("imapProxyServerPort", json!(2993)),
        ("imapProxyServerHost", json!("127.0.0.1")),
        ("imapProxyServerProxy", json!(false)),
    ])
}

/// Holds prepared settings against the contract. Unknown keys are dropped with an error in the log,
/// everything else that is wrong stops the start.
fn prepared_settings(
    prepared: &Value,
    current: impl Fn(&str) -> Value,
) -> Result<Vec<Change>, StartError> {
    let Value::Object(given) = prepared else {
        return Err(StartError::Settings("must be a JSON object".to_owned()));
    };
    let unusable = || StartError::Settings("the contract of settings is missing".to_owned());
    let operation = operation("postV1Settings").ok_or_else(unusable)?;
    let schema = operation.body.as_ref().ok_or_else(unusable)?;
    let Kind::Object(rule) = &schema.kind else {
        return Err(unusable());
    };
    let mut known = Map::new();
    for (key, value) in given {
        if rule.properties.iter().any(|property| property.name == key) {
            known.insert(key.clone(), value.clone());
        } else {
            tracing::error!(key, "prepared settings: no such setting, dropped");
        }
    }
    let faults = |faults: Vec<Fault>| {
        let sentences: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
        StartError::Settings(sentences.join("; "))
    };
    let valid = operation
        .validate(RawInput {
            path: &[],
            query: &[],
            header: &|_| None,
            body: Some(Value::Object(known)),
        })
        .map_err(faults)?;
    changes(&valid.body, current).map_err(|refused| {
        let sentences: Vec<_> = refused.into_iter().map(|(_, message)| message).collect();
        StartError::Settings(sentences.join("; "))
    })
}
