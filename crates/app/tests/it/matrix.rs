//! Every operation of the contract against every kind of token; what is expected is computed from the
//! contract alone.

use posthouse_app::{Credential, Refusal, commands::IssueToken};
use posthouse_contract::{NarrowedToken, Operation, operations};
use posthouse_model::{AccountId, Action, ApiError, Group, Permissions, Scope};
use serde_json::{Value, json};

use crate::support::{Hall, ask, bearer, request, sqlite};

const OWN: &str = "own";
const OTHER: &str = "other";

/// A token of the matrix: what it is, and its value.
struct Kind {
    name: String,
    value: String,
    scope: Option<Scope>,
    account: Option<&'static str>,
    actions: Option<Vec<Action>>,
    groups: Option<Vec<Group>>,
}

/// Actions and groups of a permissions record.
type Axes = (Option<Vec<Action>>, Option<Vec<Group>>);

async fn kinds(hall: &Hall) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let scopes = Scope::ALL.iter().copied();
    for scope in scopes {
        for account in [None, Some(OWN), Some(OTHER)] {
            kinds.push(Kind {
                name: format!("{scope} {account:?}"),
                value: hall.token_of(scope, account).await,
                scope: Some(scope),
                account,
                actions: None,
                groups: None,
            });
        }
    }
    let grantable = Group::ALL
        .iter()
        .copied()
        .filter(|group| group.is_grantable());
    let mut records: Vec<Axes> = Vec::new();
    for missing in Action::ALL {
        let rest = Action::ALL
            .iter()
            .copied()
            .filter(|action| action != missing);
        records.push((Some(rest.collect()), None));
    }
    for missing in grantable.clone() {
        let rest = grantable.clone().filter(|group| *group != missing);
        records.push((None, Some(rest.collect())));
        records.push((Some(Action::ALL.to_vec()), Some(vec![missing])));
    }
    records.push((Some(Vec::new()), None));
    records.push((None, Some(Vec::new())));
    for (actions, groups) in records {
        for account in [None, Some(OWN)] {
            let permissions = Permissions::Narrowed {
                actions: actions.clone(),
                groups: groups.clone(),
            };
            kinds.push(Kind {
                name: format!("{:?} {account:?}", permissions.to_value()),
                value: hall
                    .token(IssueToken {
                        scopes: vec!["api".to_owned()],
                        account: account.map(AccountId::new),
                        permissions,
                        ..IssueToken::default()
                    })
                    .await,
                scope: Some(Scope::Api),
                account,
                actions: actions.clone(),
                groups: groups.clone(),
            });
        }
    }
    kinds
}

/// Status and the member that tells which check refused.
fn expected(kind: &Kind, operation: &Operation) -> Result<(), (u16, &'static str)> {
    let opened = |scope: &Scope| *scope == Scope::All || operation.scopes.contains(scope);
    if !kind.scope.as_ref().is_none_or(opened) {
        return Err((403, "Unauthorized scope"));
    }
    if kind.actions.is_some() || kind.groups.is_some() {
        let action = kind
            .actions
            .as_ref()
            .is_none_or(|list| list.contains(&operation.action));
        let group = kind
            .groups
            .as_ref()
            .is_none_or(|list| list.contains(&operation.group));
        if operation.narrowed_token == NarrowedToken::Never || !action || !group {
            return Err((403, "Unauthorized permission"));
        }
    }
    let by_query = ["getV1Templates", "getV1Tokens"].contains(&operation.canonical_id());
    let by_template = operation.path.starts_with("/v1/templates/template");
    match kind.account {
        None | Some(OWN) if operation.has_account() || by_query => Ok(()),
        None => Ok(()),
        Some(_) if by_template => Ok(()),
        Some(_) => Err((403, "Unauthorized account")),
    }
}

fn outcome(result: Result<posthouse_app::Admitted, Refusal>) -> Result<(), (u16, String)> {
    result
        .map(|_| ())
        .map_err(|refusal| (refusal.error.status, refusal.error.message))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_against_every_kind_of_token() {
    let hall = sqlite().await;
    let kinds = kinds(&hall).await;
    let mut cells = 0;
    let mut wrong = Vec::new();
    for operation in operations() {
        for (name, credential, message) in [
            ("none", Credential::None, "Missing authentication"),
            ("unknown", bearer(&"ab".repeat(32)), "Bad token"),
            ("malformed", bearer("nonsense"), "Bad token"),
            (
                "session",
                bearer(&format!("sess_{}", "ab".repeat(32))),
                "Session has ended",
            ),
        ] {
            let result = hall
                .admit_request(request(credential), operation, Some(OWN))
                .await;
            let refusal = result.expect_err(name);
            assert_eq!(
                (refusal.error.status, refusal.error.message.as_str()),
                (401, message),
                "{} {name}",
                operation.id
            );
            assert!(refusal.challenge.is_some());
            cells += 1;
        }
        for kind in &kinds {
            let result = hall
                .admit_request(request(bearer(&kind.value)), operation, Some(OWN))
                .await;
            let expected =
                expected(kind, operation).map_err(|(status, text)| (status, text.to_owned()));
            let found = outcome(result);
            if found != expected {
                wrong.push(format!(
                    "{} with {}: {found:?}, not {expected:?}",
                    operation.id, kind.name
                ));
            }
            cells += 1;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {cells}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(cells > 5000, "{cells}");
}

#[tokio::test]
async fn refusals_say_what_is_missing() {
    let hall = sqlite().await;
    let error = |result: Result<_, Refusal>| -> Refusal {
        result.map(|_: posthouse_app::Admitted| ()).unwrap_err()
    };
    let metrics = hall.token_of(Scope::Metrics, None).await;
    let refusal = error(hall.admit(bearer(&metrics), "getV1Accounts", None).await);
    assert_eq!(refusal.error.extra["requestedScope"], "api");
    assert_eq!(
        refusal.challenge,
        Some("Bearer error=\"insufficient_scope\"")
    );
    let narrowed = hall
        .token(IssueToken {
            permissions: Permissions::from(Some(json!({"actions": ["write"]}))),
            ..IssueToken::default()
        })
        .await;
    let refusal = error(hall.admit(bearer(&narrowed), "getV1Accounts", None).await);
    assert_eq!(
        refusal.error.extra["requiredPermission"],
        json!({"action": "read", "group": "account"})
    );
    let refusal = error(hall.admit(Credential::None, "getV1Accounts", None).await);
    assert_eq!(refusal.challenge, Some("Bearer"));
    assert_eq!(
        refusal.error.envelope(),
        json!({"statusCode": 401, "error": "Unauthorized", "message": "Missing authentication"})
    );
    let refusal = error(hall.admit(bearer("x"), "getV1Accounts", None).await);
    assert_eq!(refusal.challenge, Some("Bearer error=\"Bad token\""));
}

/// A value that the schema of a required field takes, as far as these tests need one.
fn filler(operation: &Operation) -> Option<Value> {
    operation.body.as_ref()?;
    Some(match operation.id {
        "postV1Tokens" | "postV1Token" => {
            json!({"description": "x", "scopes": ["api"], "permissions": {"actions": ["read"]}})
        }
        "postV1Account" => json!({"account": "x", "name": "x"}),
        "postV1License" => json!({"license": "x"}),
        "postV1AccountAccountSubmit" => json!({"to": [{"address": "x@example.com"}]}),
        _ => json!({}),
    })
}

#[tokio::test]
async fn what_is_not_built_answers_501() {
    let hall = sqlite().await;
    hall.sending_account("x").await;
    let mut built = Vec::new();
    for operation in operations() {
        let mut ask = ask();
        for parameter in &operation.path_parameters {
            ask = ask.path(
                parameter.name,
                match parameter.name {
                    "account" => "x",
                    "queue" => "submit",
                    "token" => "0000000000000000000000000000000000000000000000000000000000000000",
                    _ => "x",
                },
            );
        }
        ask.body = filler(operation);
        let result = hall
            .reply_as(&posthouse_model::Caller::system(), operation.id, ask)
            .await;
        match result {
            Err(ApiError { status: 400, .. }) => {}
            Err(error) if error.status == 501 => {
                assert_eq!(error.code_str(), Some("NotImplemented"));
                assert!(error.message.contains("not available"), "{}", error.message);
            }
            Err(error) => {
                assert!(
                    error.status < 500 || error.status == 503,
                    "{}: {error}",
                    operation.id
                );
                built.push(operation.id);
            }
            Ok(_) => built.push(operation.id),
        }
    }
    assert!(built.len() > 20, "{built:?}");
}
