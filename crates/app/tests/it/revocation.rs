//! A revocation holds within a second, whoever makes it.

use std::time::{Duration, Instant};

use posthouse_app::commands::revoke_token;
use posthouse_model::Scope;

use crate::support::{Hall, ask, bearer};

both!(
    made_beside_the_server_it_holds_within_a_second,
    made_by_the_server_it_holds_at_once
);

async fn made_beside_the_server_it_holds_within_a_second(hall: &Hall) {
    let token = hall.token_of(Scope::Api, None).await;
    let beside = hall.beside().await;
    hall.admit(bearer(&token), "getV1Accounts", None)
        .await
        .unwrap();
    assert!(revoke_token(&beside, &token).await.unwrap());
    let revoked = Instant::now();
    while hall
        .admit(bearer(&token), "getV1Accounts", None)
        .await
        .is_ok()
    {
        assert!(revoked.elapsed() < Duration::from_secs(1), "still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!revoke_token(&beside, &token).await.unwrap());
}

async fn made_by_the_server_it_holds_at_once(hall: &Hall) {
    let token = hall.token_of(Scope::Api, None).await;
    hall.admit(bearer(&token), "getV1Accounts", None)
        .await
        .unwrap();
    let answer = hall
        .call("deleteV1TokensToken", ask().path("token", &token))
        .await
        .unwrap();
    assert_eq!(answer["deleted"], true);
    assert!(
        hall.admit(bearer(&token), "getV1Accounts", None)
            .await
            .is_err()
    );
    let again = hall
        .call("deleteV1TokenToken", ask().path("token", &token))
        .await
        .unwrap();
    assert_eq!(again["deleted"], false);
}
