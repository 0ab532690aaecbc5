//! The door of the console: passwords, logins, one-time passwords, sessions, the set-up.

use std::{net::IpAddr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use posthouse_app::{
    App, AppConfig, Door, LoginStep, NewSession, Session, SessionKind, StartError, Visit,
    commands::set_password,
};
use posthouse_model::{AccountId, ApiError, Scope, Timestamp};
use posthouse_store::{Store, settings};
use serde_json::json;
use sha1::Sha1;

use crate::support::{Hall, ask, bearer, postgres_config, request, sqlite_config};

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
    recovery_codes_are_good_once,
    sessions_are_listed_and_revoked,
    a_user_has_a_hundred_sessions_at_the_most,
    a_waiting_login_opens_nothing,
    the_first_run_is_seen_from_what_is_there,
);

const PASSWORD: &str = "correct horse";

/// From this machine, without a session.
fn here() -> Visit {
    Visit {
        address: Some(IpAddr::from([127, 0, 0, 1])),
        loopback: true,
        ..Visit::default()
    }
}

/// From elsewhere, without a session.
fn there() -> Visit {
    from([192, 0, 2, 7])
}

fn from(address: [u8; 4]) -> Visit {
    Visit {
        address: Some(IpAddr::from(address)),
        user_agent: Some("Browser".to_owned()),
        ..Visit::default()
    }
}

fn with(issued: &NewSession) -> Visit {
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
    match hall
        .app
        .console()
        .login("admin", PASSWORD, true, &there())
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
        .totp_enrol(&visit, Some("mail.example"))
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
    for attempt in 0..10_u8 {
        let visit = from([198, 51, 100, attempt]);
        assert_eq!(status(console.login("admin", "", false, &visit).await), 403);
    }
    let refused = console
        .login("admin", PASSWORD, false, &from([198, 51, 100, 99]))
        .await;
    assert_eq!(status(refused), 429);
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
        .totp_enrol(&visit, Some("mail.example"))
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
    assert_eq!(status(console.totp_enrol(&visit, None).await), 409);
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

async fn one_time_passwords_cannot_be_guessed(hall: &Hall) {
    let signed_in = set_up(hall).await;
    let (secret, codes) = enrol(hall, &signed_in).await;
    calm_minute().await;
    let console = hall.app.console();
    let pending = begin(hall).await;
    for _ in 0..10 {
        assert_eq!(status(console.totp(&with(&pending), "00000x").await), 403);
    }
    assert_eq!(
        status(console.totp(&with(&pending), &code(&secret, 0)).await),
        429
    );
    assert_eq!(
        status(console.recovery(&with(&pending), &codes[0]).await),
        429
    );
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_password_is_stored_at_every_start_and_sessions_outlive_one_that_is_the_same() {
    // Made by Python: `hashlib.pbkdf2_hmac("sha256", b"correct horse", bytes(range(16)), 1000, 32)`.
    let record =
        "$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ";
    for (config, _folder) in [sqlite_config(), postgres_config().await] {
        let start = |password: Option<&str>| {
            let (config, password) = (config.clone(), password.map(str::to_owned));
            async move {
                let app = AppConfig {
                    prepared_password: password,
                    ..AppConfig::default()
                };
                App::start(Store::open(config).await.unwrap(), app)
                    .await
                    .unwrap()
            }
        };
        let stop = async |app: App| {
            app.shutdown(Duration::from_secs(5)).await;
            app.store().close().await.unwrap();
        };
        let prepared = BASE64_URL_SAFE_NO_PAD.encode(record);
        let app = start(Some(&prepared)).await;
        let Ok(LoginStep::Done(issued)) = app
            .console()
            .login("admin", PASSWORD, false, &there())
            .await
        else {
            panic!("the prepared password does not open")
        };
        assert_eq!(app.console().door(&here()).await.unwrap(), Door::Login);
        stop(app).await;
        // The same again: the session goes on.
        let app = start(Some(&prepared)).await;
        assert!(matches!(
            app.console().door(&with(&issued)).await.unwrap(),
            Door::Open(_)
        ));
        // Another one in the meantime: the prepared one comes back with the next start.
        let changed = app
            .console()
            .change_password(&with(&issued), Some(PASSWORD), "battery staple")
            .await
            .unwrap();
        stop(app).await;
        let app = start(Some(&prepared)).await;
        assert_eq!(
            app.console().door(&with(&changed)).await.unwrap(),
            Door::Login
        );
        let step = app
            .console()
            .login("admin", PASSWORD, false, &there())
            .await;
        assert!(matches!(step, Ok(LoginStep::Done(_))));
        stop(app).await;
        let stored = start(None).await;
        assert!(stored.console().password_is_set());
        stop(stored).await;
    }
}

#[tokio::test]
async fn a_prepared_password_that_cannot_be_used_stops_the_start() {
    let (config, _folder) = sqlite_config();
    let store = Store::open(config).await.unwrap();
    for bad in ["correct horse", "", "JHBia2RmMg"] {
        let app = AppConfig {
            prepared_password: Some(bad.to_owned()),
            ..AppConfig::default()
        };
        let error = App::start(store.clone(), app).await.map(drop).unwrap_err();
        assert!(matches!(error, StartError::Password(_)), "{error}");
    }
    assert_eq!(settings::get(&store, "authData").await.unwrap(), None);
}

#[tokio::test]
async fn the_console_opens_to_listed_addresses_alone() {
    let (config, _folder) = sqlite_config();
    let store = Store::open(config).await.unwrap();
    let app = AppConfig {
        admin_addresses: vec!["10.0.0.0/8".to_owned(), "192.0.2.7".to_owned()],
        ..AppConfig::default()
    };
    let app = App::start(store.clone(), app).await.unwrap();
    let allowed = |text: &str| app.console_address_allowed(text.parse().unwrap());
    assert!(allowed("10.1.2.3") && allowed("192.0.2.7") && allowed("::ffff:192.0.2.7"));
    assert!(!allowed("192.0.2.8") && !allowed("127.0.0.1") && !allowed("::1"));
    let open = App::start(store, AppConfig::default()).await.unwrap();
    assert!(open.console_address_allowed("203.0.113.1".parse().unwrap()));
    assert!(json!(open.settings().value("authData")).is_null());
}
