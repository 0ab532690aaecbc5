//! Errors of accounts in plain words: what they mean and what to do. Pure functions of what is stored.
//!
//! Mail servers say the same thing in many ways; what counts is the code (RFC 5530 names most), then the words.

use posthouse_model::{
    AccountState,
    account::{AccountError, SmtpStatus},
};

/// A failure in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// A few words.
    pub title: String,
    /// What it means, one or two sentences.
    pub meaning: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What the server or the network said.
    pub said: Option<String>,
    /// Posthouse tries again by itself and this may go away.
    pub passing: bool,
}

/// What is known of an account's trouble.
#[derive(Debug, Clone, Copy)]
pub struct Trouble<'a> {
    /// State.
    pub state: AccountState,
    /// The last failure.
    pub error: Option<&'a AccountError>,
    /// IMAP is switched off for the account.
    pub disabled: bool,
    /// The mail server.
    pub host: Option<&'a str>,
}

/// A provider that does not take the password with which its web page is opened.
struct Provider {
    name: &'static str,
    /// What its refusal of a password means, in a few words.
    title: &'static str,
    /// Ends of its servers' names.
    hosts: &'static [&'static str],
    /// What to do instead.
    steps: &'static [&'static str],
}

const APP_PASSWORD: &str = "An app password is needed";

const PROVIDERS: &[Provider] = &[
    Provider {
        name: "Gmail",
        title: APP_PASSWORD,
        hosts: &["gmail.com", "googlemail.com", "google.com"],
        steps: &[
            "Turn on 2-step verification for the Google account, then create an app password (Google account, Security, App passwords).",
            "Put the app password, without blanks, into this account in place of the usual password.",
        ],
    },
    Provider {
        name: "Microsoft",
        title: "Passwords are not taken there any more",
        hosts: &[
            "outlook.com",
            "office365.com",
            "hotmail.com",
            "live.com",
            "outlook.office.com",
        ],
        steps: &[
            "Microsoft takes no passwords over IMAP and SMTP any more, only OAuth2. Hand in a current access token in place of the password, or ask the administrator of the mailbox for another way in.",
        ],
    },
    Provider {
        name: "Yahoo",
        title: APP_PASSWORD,
        hosts: &["yahoo.com", "yahoodns.net", "aol.com", "aim.com"],
        steps: &[
            "Create an app password on the account security page of the provider.",
            "Put the app password into this account in place of the usual password.",
        ],
    },
    Provider {
        name: "iCloud",
        title: APP_PASSWORD,
        hosts: &["me.com", "icloud.com", "mac.com"],
        steps: &[
            "Create an app-specific password at account.apple.com (Sign-in and Security).",
            "Use the part of the iCloud address before @ as the user name if the full address is refused.",
        ],
    },
    Provider {
        name: "Fastmail",
        title: APP_PASSWORD,
        hosts: &["fastmail.com", "messagingengine.com"],
        steps: &[
            "Create an app password with access to mail (Settings, Privacy & Security) and put it into this account.",
        ],
    },
    Provider {
        name: "Zoho",
        title: APP_PASSWORD,
        hosts: &["zoho.com", "zoho.eu", "zoho.in", "zohocloud.ca"],
        steps: &[
            "Turn on IMAP access in the mail settings of Zoho.",
            "With 2-factor authentication, create an application-specific password and put it into this account.",
        ],
    },
    Provider {
        name: "Yandex",
        title: APP_PASSWORD,
        hosts: &["yandex.com", "yandex.ru", "yandex.net"],
        steps: &[
            "Allow mail programs in the mail settings of Yandex.",
            "Create an app password for mail and put it into this account.",
        ],
    },
    Provider {
        name: "Mail.ru",
        title: APP_PASSWORD,
        hosts: &["mail.ru"],
        steps: &[
            "Create a password for external applications in the security settings and put it into this account.",
        ],
    },
    Provider {
        name: "GMX or WEB.DE",
        title: APP_PASSWORD,
        hosts: &["gmx.net", "gmx.com", "gmx.de", "web.de"],
        steps: &[
            "Allow IMAP and POP3 in the mail settings of the provider.",
            "With 2-factor authentication, create an app password and put it into this account.",
        ],
    },
    Provider {
        name: "QQ or NetEase",
        title: "An authorisation code is needed",
        hosts: &["qq.com", "163.com", "126.com", "yeah.net"],
        steps: &[
            "Turn on IMAP in the mail settings of the provider; it shows an authorisation code. Put that code into this account in place of the password.",
        ],
    },
    Provider {
        name: "Proton",
        title: "The password of Bridge is needed",
        hosts: &["proton.me", "protonmail.com", "protonmail.ch"],
        steps: &[
            "Proton is reached through Proton Mail Bridge only: enter host, port and password that Bridge shows.",
        ],
    },
];

fn provider(host: Option<&str>) -> Option<&'static Provider> {
    let host = host?.trim_end_matches('.').to_ascii_lowercase();
    PROVIDERS.iter().find(|provider| {
        provider.hosts.iter().any(|end| {
            host.strip_suffix(end)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    })
}

/// A failure, told by its code and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Credentials,
    NoCredentials,
    WebLogin,
    Expired,
    Forbidden,
    PlainRefused,
    Unsupported,
    TooMany,
    Unavailable,
    Quota,
    Refused,
    NoHost,
    NoRoute,
    Silent,
    Cut,
    Certificate,
    Tls,
    Proxy,
    NotMail,
    OAuth,
    AuthServer,
    NoServer,
    Sender,
    Recipient,
    Content,
    Unknown,
}

fn kind(code: &str, said: &str, authentication: bool) -> Kind {
    let said = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let code = code.to_ascii_uppercase();
    match code.as_str() {
        "WEBALERT" => return Kind::WebLogin,
        "EXPIRED" => return Kind::Expired,
        "AUTHORIZATIONFAILED" | "NOPERM" | "CONTACTADMIN" => return Kind::Forbidden,
        "PRIVACYREQUIRED" => return Kind::PlainRefused,
        "AUTHENTICATIONUNSUPPORTED" => return Kind::Unsupported,
        "LIMIT" | "THROTTLED" => return Kind::TooMany,
        "INUSE" | "UNAVAILABLE" | "SERVERBUG" => return Kind::Unavailable,
        "OVERQUOTA" => return Kind::Quota,
        "ECONNREFUSED" => return Kind::Refused,
        "ENOTFOUND" | "EDNS" => return Kind::NoHost,
        "EHOSTUNREACH" | "ENETUNREACH" => return Kind::NoRoute,
        "ETIMEDOUT" | "ETIMEOUT" => return Kind::Silent,
        "EPROXY" => return Kind::Proxy,
        "OAUTHRENEWERROR" => return Kind::OAuth,
        "HTTPREQUESTERROR" => return Kind::AuthServer,
        "MISSINGCREDENTIALS" | "ENOAUTH" | "MISSINGACCESSTOKEN" => return Kind::NoCredentials,
        "NOSERVER" | "ENOHOST" => return Kind::NoServer,
        _ => {}
    }
    if says(&[
        "too many",
        "rate limit",
        "max_userip",
        "simultaneous",
        "concurrent",
    ]) {
        return Kind::TooMany;
    }
    if says(&["web login", "web browser", "log in via your web"]) {
        return Kind::WebLogin;
    }
    if code == "ETLS" || says(&["certificate"]) {
        let certificate = says(&[
            "certificate",
            "unknownissuer",
            "notvalidforname",
            "self-signed",
            "self signed",
        ]);
        return if certificate {
            Kind::Certificate
        } else {
            Kind::Tls
        };
    }
    if authentication || matches!(code.as_str(), "AUTHENTICATIONFAILED" | "EAUTH") {
        return Kind::Credentials;
    }
    match code.as_str() {
        "ESOCKET" if says(&["refused"]) => Kind::Refused,
        "ECONNRESET" | "ESOCKET" | "ECONNECTION" => Kind::Cut,
        "EPROTOCOL" => Kind::NotMail,
        _ if says(&["try again", "temporar", "unavailable"]) => Kind::Unavailable,
        _ => Kind::Unknown,
    }
}

/// What is wrong with an account's connection; none while all is well.
#[must_use]
pub fn for_connection(trouble: &Trouble<'_>) -> Option<Advice> {
    let said = trouble.error.map_or("", |error| error.response.as_str());
    if trouble.disabled && trouble.error.is_some() {
        return Some(Advice {
            title: "IMAP was switched off".to_owned(),
            meaning: "The mail server refused the login for three days, so Posthouse stopped asking. No new mail arrives."
                .to_owned(),
            steps: steps(
                provider(trouble.host).map_or(&[][..], |provider| provider.steps),
                &["Correct the user name or the password under Edit, and take away the tick at \"IMAP is switched off\"."],
            ),
            said: words(said),
            passing: false,
        });
    }
    let failing = matches!(
        trouble.state,
        AccountState::AuthenticationError | AccountState::ConnectError
    );
    let error = trouble
        .error
        .filter(|_| failing || trouble.state != AccountState::Connected);
    if !failing && error.is_none() {
        return None;
    }
    let code = error.map_or("", |error| error.server_response_code.as_str());
    let authentication = trouble.state == AccountState::AuthenticationError;
    Some(advise(kind(code, said, authentication), trouble.host, said))
}

/// A failed try to log in.
#[must_use]
pub fn of_failure(error: &AccountError, host: Option<&str>) -> Advice {
    let (code, said) = (&error.server_response_code, &error.response);
    advise(kind(code, said, false), host, said)
}

/// What the last delivery over SMTP met; none when it went well.
#[must_use]
pub fn for_smtp(status: &SmtpStatus, host: Option<&str>) -> Option<Advice> {
    if status.status != "error" {
        return None;
    }
    let said = status.response.as_deref().or(status.description.as_deref());
    let said = said.unwrap_or_default();
    let code = status.code.as_deref().unwrap_or_default();
    let command = status.command.as_deref().unwrap_or_default();
    let kind = match (code, status.response_code) {
        ("EENVELOPE", _) if command.starts_with("RCPT") => Kind::Recipient,
        ("EENVELOPE", _) => Kind::Sender,
        ("EMESSAGE", _) => Kind::Content,
        (_, Some(421 | 450..=454)) if code != "EAUTH" => Kind::Unavailable,
        _ => kind(code, said, code == "EAUTH"),
    };
    let mut advice = advise(kind, host, said);
    advice.title = format!("Sending: {}", lower_first(&advice.title));
    Some(advice)
}

fn advise(kind: Kind, host: Option<&str>, said: &str) -> Advice {
    let server = host.unwrap_or("the mail server");
    let provider = provider(host);
    let own: &[&str] = provider.map_or(&[][..], |provider| provider.steps);
    let (title, meaning, steps, passing): (&str, String, Vec<String>, bool) = match kind {
        Kind::Credentials => match provider {
            Some(provider) => (
                provider.title,
                format!(
                    "{server} refused the login. {} does not take the usual password from programs.",
                    provider.name
                ),
                steps(own, &["Check that the user name is the full address."]),
                false,
            ),
            None => (
                "The user name or password is wrong",
                format!("{server} refused the login."),
                steps(&[], &[
                    "Check the user name: many servers want the full address.",
                    "Enter the password again under Edit. With 2-factor authentication an app password may be needed.",
                    "Check with the provider that IMAP is allowed for this mailbox.",
                ]),
                false,
            ),
        },
        Kind::NoCredentials => (
            "There is no password",
            "The account has a server but nothing to log in with.".to_owned(),
            steps(&[], &["Enter user name and password under Edit."]),
            false,
        ),
        Kind::WebLogin => (
            "The provider wants a login in the browser",
            "It found this login unusual and blocks programs until the owner has confirmed it.".to_owned(),
            steps(&["Log in to the mailbox with a browser once and confirm that it was you."], own),
            false,
        ),
        Kind::Expired => (
            "The password has expired",
            format!("{server} does not take the password any more."),
            steps(&[], &["Set a new password with the provider, then enter it under Edit."]),
            false,
        ),
        Kind::Forbidden => (
            "The user may not open this mailbox",
            "The login is right, but the mailbox is locked or access over IMAP is not allowed.".to_owned(),
            steps(&[], &["Ask the administrator of the mailbox to allow IMAP for it.", "For a shared mailbox, check that this user has full access to it."]),
            false,
        ),
        Kind::PlainRefused => (
            "The server wants encryption",
            "It takes passwords over an encrypted connection only.".to_owned(),
            steps(&[], &["Turn on TLS for the server under Edit (port 993 for IMAP, 465 for SMTP)."]),
            false,
        ),
        Kind::Unsupported => (
            "The server offers no way to log in that is known here",
            "Neither a password nor a token can be handed over in a form that it takes.".to_owned(),
            steps(own, &["Turn on TLS under Edit: some servers take passwords only then.", "Ask the provider how programs log in."]),
            false,
        ),
        Kind::TooMany => (
            "Too many connections or logins",
            "The mailbox is opened by more programs, or more often, than the provider allows.".to_owned(),
            steps(&[], &[
                "Wait: Posthouse tries again by itself, more and more rarely.",
                "Close other programs that open this mailbox, and remove folders under \"Own connections\".",
            ]),
            true,
        ),
        Kind::Unavailable => (
            "The mail server is busy or under repair",
            format!("{server} answers, but cannot open the mailbox just now."),
            steps(&[], &["Wait: Posthouse tries again by itself.", "If it lasts for hours, ask the provider."]),
            true,
        ),
        Kind::Quota => (
            "The mailbox is full",
            "The provider's limit on size or traffic is reached.".to_owned(),
            steps(&[], &["Delete mail or enlarge the mailbox. A limit on traffic is lifted after some hours."]),
            false,
        ),
        Kind::Refused => (
            "Nothing listens there",
            format!("{server} is reached, but no mail server answers on this port."),
            steps(&[], &[
                "Check host and port: IMAP is 993 with TLS or 143 without, SMTP 465 with TLS or 587 without.",
                "Check that no firewall refuses the connection.",
            ]),
            true,
        ),
        Kind::NoHost => (
            "The server's name is not known",
            format!("There is no address for {server}."),
            steps(&[], &["Check the host name for a typing error.", "If it is right, check the DNS of this machine."]),
            false,
        ),
        Kind::NoRoute => (
            "There is no way to the server",
            format!("This machine's network does not lead to {server}."),
            steps(&[], &["Check the network of this machine, the firewall, and the proxy if one is set."]),
            true,
        ),
        Kind::Silent => (
            "The server does not answer",
            format!("{server} did not answer in time."),
            steps(&[], &[
                "Check host and port. TLS on a port without it, or the other way round, looks like this.",
                "Check that the firewall lets connections out to this port.",
                "Posthouse tries again by itself.",
            ]),
            true,
        ),
        Kind::Cut => (
            "The connection was cut",
            format!("{server} or something on the way closed it."),
            steps(&[], &["Posthouse connects again by itself.", "If it keeps happening, check the TLS setting and the firewall, and look into the protocol log."]),
            true,
        ),
        Kind::Certificate => (
            "The server's certificate is not valid",
            format!("It is expired, made by nobody known, or for another name than {server}, so the password is not sent."),
            steps(&[], &[
                "Use the host name that stands in the certificate.",
                "Have the certificate renewed.",
                "For a server of your own with a certificate of its own, allow invalid certificates for this account under Edit.",
            ]),
            false,
        ),
        Kind::Tls => (
            "Encryption could not be set up",
            format!("{server} and Posthouse found no common way, or the port is not for TLS."),
            steps(&[], &["Check whether the port is for TLS: 993 and 465 are; 143 and 587 are not and use STARTTLS.", "The server must offer TLS 1.2 or newer."]),
            false,
        ),
        Kind::Proxy => (
            "The proxy cannot be used",
            "The proxy of this account or of the instance is wrong, not reached, or refuses the connection.".to_owned(),
            steps(&[], &["Check the address of the proxy under Edit or in the network settings."]),
            false,
        ),
        Kind::NotMail => (
            "That is no mail server",
            format!("What {server} answers is not understood."),
            steps(&[], &["Check host and port.", "Turn on the protocol log and reconnect to see what it says."]),
            false,
        ),
        Kind::OAuth => (
            "The permission has ended",
            "The access token could not be renewed: the permission was withdrawn, or the password was changed.".to_owned(),
            steps(&[], &["Have the owner of the mailbox give the permission again."]),
            false,
        ),
        Kind::AuthServer => (
            "The authentication server does not answer",
            "The server that hands out credentials failed or does not know this account.".to_owned(),
            steps(&[], &["Check the authentication server and its address in the settings."]),
            true,
        ),
        Kind::NoServer => (
            "There is no mail server",
            "The account names no host to connect to.".to_owned(),
            steps(&[], &["Enter the host of the mail server under Edit."]),
            false,
        ),
        Kind::Sender => (
            "the sender was refused",
            format!("{server} does not let this account send from the address."),
            steps(&[], &["Check that the From address belongs to the mailbox."]),
            false,
        ),
        Kind::Recipient => (
            "a recipient was refused",
            "The address does not exist, or the server does not pass mail on to it.".to_owned(),
            steps(&[], &["Check the address.", "Check that the SMTP server wants a login and that one is set."]),
            false,
        ),
        Kind::Content => (
            "the message was refused",
            format!("{server} did not take its content or its size."),
            steps(&[], &["Read what the server said; it is often about spam or size."]),
            false,
        ),
        Kind::Unknown => (
            "The connection fails",
            format!("{server} gave an answer that has no explanation here."),
            steps(&[], &["Read what the server said.", "Turn on the protocol log and reconnect to see the conversation."]),
            true,
        ),
    };
    Advice {
        title: title.to_owned(),
        meaning,
        steps,
        said: words(said),
        passing,
    }
}

fn steps(first: &[&str], then: &[&str]) -> Vec<String> {
    let all = first.iter().chain(then);
    all.map(|step| (*step).to_owned()).collect()
}

fn words(said: &str) -> Option<String> {
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        // Not where a whole word is in capitals.
        Some(first) if !chars.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
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
}
