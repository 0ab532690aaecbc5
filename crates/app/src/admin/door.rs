//! The door of the console: who stands before it, and which way is open (behaviour 22).

use std::net::IpAddr;

use crate::{Session, SessionKind};

/// A request to the console, as far as a surface can tell.
#[derive(Clone, Default)]
pub struct Visit {
    /// The client's address, proxies resolved.
    pub address: Option<IpAddr>,
    /// The address that the client cannot choose: what limits count by.
    pub proven: Option<IpAddr>,
    /// Whether the client sits at this machine; see [`Arrival::is_local`].
    pub loopback: bool,
    /// Whether a page asked by itself, without its reader: such requests keep no session alive.
    pub background: bool,
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

/// How a request came in, for telling whether it began at this machine.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The peer of the socket.
    pub peer: IpAddr,
    /// Whether it has a header of [`FORWARDING_HEADERS`].
    pub forwarded: bool,
    /// Whether it speaks HTTP/1.0 or older, as no browser does, but proxies by default.
    pub old: bool,
    /// `Host`.
    pub host: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Referer`.
    pub referrer: Option<&'a str>,
    /// The address that the server listens on.
    pub bound: Option<IpAddr>,
}

impl Arrival<'_> {
    /// Whether a request was made at this machine, by its user, on purpose: the socket's peer is loopback, no proxy
    /// has forwarded it, and it names this machine by an address or by `localhost`. Another name may be one that a
    /// stranger's page let point here (DNS rebinding). A page of another name that sent the browser here is the
    /// public face of a proxy that names itself nowhere else.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let is_here = |url: &str| {
            url::Url::parse(url)
                .is_ok_and(|url| url.host_str().is_some_and(|host| self.names_here(host)))
        };
        self.peer.to_canonical().is_loopback()
            && !self.forwarded
            && !self.old
            && self
                .host
                .and_then(host_name)
                .is_some_and(|name| self.names_here(name))
            && self.origin.is_none_or(is_here)
            && self.referrer.is_none_or(is_here)
    }

    fn names_here(&self, name: &str) -> bool {
        let name = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = name.parse::<IpAddr>() {
            let address = address.to_canonical();
            return address.is_loopback()
                || self.bound.is_some_and(|bound| {
                    !bound.is_unspecified() && bound.to_canonical() == address
                });
        }
        name.eq_ignore_ascii_case("localhost")
    }
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
            let arrival = Arrival {
                peer: peer.parse().unwrap(),
                forwarded,
                old: false,
                host,
                origin: None,
                referrer: None,
                bound: bound.map(|bound| bound.parse().unwrap()),
            };
            let found = arrival.is_local();
            assert_eq!(found, local, "{peer} {forwarded} {host:?} {bound:?}");
        }
    }

    #[test]
    fn a_proxy_that_names_itself_nowhere_is_known_by_its_protocol_and_its_public_name() {
        let here = Arrival {
            peer: IpAddr::from([127, 0, 0, 1]),
            forwarded: false,
            old: false,
            host: Some("127.0.0.1:3000"),
            origin: None,
            referrer: None,
            bound: None,
        };
        let old = Arrival { old: true, ..here };
        assert!(here.is_local() && !old.is_local());
        for (sent, local) in [
            ("http://127.0.0.1:3000", true),
            ("http://localhost:3411/admin", true),
            ("http://[::1]:3000/admin/tokens", true),
            ("https://mail.example.com", false),
            ("https://mail.example.com/admin", false),
            ("http://localhost.example/", false),
            ("http://127.0.0.1@evil.example/", false),
            ("null", false),
            ("", false),
        ] {
            let origin = Arrival {
                origin: Some(sent),
                ..here
            };
            let referrer = Arrival {
                referrer: Some(sent),
                ..here
            };
            assert_eq!(origin.is_local(), local, "{sent}");
            assert_eq!(referrer.is_local(), local, "{sent}");
        }
    }
}
