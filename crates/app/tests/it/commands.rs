//! The use cases of the command line.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use posthouse_app::commands::{
    CommandError, IssueToken, export_token, import_prepared_token, import_token, is_fresh,
    issue_token, list_tokens, revoke_token,
};
use posthouse_model::{AccountId, Permissions, Timestamp};
use posthouse_store::{Store, tokens};
use serde_json::json;

use crate::support::{Hall, bearer, postgres_config, sqlite_config};

both!(a_token_goes_round);

async fn a_token_goes_round(hall: &Hall) {
    let store = hall.app.store();
    let (value, record) = issue_token(
        store,
        IssueToken {
            description: Some("round".to_owned()),
            scopes: vec!["api".to_owned(), "metrics".to_owned()],
            account: Some(AccountId::new("own")),
            permissions: Permissions::from(Some(json!({"groups": ["message"]}))),
            expires: Some(Timestamp(4_000_000_000_123)),
            ..IssueToken::default()
        },
    )
    .await
    .unwrap();
    let text = export_token(store, &value.expose()).await.unwrap();
    assert_eq!(
        text,
        export_token(store, &record.id.to_string()).await.unwrap()
    );
    // A map whose `created` is a msgpack timestamp: fixext 8 or 4 with type -1.
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
    let at = bytes
        .windows(7)
        .position(|part| part == b"created")
        .unwrap()
        + 7;
    assert!(
        [0xd7, 0xd6].contains(&bytes[at]) && bytes[at + 1] == 0xff,
        "{:x?}",
        &bytes[at..at + 2]
    );

    assert_eq!(
        import_token(store, &text).await.unwrap(),
        (record.id, false)
    );
    assert!(revoke_token(store, &record.id.to_string()).await.unwrap());
    assert!(matches!(
        export_token(store, &value.expose()).await,
        Err(CommandError::NotFound)
    ));
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(import_token(store, &text).await.unwrap(), (record.id, true));
    let imported = tokens::get(store, &record.id).await.unwrap().unwrap();
    assert!(imported.created > record.created);
    let mut same = imported;
    same.created = record.created;
    assert_eq!(same, record);
    // The command line may work beside the server: the token opens at once what it opened before.
    let admitted = hall
        .admit(
            bearer(&value.expose()),
            "getV1AccountAccountMessages",
            Some("own"),
        )
        .await;
    assert!(admitted.is_ok());

    revoke_token(store, &record.id.to_string()).await.unwrap();
    import_prepared_token(store, &text).await.unwrap();
    assert_eq!(
        tokens::get(store, &record.id).await.unwrap().unwrap(),
        record
    );
    assert_eq!(list_tokens(store).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_is_fresh_once() {
    let (config, folder) = sqlite_config();
    let store = Store::open(config.clone()).await.unwrap();
    assert!(is_fresh(&store).await.unwrap());
    store.close().await.unwrap();
    let hall = Hall::with(config, folder, posthouse_app::AppConfig::default()).await;
    assert!(!is_fresh(hall.app.store()).await.unwrap());
}

#[tokio::test]
async fn bad_input_is_named() {
    let (config, _folder) = postgres_config().await;
    let store = Store::open(config).await.unwrap();
    let token = |scopes: &[&str]| IssueToken {
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        ..IssueToken::default()
    };
    let error = issue_token(&store, token(&["api", "all"]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("\"all\""), "{error}");
    let past = IssueToken {
        expires: Some(Timestamp(1)),
        ..IssueToken::default()
    };
    assert!(issue_token(&store, past).await.is_err());
    assert!(import_token(&store, "nonsense!").await.is_err());
    let (_, record) = issue_token(&store, IssueToken::default()).await.unwrap();
    assert_eq!(record.scopes, Some(vec!["*".to_owned()]));
    assert!(record.description.unwrap().starts_with("Generated at 2"));
}
