#![allow(clippy::unwrap_used)]
use super::*;

fn error(code: &str, response: &str) -> AccountError {
    AccountError {
        response: response.to_owned(),
        server_response_code: code.to_owned(),
        ..AccountError::default()
    }
}

fn connection(state: AccountState, code: &str, said: &str, host: &str) -> Advice {
    let trouble = Trouble {
        state,
        error: Some(&error(code, said)),
        disabled: false,
        host: Some(host),
    };
    for_connection(&trouble).unwrap()
}

#[test]
fn common_failures() {
    use AccountState::{AuthenticationError as Auth, ConnectError as Net};
    for (state, code, said, host, title) in [
        (
            Auth,
            "AUTHENTICATIONFAILED",
            "Authentication failed.",
            "mail.example.com",
            "The user name or password is wrong",
        ),
        (
            Auth,
            "AUTHENTICATIONFAILED",
            "Invalid credentials (Failure)",
            "imap.gmail.com",
            "An app password is needed",
        ),
        (
            Auth,
            "AUTHENTICATIONFAILED",
            "LOGIN failed.",
            "outlook.office365.com",
            "Passwords are not taken there any more",
        ),
        (
            Auth,
            "AUTHENTICATIONFAILED",
            "no",
            "notgmail.com",
            "The user name or password is wrong",
        ),
        (
            Auth,
            "WEBALERT",
            "Web login required.",
            "imap.gmail.com",
            "The provider wants a login in the browser",
        ),
        (
            Auth,
            "ALERT",
            "Please log in via your web browser",
            "imap.gmail.com",
            "The provider wants a login in the browser",
        ),
        (
            Auth,
            "AUTHORIZATIONFAILED",
            "",
            "h",
            "The user may not open this mailbox",
        ),
        (Auth, "EXPIRED", "", "h", "The password has expired"),
        (Auth, "MissingCredentials", "", "h", "There is no password"),
        (Auth, "OauthRenewError", "", "h", "The permission has ended"),
        (
            Auth,
            "HTTPRequestError",
            "",
            "h",
            "The authentication server does not answer",
        ),
        (
            Auth,
            "AuthenticationUnsupported",
            "",
            "h",
            "The server offers no way to log in that is known here",
        ),
        (
            Net,
            "PRIVACYREQUIRED",
            "",
            "h",
            "The server wants encryption",
        ),
        (Net, "ECONNREFUSED", "", "h", "Nothing listens there"),
        (Net, "ENOTFOUND", "", "h", "The server's name is not known"),
        (Net, "ETIMEDOUT", "", "h", "The server does not answer"),
        (
            Net,
            "EHOSTUNREACH",
            "",
            "h",
            "There is no way to the server",
        ),
        (Net, "ECONNRESET", "", "h", "The connection was cut"),
        (
            Net,
            "ETLS",
            "invalid peer certificate: UnknownIssuer",
            "h",
            "The server's certificate is not valid",
        ),
        (
            Net,
            "ETLS",
            "received corrupt message",
            "h",
            "Encryption could not be set up",
        ),
        (Net, "LIMIT", "", "h", "Too many connections or logins"),
        (
            Net,
            "ALERT",
            "Too many simultaneous connections. (Failure)",
            "imap.gmail.com",
            "Too many connections or logins",
        ),
        (
            Net,
            "INUSE",
            "",
            "h",
            "The mail server is busy or under repair",
        ),
        (
            Net,
            "UNAVAILABLE",
            "",
            "h",
            "The mail server is busy or under repair",
        ),
        (
            Net,
            "ServerRefused",
            "Try again later",
            "h",
            "The mail server is busy or under repair",
        ),
        (Net, "OVERQUOTA", "", "h", "The mailbox is full"),
        (Net, "EPROXY", "", "h", "The proxy cannot be used"),
        (Net, "EPROTOCOL", "", "h", "That is no mail server"),
        (Net, "NoServer", "", "h", "There is no mail server"),
        (Net, "XYZ", "hm", "h", "The connection fails"),
    ] {
        let advice = connection(state, code, said, host);
        assert_eq!(advice.title, title, "{code} {said}");
        assert!(
            !advice.meaning.is_empty() && !advice.steps.is_empty(),
            "{code}"
        );
        assert_eq!(
            advice.said.as_deref(),
            Some(said).filter(|said| !said.is_empty())
        );
    }
}

#[test]
fn no_trouble_needs_no_advice() {
    let calm = |state, error| Trouble {
        state,
        error,
        disabled: false,
        host: None,
    };
    assert_eq!(for_connection(&calm(AccountState::Connected, None)), None);
    let old = error("ETIMEDOUT", "");
    assert_eq!(
        for_connection(&calm(AccountState::Connected, Some(&old))),
        None
    );
    assert_eq!(for_connection(&calm(AccountState::Init, None)), None);
    // While it is tried again the reason stands.
    assert!(for_connection(&calm(AccountState::Connecting, Some(&old))).is_some());
    assert!(for_connection(&calm(AccountState::ConnectError, None)).is_some());
}

#[test]
fn imap_that_was_switched_off_says_how_to_switch_it_on() {
    let trouble = Trouble {
        state: AccountState::Unset,
        error: Some(&error("AUTHENTICATIONFAILED", "IMAP was disabled")),
        disabled: true,
        host: Some("imap.gmail.com"),
    };
    let by_hand = error("ETIMEDOUT", "no answer");
    let by_hand = Trouble {
        error: Some(&by_hand),
        ..trouble
    };
    assert_eq!(for_connection(&by_hand), None);
    let advice = for_connection(&trouble).unwrap();
    assert_eq!(advice.title, "IMAP was switched off");
    assert!(advice.steps[0].contains("app password"));
    assert!(
        advice
            .steps
            .last()
            .unwrap()
            .contains("IMAP is switched off")
    );
}

#[test]
fn sending() {
    let status = |code: &str, command: &str, number| SmtpStatus {
        status: "error".to_owned(),
        code: Some(code.to_owned()),
        command: Some(command.to_owned()),
        response: Some("no".to_owned()),
        response_code: number,
        ..SmtpStatus::default()
    };
    for (code, command, number, title) in [
        (
            "EAUTH",
            "AUTH",
            Some(535),
            "Sending: the user name or password is wrong",
        ),
        (
            "EENVELOPE",
            "MAIL FROM",
            Some(550),
            "Sending: the sender was refused",
        ),
        (
            "EENVELOPE",
            "RCPT TO",
            Some(550),
            "Sending: a recipient was refused",
        ),
        (
            "EMESSAGE",
            "DATA",
            Some(554),
            "Sending: the message was refused",
        ),
        (
            "ECONNREFUSED",
            "CONN",
            None,
            "Sending: nothing listens there",
        ),
        (
            "EPROTOCOL",
            "EHLO",
            Some(421),
            "Sending: the mail server is busy or under repair",
        ),
    ] {
        let advice = for_smtp(&status(code, command, number), Some("smtp.example.com"));
        assert_eq!(advice.unwrap().title, title);
    }
    let fine = SmtpStatus {
        status: "ok".to_owned(),
        ..SmtpStatus::default()
    };
    assert_eq!(for_smtp(&fine, None), None);
}
