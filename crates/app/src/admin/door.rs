//! The door of the console: who stands before it, and which way is open (behaviour 22).

use std::net::IpAddr;

use crate::{Session, SessionKind};

/// A request to the console, as far as a surface can tell.
#[derive(Clone, Default)]
pub struct Visit {
    /// The client's address, proxies resolved.
    pub address: Option<IpAddr>,
    /// Whether the client sits at this machine; see [`is_local`].
    pub loopback: bool,
    /// The cookie `ee`.
    pub cookie: Option<String>,
    /// `User-Agent` as sent.
    pub user_agent: Option<String>,
}

/// Which way is open to a visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// In: signed in.
    Open(Session),
    /// To the set-up: there is no password yet, and this visitor may set it.
    Setup,
    /// To the set-up, after the code that the server printed at its start.
    SetupCode,
    /// To the login.
    Login,
    /// To the second step of the login.
    Totp,
}

/// Headers that proxies add: a request that has one of them did not begin at this machine, whatever
/// its socket says.
pub const FORWARDING_HEADERS: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

/// Whether a request was made at this machine, by its user, on purpose: the socket's peer is
/// loopback, no proxy has `forwarded` it, and it names this machine by an address or by `localhost`.
/// Another name may be one that a stranger's page let point here (DNS rebinding).
///
/// `host` is the `Host` header, `bound` the address that the server listens on.
#[must_use]
pub fn is_local(peer: IpAddr, forwarded: bool, host: Option<&str>, bound: Option<IpAddr>) -> bool {
    if forwarded || !peer.to_canonical().is_loopback() {
        return false;
    }
    let Some(name) = host.and_then(host_name) else {
        return false;
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        let address = address.to_canonical();
        return address.is_loopback()
            || bound
                .is_some_and(|bound| !bound.is_unspecified() && bound.to_canonical() == address);
    }
    name.eq_ignore_ascii_case("localhost")
}

/// The host of a `Host` header, without port and brackets.
fn host_name(host: &str) -> Option<&str> {
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = host.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        let port = rest.strip_prefix(':').unwrap_or(rest);
        return is_port(port).then_some(name);
    }
    match host.split_once(':') {
        Some((name, port)) => is_port(port).then_some(name),
        None => Some(host),
    }
}

/// What is known when the door is chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// Whether there is a password.
    pub(super) password: bool,
    /// Whether a login needs a one-time password.
    pub(super) totp: bool,
    /// Whether the visitor sits at this machine.
    pub(super) loopback: bool,
    /// The kind of the visitor's session, if it has one that was begun with today's password.
    pub(super) session: Option<SessionKind>,
}

/// A door without who goes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    Setup,
    SetupCode,
    Login,
    Totp,
}

/// Chooses the door. The ways to the set-up are shut for good as soon as there is a password.
pub(super) fn way(facts: Facts) -> Way {
    match (facts.password, facts.session) {
        (false, Some(SessionKind::Setup)) => Way::Setup,
        (false, _) if facts.loopback => Way::Setup,
        (false, _) => Way::SetupCode,
        (true, Some(SessionKind::Full)) => Way::Open,
        (true, Some(SessionKind::Pending)) if facts.totp => Way::Totp,
        (true, _) => Way::Login,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_set_up_is_open_to_this_machine_and_to_those_who_have_the_code_until_there_is_a_password()
    {
        use SessionKind::{Full, Pending, Setup};
        let doors = |password, totp, loopback| {
            [None, Some(Setup), Some(Pending), Some(Full)].map(|session| {
                way(Facts {
                    password,
                    totp,
                    loopback,
                    session,
                })
            })
        };
        // Sessions, across: none, set-up, pending, full.
        for totp in [false, true] {
            assert_eq!(
                doors(false, totp, false),
                [Way::SetupCode, Way::Setup, Way::SetupCode, Way::SetupCode]
            );
            assert_eq!(doors(false, totp, true), [Way::Setup; 4]);
        }
        for loopback in [false, true] {
            assert_eq!(
                doors(true, false, loopback),
                [Way::Login, Way::Login, Way::Login, Way::Open]
            );
            assert_eq!(
                doors(true, true, loopback),
                [Way::Login, Way::Login, Way::Totp, Way::Open]
            );
        }
    }

    #[test]
    fn only_who_sits_at_this_machine_is_local() {
        let bound = Some("0.0.0.0");
        for (peer, forwarded, host, bound, local) in [
            ("127.0.0.1", false, Some("127.0.0.1:3000"), bound, true),
            ("127.0.0.1", false, Some("localhost:3000"), bound, true),
            ("127.0.0.1", false, Some("LOCALHOST"), bound, true),
            ("::1", false, Some("[::1]:3000"), Some("::"), true),
            ("::ffff:127.0.0.1", false, Some("127.0.0.1"), bound, true),
            (
                "127.0.0.1",
                false,
                Some("127.1.2.3"),
                Some("127.1.2.3"),
                true,
            ),
            (
                "127.0.0.1",
                false,
                Some("192.0.2.1:3000"),
                Some("192.0.2.1"),
                true,
            ),
            // A proxy on the same machine.
            ("127.0.0.1", true, Some("127.0.0.1:3000"), bound, false),
            ("::1", true, Some("localhost"), bound, false),
            // A name that a stranger lets point here.
            (
                "127.0.0.1",
                false,
                Some("rebound.example:3000"),
                bound,
                false,
            ),
            ("127.0.0.1", false, Some("localhost.example"), bound, false),
            ("127.0.0.1", false, Some("127.0.0.1.example"), bound, false),
            ("127.0.0.1", false, Some("192.0.2.1:3000"), bound, false),
            ("127.0.0.1", false, Some("0.0.0.0"), bound, false),
            ("127.0.0.1", false, Some("127.0.0.1:x@evil"), bound, false),
            ("127.0.0.1", false, Some("[::1]evil"), bound, false),
            ("127.0.0.1", false, Some(""), bound, false),
            ("127.0.0.1", false, None, bound, false),
            // Somebody else.
            ("192.0.2.7", false, Some("127.0.0.1:3000"), bound, false),
            ("192.0.2.7", false, Some("localhost"), bound, false),
            ("10.0.0.1", false, Some("10.0.0.1"), Some("10.0.0.1"), false),
        ] {
            let found = is_local(
                peer.parse().unwrap(),
                forwarded,
                host,
                bound.map(|bound| bound.parse().unwrap()),
            );
            assert_eq!(found, local, "{peer} {forwarded} {host:?} {bound:?}");
        }
    }
}
