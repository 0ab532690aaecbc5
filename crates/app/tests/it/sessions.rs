//! Sessions of the console and their session tokens.

use posthouse_app::{Request, Session, SessionKind, Visit};
use posthouse_contract::{Operation, operation, operations};
use posthouse_model::{AccountId, caller::Identity};

use crate::support::{Hall, bearer, request};

both!(
    a_session_token_opens_its_account,
    ended_sessions_end_their_tokens
);

fn session() -> Session {
    Session::new(SessionKind::Full, "admin", 0, &Visit::default())
}

fn with(token: &str, cookie: &str) -> Request {
    Request {
        session_cookie: Some(cookie.to_owned()),
        ..request(bearer(token))
    }
}

fn op(id: &str) -> &'static Operation {
    operation(id).unwrap()
}

async fn a_session_token_opens_its_account(hall: &Hall) {
    let sessions = hall.app.sessions();
    let cookie = sessions.begin(&session()).await.unwrap();
    assert_eq!(sessions.open(&cookie).await.unwrap().unwrap().user, "admin");
    let token = sessions
        .token(&cookie, &AccountId::new("own"))
        .await
        .unwrap();
    assert!(token.starts_with("sess_") && token.len() == 69);
    for operation in operations() {
        let result = hall
            .admit_request(with(&token, &cookie), operation, Some("own"))
            .await;
        let expected = operation.session_token && operation.has_account();
        assert_eq!(result.is_ok(), expected, "{}", operation.id);
        if let Err(refusal) = result {
            assert_eq!(refusal.error.status, 403, "{}", operation.id);
        }
    }
    let admitted = hall
        .admit_request(
            with(&token, &cookie),
            op("getV1AccountAccount"),
            Some("own"),
        )
        .await
        .unwrap();
    assert_eq!(admitted.caller.identity, Identity::Session);
    assert!(!admitted.caller.may_route());
    let foreign = hall
        .admit_request(
            with(&token, &cookie),
            op("getV1AccountAccount"),
            Some("other"),
        )
        .await
        .unwrap_err();
    assert_eq!(foreign.error.message, "Unauthorized account");
    // The token is of no use in another session, nor without one.
    let other = sessions.begin(&session()).await.unwrap();
    for request in [
        with(&token, &other),
        with(&token, "nonsense"),
        request(bearer(&token)),
    ] {
        let refusal = hall
            .admit_request(request, op("getV1AccountAccount"), Some("own"))
            .await
            .unwrap_err();
        assert_eq!(
            (refusal.error.status, refusal.error.message.as_str()),
            (401, "Session has ended")
        );
    }
}

async fn ended_sessions_end_their_tokens(hall: &Hall) {
    let sessions = hall.app.sessions();
    let cookie = sessions.begin(&session()).await.unwrap();
    let token = sessions
        .token(&cookie, &AccountId::new("own"))
        .await
        .unwrap();
    sessions.end(&cookie).await.unwrap();
    assert_eq!(sessions.open(&cookie).await.unwrap(), None);
    let refusal = hall
        .admit_request(
            with(&token, &cookie),
            op("getV1AccountAccount"),
            Some("own"),
        )
        .await
        .unwrap_err();
    assert_eq!(refusal.error.message, "Session has ended");
    let error = sessions
        .token(&cookie, &AccountId::new("own"))
        .await
        .unwrap_err();
    assert_eq!(error.status, 401);
}
