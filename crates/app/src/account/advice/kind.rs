//! Telling failures apart by their codes and words.

/// A failure, told by its code and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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

/// What a failure is; `authentication` where it is known to be one of the login.
pub(super) fn kind(code: &str, said: &str, authentication: bool) -> Kind {
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
