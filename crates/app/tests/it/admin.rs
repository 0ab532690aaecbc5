//! The door of the console: passwords, logins, one-time passwords, sessions, the set-up.

use std::{net::IpAddr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use posthouse_app::{
    Door, LoginStep, NewSession, Session, SessionKind, Visit, commands::set_password,
};
use posthouse_model::{AccountId, ApiError, Scope, Timestamp};
use posthouse_store::{Batch, Store, settings};
use serde_json::json;
use sha1::Sha1;

use crate::support::{Hall, ask, bearer, request};

both!(
    the_first_password_is_set_at_this_machine_and_shuts_the_door_to_the_set_up,
    the_set_up_code_opens_the_set_up_from_elsewhere,
    set_up_codes_cannot_be_guessed,
    a_login_tells_nothing_of_what_was_wrong,
    logins_are_limited_by_address_and_by_user,
    a_login_begins_a_session_of_a_new_id,
    a_new_password_ends_every_other_session,
    a_password_set_beside_the_server_ends_sessions_and_one_time_passwords,
    one_time_passwords_are_needed_once_confirmed,
    a_one_time_password_is_good_once,
    one_time_passwords_cannot_be_guessed,
    after_thirty_wrong_codes_in_an_hour_a_recovery_code_is_needed,
    many_codes_at_once_are_no_more_than_one_after_the_other,
    of_several_first_passwords_one_is_set,
    switching_one_time_passwords_on_takes_the_password,
    tokens_of_the_reference_end_with_the_session,
    what_a_page_asks_by_itself_keeps_no_session_alive_and_none_lives_for_ever,
    a_hundred_failures_of_one_user_are_enough_for_a_minute,
    recovery_codes_are_good_once,
    sessions_are_listed_and_revoked,
    a_user_has_a_hundred_sessions_at_the_most,
    a_waiting_login_opens_nothing,
    the_first_run_is_seen_from_what_is_there,
);

pub(crate) const PASSWORD: &str = "correct horse";

/// From this machine, without a session.
pub(crate) fn here() -> Visit {
    Visit {
        address: Some(IpAddr::from([127, 0, 0, 1])),
        proven: Some(IpAddr::from([127, 0, 0, 1])),
        loopback: true,
        ..Visit::default()
    }
}

/// From elsewhere, without a session.
pub(crate) fn there() -> Visit {
    from([192, 0, 2, 7])
}

fn from(address: [u8; 4]) -> Visit {
    Visit {
        address: Some(IpAddr::from(address)),
        proven: Some(IpAddr::from(address)),
        user_agent: Some("Browser".to_owned()),
        ..Visit::default()
    }
}

/// From an address, with a session.
fn with_from(issued: &NewSession, address: [u8; 4]) -> Visit {
    Visit {
        cookie: Some(issued.cookie.clone()),
        ..from(address)
    }
}

pub(crate) fn with(issued: &NewSession) -> Visit {
    Visit {
        cookie: Some(issued.cookie.clone()),
        ..there()
    }
}

/// Sets the first password.
async fn set_up(hall: &Hall) -> NewSession {
    let console = hall.app.console();
    console
        .change_password(&here(), None, PASSWORD)
        .await
        .unwrap()
}

async fn login(hall: &Hall, visit: &Visit) -> NewSession {
    match hall
        .app
        .console()
        .login("admin", PASSWORD, false, visit)
        .await
    {
        Ok(LoginStep::Done(issued)) => issued,
        Ok(LoginStep::Totp(_)) => panic!("a second step"),
        Err(error) => panic!("{error}"),
    }
}

/// The first step of a login that has two.
async fn begin(hall: &Hall) -> NewSession {
    begin_from(hall, [192, 0, 2, 7]).await
}

async fn begin_from(hall: &Hall, address: [u8; 4]) -> NewSession {
    match hall
        .app
        .console()
        .login("admin", PASSWORD, true, &from(address))
        .await
    {
        Ok(LoginStep::Totp(issued)) => issued,
        Ok(LoginStep::Done(_)) => panic!("no second step"),
        Err(error) => panic!("{error}"),
    }
}

async fn door(hall: &Hall, visit: &Visit) -> Door {
    hall.app.console().door(visit).await.unwrap()
}

async fn is_open(hall: &Hall, issued: &NewSession) -> bool {
    matches!(door(hall, &with(issued)).await, Door::Open(_))
}

fn status<T>(result: Result<T, ApiError>) -> u16 {
    result.err().map_or(200, |error| error.status)
}

/// The one-time password `steps` of 30 seconds from now (RFC 6238).
fn code(secret: &str, steps: i64) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&(Timestamp::now().millis() / 30_000 + steps).to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap());
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// Switches one-time passwords on; the secret and the recovery codes.
async fn enrol(hall: &Hall, signed_in: &NewSession) -> (String, Vec<String>) {
    let console = hall.app.console();
    let visit = with(signed_in);
    let enrolment = console
        .totp_enrol(&visit, PASSWORD, Some("mail.example"))
        .await
        .unwrap();
    let codes = console
        .totp_confirm(&visit, &code(&enrolment.secret, -2))
        .await
        .unwrap();
    (enrolment.secret, codes)
}

/// Codes that are out of use, as the store has them.
async fn rates_of(store: &Store) -> i64 {
    store
        .query_one(
            "SELECT COUNT(*) FROM rate WHERE key LIKE 'console:used:totp:%'",
            Vec::new(),
        )
        .await
        .unwrap()
        .unwrap()
        .i64(0)
        .unwrap()
}

/// Waits until a limit's window is not about to end, so that what is counted is counted in one.
async fn calm_minute() {
    while Timestamp::now().millis().rem_euclid(60_000) > 40_000 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn the_first_password_is_set_at_this_machine_and_shuts_the_door_to_the_set_up(hall: &Hall) {
    let console = hall.app.console();
    assert!(!console.password_is_set());
    assert_eq!(door(hall, &here()).await, Door::Setup);
    assert_eq!(door(hall, &there()).await, Door::SetupCode);
    assert_eq!(
        status(console.change_password(&there(), None, PASSWORD).await),
        403
    );
    for bad in ["short", &"a".repeat(257)] {
        assert_eq!(
            status(console.change_password(&here(), None, bad).await),
            400
        );
    }
    assert_eq!(
        status(console.login("admin", PASSWORD, false, &here()).await),
        403
    );
    let issued = set_up(hall).await;
    assert!(console.password_is_set());
    assert_eq!(console.setup_code_to_print(), None);
    assert!(is_open(hall, &issued).await);
    assert_eq!(door(hall, &here()).await, Door::Login);
    assert_eq!(door(hall, &there()).await, Door::Login);
    // Nobody sets a second one without the first.
    assert_eq!(
        status(console.change_password(&here(), None, "another one").await),
        401
    );
    assert_eq!(
        status(
            console
                .change_password(&with(&issued), None, "another one")
                .await
        ),
        403
    );
    let stored = settings::get(hall.app.store(), "authData")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored["user"], "admin");
    assert!(
        stored["password"]
            .as_str()
            .unwrap()
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
}

async fn the_set_up_code_opens_the_set_up_from_elsewhere(hall: &Hall) {
    let console = hall.app.console();
    let code = console.setup_code_to_print().unwrap().to_owned();
    assert_eq!(
        status(console.setup_code(&there(), "AAAA-BBBB-CCCC").await),
        403
    );
    assert_eq!(status(console.setup_code(&there(), "").await), 403);
    let issued = console
        .setup_code(&there(), &code.to_lowercase().replace('-', " "))
        .await
        .unwrap();
    assert_eq!(issued.session.kind, SessionKind::Setup);
    assert_eq!(door(hall, &with(&issued)).await, Door::Setup);
    assert_eq!(door(hall, &there()).await, Door::SetupCode);
    let signed_in = console
        .change_password(&with(&issued), None, PASSWORD)
        .await
        .unwrap();
    assert_ne!(signed_in.cookie, issued.cookie);
    assert!(is_open(hall, &signed_in).await);
    // The code and the session that it began are worth nothing now.
    assert_eq!(door(hall, &with(&issued)).await, Door::Login);
    assert_eq!(status(console.setup_code(&there(), &code).await), 403);
}

async fn set_up_codes_cannot_be_guessed(hall: &Hall) {
    calm_minute().await;
    let console = hall.app.console();
    // Strangers elsewhere, as many as there may be, are in nobody's way.
    for attempt in 0..70 {
        let visit = from([203, 0, 113, attempt]);
        assert_eq!(
            status(console.setup_code(&visit, "AAAA-BBBB-CCCC").await),
            403
        );
    }
    for _ in 0..10 {
        assert_eq!(
            status(console.setup_code(&there(), "AAAA-BBBB-CCCC").await),
            403
        );
    }
    let code = console.setup_code_to_print().unwrap().to_owned();
    let refused = console.setup_code(&there(), &code).await.err().unwrap();
    assert_eq!(refused.status, 429);
    assert!(refused.extra["ttl"].as_u64().is_some_and(|ttl| ttl <= 60));
    assert!(
        console
            .setup_code(&from([192, 0, 2, 8]), &code)
            .await
            .is_ok()
    );
}

async fn a_login_tells_nothing_of_what_was_wrong(hall: &Hall) {
    set_up(hall).await;
    let console = hall.app.console();
    let long = "a".repeat(5000);
    let mut answers = Vec::new();
    for (user, password) in [
        ("admin", "wrong password"),
        ("nobody", PASSWORD),
        ("nobody", "wrong password"),
        ("admin", ""),
        ("", ""),
        ("admin", &long),
        ("ADMIN", PASSWORD),
    ] {
        let error = console
            .login(user, password, false, &there())
            .await
            .err()
            .unwrap();
        answers.push(error.envelope().to_string());
    }
    answers.dedup();
    assert_eq!(
        answers,
        [r#"{"statusCode":403,"error":"Forbidden","message":"Failed to authenticate"}"#]
    );
    assert!(matches!(
        console.login(" admin ", PASSWORD, false, &there()).await,
        Ok(LoginStep::Done(_))
    ));
}

async fn logins_are_limited_by_address_and_by_user(hall: &Hall) {
    set_up(hall).await;
    calm_minute().await;
    let console = hall.app.console();
    // A made-up address of every request counts as the one that is proven.
    for attempt in 0..10_u8 {
        let visit = Visit {
            address: Some(IpAddr::from([198, 51, 100, attempt])),
            ..from([203, 0, 113, 1])
        };
        assert_eq!(status(console.login("admin", "", false, &visit).await), 403);
    }
    let refused = console
        .login("admin", PASSWORD, false, &from([203, 0, 113, 1]))
        .await;
    assert_eq!(status(refused), 429);
    // Its owner comes from another address.
    login(hall, &from([203, 0, 113, 2])).await;
    for attempt in 0..30 {
        let user = format!("user {attempt}");
        assert_eq!(
            status(
                console
                    .login(&user, &"x".repeat(300), false, &there())
                    .await
            ),
            403
        );
    }
    assert_eq!(
        status(console.login("yet another", "", false, &there()).await),
        429
    );
}

async fn a_hundred_failures_of_one_user_are_enough_for_a_minute(hall: &Hall) {
    set_up(hall).await;
    let console = hall.app.console();
    calm_minute().await;
    // A password that is too long is not hashed.
    let long = "x".repeat(300);
    for attempt in 0..100_u8 {
        let visit = from([198, 51, 100, attempt]);
        let answer = console.login("admin", &long, false, &visit).await;
        assert_eq!(status(answer), 403);
        // What succeeds does not count.
        if attempt % 10 == 0 {
            login(hall, &from([198, 51, 101, attempt])).await;
        }
    }
    let refused = console
        .login("admin", PASSWORD, false, &from([198, 51, 102, 1]))
        .await;
    assert_eq!(status(refused), 429);
    let other = console
        .login("somebody", PASSWORD, false, &from([198, 51, 102, 1]))
        .await;
    assert_eq!(status(other), 403);
}

async fn a_login_begins_a_session_of_a_new_id(hall: &Hall) {
    set_up(hall).await;
    let first = login(hall, &there()).await;
    // Somebody who planted a cookie, or knows the last one, has nothing of the login.
    let second = login(hall, &with(&first)).await;
    assert_ne!(first.cookie, second.cookie);
    assert!(!is_open(hall, &first).await);
    assert!(is_open(hall, &second).await);
    let planted = Visit {
        cookie: Some("planted".to_owned()),
        ..there()
    };
    let third = login(hall, &planted).await;
    assert_ne!(third.cookie, "planted");
    hall.app.console().logout(&with(&third)).await.unwrap();
    assert!(!is_open(hall, &third).await);
    assert_eq!(door(hall, &planted).await, Door::Login);
}

async fn a_new_password_ends_every_other_session(hall: &Hall) {
    let first = set_up(hall).await;
    let second = login(hall, &there()).await;
    let console = hall.app.console();
    let wrong = console
        .change_password(&with(&first), Some("wrong"), "battery staple")
        .await;
    assert_eq!(status(wrong), 403);
    let changed = console
        .change_password(&with(&first), Some(PASSWORD), "battery staple")
        .await
        .unwrap();
    assert!(is_open(hall, &changed).await);
    assert!(!is_open(hall, &first).await && !is_open(hall, &second).await);
    assert_eq!(
        status(console.login("admin", PASSWORD, false, &there()).await),
        403
    );
    // A session that was begun with the old password at the same moment is none either.
    let late = Session::new(
        SessionKind::Full,
        "admin",
        first.session.password_version,
        &there(),
    );
    let cookie = hall.app.sessions().begin(&late).await.unwrap();
    let visit = Visit {
        cookie: Some(cookie.clone()),
        ..there()
    };
    assert_eq!(door(hall, &visit).await, Door::Login);
    let token = hall
        .app
        .sessions()
        .token(&cookie, &AccountId::new("own"))
        .await
        .unwrap();
    let asked = posthouse_app::Request {
        session_cookie: Some(cookie),
        ..request(bearer(&token))
    };
    let operation = posthouse_contract::operation("getV1AccountAccount").unwrap();
    let refused = hall
        .admit_request(asked, operation, Some("own"))
        .await
        .unwrap_err();
    assert_eq!(refused.error.message, "Session has ended");
}

async fn a_password_set_beside_the_server_ends_sessions_and_one_time_passwords(hall: &Hall) {
    let first = set_up(hall).await;
    let (_, codes) = enrol(hall, &first).await;
    assert_eq!(codes.len(), 10);
    let beside = hall.beside().await;
    let set = set_password(&beside, None).await.unwrap();
    assert_eq!(set.password.len(), 32);
    assert!(!is_open(hall, &first).await);
    let (app, password) = (&hall.app, set.password.as_str());
    posthouse_testkit::eventually("the new password", Duration::from_secs(2), || async {
        let step = app
            .console()
            .login("admin", password, false, &there())
            .await;
        match step {
            Ok(LoginStep::Done(issued)) => is_open(hall, &issued).await.then_some(()),
            _ => None,
        }
    })
    .await;
    assert!(
        set_password(&beside, Some("short".to_owned()))
            .await
            .is_err()
    );
    // What it prints is what a prepared password is.
    let record = BASE64_URL_SAFE_NO_PAD.decode(&set.prepared).unwrap();
    assert!(record.starts_with(b"$pbkdf2-sha256$i=600000$"));
}

async fn one_time_passwords_are_needed_once_confirmed(hall: &Hall) {
    let signed_in = set_up(hall).await;
    let console = hall.app.console();
    let visit = with(&signed_in);
    let enrolment = console
        .totp_enrol(&visit, PASSWORD, Some("mail.example"))
        .await
        .unwrap();
    assert_eq!(
        enrolment.address,
        format!(
            "otpauth://totp/Posthouse:admin%40mail.example?secret={}&issuer=Posthouse&algorithm=SHA1&digits=6&period=30",
            enrolment.secret
        )
    );
    // Not confirmed, not needed.
    login(hall, &there()).await;
    assert!(console.totp_pending(&visit, None).await.unwrap().is_some());
    assert_eq!(status(console.totp_confirm(&visit, "000000").await), 403);
    let codes = console
        .totp_confirm(&visit, &code(&enrolment.secret, 0))
        .await
        .unwrap();
    assert_eq!(codes.len(), 10);
    assert!(console.totp_pending(&visit, None).await.unwrap().is_none());
    assert_eq!(
        status(console.totp_enrol(&visit, PASSWORD, None).await),
        409
    );
    let security = console.security(&visit).await.unwrap();
    assert!(security.totp && security.recovery_left == 10);

    let pending = begin(hall).await;
    assert_eq!(pending.max_age, None);
    assert_eq!(door(hall, &with(&pending)).await, Door::Totp);
    assert_eq!(
        status(console.totp(&there(), &code(&enrolment.secret, 1)).await),
        401
    );
    assert_eq!(status(console.totp(&with(&pending), "12345").await), 403);
    let done = console
        .totp(&with(&pending), &code(&enrolment.secret, 1))
        .await
        .unwrap();
    assert_ne!(done.cookie, pending.cookie);
    assert_eq!(done.max_age, Some(Duration::from_secs(30 * 24 * 3600)));
    assert!(is_open(hall, &done).await);
    assert_eq!(door(hall, &with(&pending)).await, Door::Login);

    assert_eq!(
        status(console.totp_disable(&with(&done), "wrong").await),
        403
    );
    console.totp_disable(&with(&done), PASSWORD).await.unwrap();
    login(hall, &there()).await;
}

async fn a_one_time_password_is_good_once(hall: &Hall) {
    let signed_in = set_up(hall).await;
    let (secret, _) = enrol(hall, &signed_in).await;
    let console = hall.app.console();
    let (first, second) = (begin(hall).await, begin(hall).await);
    let used = code(&secret, 0);
    console.totp(&with(&first), &used).await.unwrap();
    assert_eq!(status(console.totp(&with(&second), &used).await), 403);
    console
        .totp(&with(&second), &code(&secret, 1))
        .await
        .unwrap();
    // It is the store that remembers, so that it holds on every node and after a restart.
    let counted = rates_of(hall.app.store()).await;
    assert_eq!(counted, 3, "the confirmation and both logins");
}

/// Five wrong codes of a login, from an address; the session has ended afterwards.
async fn guess(hall: &Hall, address: [u8; 4]) {
    let console = hall.app.console();
    let pending = begin_from(hall, address).await;
    let visit = with_from(&pending, address);
    for _ in 0..4 {
        assert_eq!(status(console.totp(&visit, "00000x").await), 403);
    }
    let last = console.totp(&visit, "00000x").await.err().unwrap();
    assert_eq!((last.status, last.code_str()), (401, Some("TooManyCodes")));
    assert_eq!(door(hall, &visit).await, Door::Login);
}

async fn one_time_passwords_cannot_be_guessed(hall: &Hall) {
    let signed_in = set_up(hall).await;
    let (secret, codes) = enrol(hall, &signed_in).await;
    calm_minute().await;
    let console = hall.app.console();
    guess(hall, [203, 0, 113, 1]).await;
    guess(hall, [203, 0, 113, 1]).await;
    // Ten from there in this minute; what others tried does not count against the owner.
    let pending = begin_from(hall, [203, 0, 113, 1]).await;
    let visit = with_from(&pending, [203, 0, 113, 1]);
    assert_eq!(status(console.totp(&visit, &code(&secret, 0)).await), 429);
    assert_eq!(status(console.recovery(&visit, &codes[0]).await), 429);
    let owner = begin_from(hall, [203, 0, 113, 9]).await;
    let owner = with_from(&owner, [203, 0, 113, 9]);
    assert_eq!(status(console.totp(&owner, &code(&secret, 0)).await), 200);
}

async fn after_thirty_wrong_codes_in_an_hour_a_recovery_code_is_needed(hall: &Hall) {
    while Timestamp::now().millis().rem_euclid(3_600_000) > 3_560_000 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let signed_in = set_up(hall).await;
    let (secret, codes) = enrol(hall, &signed_in).await;
    for address in 1..7_u8 {
        guess(hall, [203, 0, 113, address]).await;
    }
    let console = hall.app.console();
    let owner = begin_from(hall, [203, 0, 113, 9]).await;
    let owner = with_from(&owner, [203, 0, 113, 9]);
    let refused = console.totp(&owner, &code(&secret, 0)).await.err().unwrap();
    assert_eq!(refused.status, 429);
    assert!(refused.message.contains("recovery code"), "{refused:?}");
    assert!(refused.extra["ttl"].as_u64().is_some_and(|ttl| ttl <= 3600));
    assert_eq!(status(console.recovery(&owner, &codes[0]).await), 200);
}

async fn many_codes_at_once_are_no_more_than_one_after_the_other(hall: &Hall) {
    let signed_in = set_up(hall).await;
    enrol(hall, &signed_in).await;
    let pending = begin(hall).await;
    // From an address each, so that the limit by address lets them through.
    let visits: Vec<Visit> = (0..20)
        .map(|last| with_from(&pending, [203, 0, 113, last]))
        .collect();
    let console = hall.app.console();
    let answers =
        futures_util::future::join_all(visits.iter().map(|visit| console.totp(visit, "00000x")))
            .await;
    let looked_at = answers
        .into_iter()
        .filter(|answer| matches!(answer, Err(error) if error.status == 403))
        .count();
    assert!(looked_at <= 4, "{looked_at}");
}

async fn of_several_first_passwords_one_is_set(hall: &Hall) {
    let console = hall.app.console();
    let passwords: Vec<String> = (0..4).map(|n| format!("password {n}")).collect();
    let visit = here();
    let set = futures_util::future::join_all(
        passwords
            .iter()
            .map(|password| console.change_password(&visit, None, password)),
    )
    .await;
    let (mut won, mut lost) = (Vec::new(), 0);
    for (password, result) in passwords.iter().zip(set) {
        match result {
            Ok(issued) => won.push((password, issued)),
            Err(error) => {
                assert_eq!(error.status, 409);
                lost += 1;
            }
        }
    }
    assert_eq!((won.len(), lost), (1, 3));
    let (password, issued) = &won[0];
    assert!(is_open(hall, issued).await);
    assert_eq!(
        status(console.login("admin", password, false, &there()).await),
        200
    );
    // So it is with two changes of it.
    let (visit, old) = (with(issued), Some(password.as_str()));
    let (first, second) = tokio::join!(
        console.change_password(&visit, old, "another one"),
        console.change_password(&visit, old, "yet another one"),
    );
    let mut statuses = [status(first), status(second)];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

async fn switching_one_time_passwords_on_takes_the_password(hall: &Hall) {
    let visit = with(&set_up(hall).await);
    let console = hall.app.console();
    for wrong in ["", "wrong password"] {
        assert_eq!(status(console.totp_enrol(&visit, wrong, None).await), 403);
    }
    assert!(console.totp_pending(&visit, None).await.unwrap().is_none());
    assert!(console.totp_enrol(&visit, PASSWORD, None).await.is_ok());
}

async fn tokens_of_the_reference_end_with_the_session(hall: &Hall) {
    let own = set_up(hall).await;
    let (app, console) = (&hall.app, hall.app.console());
    let issue = async || {
        let caller = own.session.caller(None);
        let issued = app.reference_token(&caller).await.unwrap();
        issued.value.expose()
    };
    let works = async |token: &str| hall.admit(bearer(token), "getV1Stats", None).await.is_ok();
    let kept = hall.token_of(Scope::Api, None).await;

    let (first, second) = (issue().await, issue().await);
    assert!(works(&first).await && works(&second).await);
    console
        .logout(&with(&login(hall, &there()).await))
        .await
        .unwrap();
    assert!(!works(&first).await && !works(&second).await, "logout");

    let token = issue().await;
    let other = login(hall, &there()).await;
    console
        .revoke(&with(&own), &other.session.id)
        .await
        .unwrap();
    assert!(!works(&token).await, "revoke");

    let token = issue().await;
    console.revoke_others(&with(&own)).await.unwrap();
    assert!(!works(&token).await, "revoke others");

    let token = issue().await;
    let changed = console
        .change_password(&with(&own), Some(PASSWORD), "battery staple")
        .await
        .unwrap();
    assert!(!works(&token).await, "password");

    let token = issue().await;
    set_password(&hall.beside().await, None).await.unwrap();
    posthouse_testkit::eventually("the token has ended", Duration::from_secs(2), || async {
        (!works(&token).await).then_some(())
    })
    .await;
    assert!(!is_open(hall, &changed).await);
    assert!(works(&kept).await);
}

async fn what_a_page_asks_by_itself_keeps_no_session_alive_and_none_lives_for_ever(hall: &Hall) {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let own = set_up(hall).await;
    // Not used for two minutes.
    let rest = async || {
        let mut batch = Batch::new();
        batch.push(
            "UPDATE sessions SET seen = seen - 120000, expires = expires - 120000",
            Vec::new(),
        );
        hall.app.store().commit(batch).await.unwrap();
    };
    let ends = async || {
        let sql = "SELECT MAX(expires) FROM sessions";
        let row = hall.app.store().query_one(sql, Vec::new()).await.unwrap();
        row.unwrap().i64(0).unwrap()
    };
    rest().await;
    let before = ends().await;
    let background = Visit {
        background: true,
        ..with(&own)
    };
    assert!(matches!(door(hall, &background).await, Door::Open(_)));
    assert_eq!(ends().await, before);
    assert!(is_open(hall, &own).await);
    assert!(ends().await > before);

    for (remember, most) in [(false, 30), (true, 90)] {
        let mut session = own.session.clone();
        session.remember = remember;
        let almost = DAY * most - Duration::from_secs(3600);
        session.created = Timestamp(Timestamp::now().millis() - almost.as_millis() as i64);
        let cookie = hall.app.sessions().begin(&session).await.unwrap();
        let sql = "UPDATE sessions SET seen = seen - 120000, expires = expires - $1";
        let mut batch = Batch::new();
        // As if it had last been used long ago.
        let long = session.lasts().as_millis() as i64 - 60_000;
        batch.push(sql, vec![long.into()]);
        hall.app.store().commit(batch).await.unwrap();
        assert!(hall.app.sessions().open(&cookie).await.unwrap().is_some());
        let end = session.created.after(DAY * most).millis();
        assert_eq!(ends().await, end, "{most} days after its beginning");
    }
}

async fn recovery_codes_are_good_once(hall: &Hall) {
    let signed_in = set_up(hall).await;
    let (_, codes) = enrol(hall, &signed_in).await;
    let console = hall.app.console();
    let pending = begin(hall).await;
    assert_eq!(
        status(console.recovery(&with(&pending), "AAAA-AAAA-AAAA").await),
        403
    );
    assert_eq!(status(console.recovery(&with(&pending), "").await), 403);
    let typed = codes[3].to_lowercase().replace('-', " ");
    let done = console.recovery(&with(&pending), &typed).await.unwrap();
    assert!(is_open(hall, &done).await);
    assert_eq!(
        console.security(&with(&done)).await.unwrap().recovery_left,
        9
    );
    let again = begin(hall).await;
    assert_eq!(
        status(console.recovery(&with(&again), &codes[3]).await),
        403
    );
    console.recovery(&with(&again), &codes[4]).await.unwrap();
    // The store has their hashes alone.
    let stored = settings::get(hall.app.store(), "totpRecoveryCodes")
        .await
        .unwrap()
        .unwrap();
    assert!(
        !codes
            .iter()
            .any(|code| stored.to_string().contains(code.as_str()))
    );
    // New ones are worth the old ones' end.
    assert_eq!(
        status(console.recovery_codes(&with(&done), "wrong").await),
        403
    );
    let new = console
        .recovery_codes(&with(&done), PASSWORD)
        .await
        .unwrap();
    let last = begin(hall).await;
    assert_eq!(status(console.recovery(&with(&last), &codes[5]).await), 403);
    console.recovery(&with(&last), &new[0]).await.unwrap();
}

async fn sessions_are_listed_and_revoked(hall: &Hall) {
    let own = set_up(hall).await;
    let visit = with(&own);
    let console = hall.app.console();
    let loud = Visit {
        user_agent: Some("x".repeat(1000)),
        ..from([192, 0, 2, 9])
    };
    let (second, third) = (login(hall, &loud).await, login(hall, &there()).await);
    let list = console.sessions(&visit).await.unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(list.iter().filter(|entry| entry.current).count(), 1);
    let entry = list
        .iter()
        .find(|entry| entry.session.id == second.session.id)
        .unwrap();
    assert_eq!(entry.session.address.as_deref(), Some("192.0.2.9"));
    assert_eq!(entry.session.user_agent.as_ref().unwrap().len(), 256);
    assert!(!entry.current);
    // An id from the list opens nothing.
    let posing = Visit {
        cookie: Some(entry.session.id.clone()),
        ..there()
    };
    assert_eq!(door(hall, &posing).await, Door::Login);
    assert!(console.revoke(&visit, &second.session.id).await.unwrap());
    assert!(!console.revoke(&visit, &second.session.id).await.unwrap());
    assert!(!is_open(hall, &second).await && is_open(hall, &third).await);
    assert_eq!(console.revoke_others(&visit).await.unwrap(), 1);
    assert!(is_open(hall, &own).await && !is_open(hall, &third).await);
    assert_eq!(status(console.sessions(&with(&third)).await), 401);
}

async fn a_user_has_a_hundred_sessions_at_the_most(hall: &Hall) {
    let own = set_up(hall).await;
    let session = Session::new(
        SessionKind::Full,
        "admin",
        own.session.password_version,
        &there(),
    );
    for _ in 0..105 {
        hall.app.sessions().begin(&session).await.unwrap();
    }
    let last = login(hall, &there()).await;
    assert_eq!(
        hall.app
            .console()
            .sessions(&with(&last))
            .await
            .unwrap()
            .len(),
        100
    );
}

async fn a_waiting_login_opens_nothing(hall: &Hall) {
    let signed_in = set_up(hall).await;
    enrol(hall, &signed_in).await;
    let pending = begin(hall).await;
    let visit = with(&pending);
    let console = hall.app.console();
    assert_eq!(status(console.sessions(&visit).await), 401);
    assert_eq!(status(console.totp_disable(&visit, PASSWORD).await), 401);
    assert_eq!(
        status(
            console
                .change_password(&visit, Some(PASSWORD), "another one")
                .await
        ),
        401
    );
    let token = hall
        .app
        .sessions()
        .token(&pending.cookie, &AccountId::new("own"))
        .await;
    assert_eq!(status(token), 401);
}

async fn the_first_run_is_seen_from_what_is_there(hall: &Hall) {
    let look = async || hall.app.first_run().await.unwrap();
    assert_eq!(look().await.done(), 0);
    set_up(hall).await;
    // The token that a first start prints is not the one that a person made, until it is used.
    let token = hall.token_of(Scope::All, None).await;
    let run = look().await;
    assert!(run.password && !run.token && run.is_open());
    hall.admit(bearer(&token), "getV1Accounts", None)
        .await
        .unwrap();
    posthouse_testkit::eventually("the use is written", Duration::from_secs(5), || async {
        look().await.token.then_some(())
    })
    .await;
    hall.call(
        "postV1Settings",
        ask().body(json!({ "webhooks": "http://127.0.0.1:9/", "webhooksEnabled": true })),
    )
    .await
    .unwrap();
    assert!(look().await.webhook);
    hall.connected_account("own").await;
    let run = look().await;
    assert!(run.mailbox && run.is_open() || run.is_complete());
    posthouse_testkit::eventually("the first event", Duration::from_secs(10), || async {
        look().await.is_complete().then_some(())
    })
    .await;
    // Once complete it stays put away, whatever is taken back.
    hall.call(
        "postV1Settings",
        ask().body(json!({ "webhooksEnabled": false })),
    )
    .await
    .unwrap();
    let run = look().await;
    assert!(run.dismissed && !run.is_complete() && !run.is_open());
}
