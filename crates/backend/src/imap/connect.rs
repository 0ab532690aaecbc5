//! From an account's settings to a connection that is logged in.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use posthouse_imap::{
    Condition, Connection, Error, Observer, Options, Quirk, Quirks, Sasl, Timeouts,
};
use posthouse_model::account::{AccountConfig, ImapConfig, ServerAuth};
use posthouse_net::{Dial, NetError, Proxy, Security, Stream, error::io_code};
use tokio::time::timeout;

use super::{pace, profile::Profile};
use crate::{
    BackendError, ImapCounters, Network, ProtocolLog, Speaker, next_connection, tls_profile,
};

/// A connection to an IMAP server.
pub type Conn = Connection<Stream>;

/// What a server gets to confirm the end of IDLE, at most.
const CLOSING: Duration = Duration::from_secs(15);

/// What one connection is watched by.
struct Watch {
    counters: Arc<ImapCounters>,
    log: Option<Arc<dyn ProtocolLog>>,
    number: u64,
}

impl Watch {
    fn new(network: &Network) -> Self {
        Self {
            counters: Arc::clone(&network.counters),
            log: network.log.clone(),
            number: next_connection(),
        }
    }

    fn line(&self, speaker: Speaker, text: &str) {
        if let Some(log) = &self.log {
            log.line(self.number, speaker, text);
        }
    }

    fn note(&self, text: impl FnOnce() -> String) {
        if self.logs() {
            self.line(Speaker::Note, &text());
        }
    }
}

impl Observer for Watch {
    fn bytes_in(&self, count: usize) {
        let received = &self.counters.received;
        received.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn bytes_out(&self, count: usize) {
        let sent = &self.counters.sent;
        sent.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn response(&self, condition: Condition, code: Option<&str>) {
        self.counters.count_response(condition.as_str(), code);
    }

    fn logs(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.wanted())
    }

    fn sent(&self, line: &str) {
        self.line(Speaker::Client, line);
    }

    fn received(&self, line: &str) {
        self.line(Speaker::Server, line);
    }
}

/// Connects and logs in, all within the network's `connect_timeout`.
///
/// # Errors
/// [`BackendError::Authentication`] when the credentials are refused or missing,
/// [`BackendError::Connection`] for everything else.
pub async fn connect(config: &AccountConfig, network: &Network) -> Result<Conn, BackendError> {
    let watch = Arc::new(Watch::new(network));
    let host = imap_config(config)?.host.as_deref().unwrap_or_default();
    pace::turn(Profile::of(host)).await;
    // Boxed: what set-up needs must not stay in the future that later waits for mail.
    let set_up = Box::pin(set_up(config, network, &watch));
    let result = match timeout(network.connect_timeout, set_up).await {
        Ok(result) => result,
        Err(_) => Err(BackendError::Connection {
            response: "Connecting and logging in took too long".to_owned(),
            code: "ETIMEDOUT".to_owned(),
        }),
    };
    if let Err(error) = &result {
        watch.note(|| format!("The connection failed: {error}"));
    }
    result
}

async fn set_up(
    config: &AccountConfig,
    network: &Network,
    watch: &Arc<Watch>,
) -> Result<Conn, BackendError> {
    let imap = imap_config(config)?;
    let host = imap.host.as_deref().unwrap_or_default();
    let default_port = if imap.secure { 993 } else { 143 };
    let port = imap.port.unwrap_or(default_port);
    let tls = tls_profile(imap.tls.as_ref(), imap.secure, network.ignore_certificates);
    let proxy = match config.proxy.as_deref().or(network.proxy.as_deref()) {
        Some(url) if !url.is_empty() => Some(url.parse::<Proxy>().map_err(net_error)?),
        _ => None,
    };
    let security = if imap.secure {
        Security::Tls
    } else {
        Security::Plain
    };
    let dial = Dial {
        proxy,
        local_address: network.local_address,
        policy: network.egress,
        tls: tls.clone(),
        deadline: network.connect_timeout,
        ..Dial::new(host, port, security)
    };
    let given = match &network.logins {
        Some(logins) => Some(logins.login().await?),
        None => None,
    };
    watch.note(|| {
        let security = if imap.secure { "TLS" } else { "plain text" };
        format!("Connecting to {host}, port {port}, {security}")
    });
    let stream = dial.connect().await.map_err(net_error)?;
    let options = Options {
        timeouts: Timeouts {
            greeting: network.connect_timeout,
            command: network.command_timeout,
            // The end of IDLE is also the probe that finds a dead peer.
            closing: network.command_timeout.min(CLOSING),
            ..Timeouts::default()
        },
        observer: Some(Arc::clone(watch) as Arc<dyn Observer>),
        names: network.names.clone(),
        ..Options::default()
    };
    let mut connection = Connection::open(stream, options)
        .await
        .map_err(set_up_error)?;
    let greeting = connection.take_greeting().unwrap_or_default();
    let mut profile = Profile::by_host(host).or_else(|| Profile::by_greeting(&greeting));
    if let Some(profile) = profile {
        connection.add_quirks(profile.quirks);
    }
    if imap.disable_imap4rev2 == Some(true) {
        connection.hide(&["IMAP4rev2"]);
    }
    if !imap.secure && connection.has("STARTTLS") {
        let deadline = network.connect_timeout;
        connection = connection
            .starttls(|stream| async move { stream.start_tls(host, &tls, deadline).await })
            .await
            .map_err(set_up_error)?;
    }
    if !connection.is_authenticated() {
        let auth = given.as_ref().or(imap.auth.as_ref());
        log_in(&mut connection, auth, host, port).await?;
    }
    let server = introduce(&mut connection, network).await?;
    if profile.is_none() {
        profile = Profile::by_id(&server);
        if let Some(profile) = profile {
            connection.add_quirks(profile.quirks);
        }
    }
    if let Some(profile) = profile.filter(|profile| profile.quirks != Quirks::default()) {
        watch.note(|| format!("Taken for {}: {:?}", profile.name, profile.quirks));
    }
    enable(&mut connection).await?;
    Ok(connection)
}

/// Tells who we are (RFC 2971) and gives what the server says of itself. It is a courtesy, so that a
/// server that does not want to know ends nothing.
async fn introduce(
    connection: &mut Conn,
    network: &Network,
) -> Result<Vec<(String, Option<String>)>, BackendError> {
    let mut params: Vec<(&str, &str)> = network
        .client_id
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    if params.is_empty() && connection.quirks().has(Quirk::IdNeeded) {
        params.push(("name", "Posthouse"));
    }
    if !connection.has("ID") || params.is_empty() {
        return Ok(Vec::new());
    }
    match connection.id(&params).await {
        Err(error) if !error.is_refusal() => Err(set_up_error(error)),
        Err(_) => Ok(Vec::new()),
        Ok(fields) => Ok(fields),
    }
}

/// Switches on, in one command, what makes following cheap (RFC 7162) and names readable (RFC 6855).
/// What the server confirmed is told by [`Connection::is_enabled`]; one that refuses is used without.
///
/// IMAP4rev2 is not among it: what it adds is asked for by the extensions that it is made of.
async fn enable(connection: &mut Conn) -> Result<(), BackendError> {
    if !connection.has("ENABLE") && !connection.has("IMAP4rev2") {
        return Ok(());
    }
    let mut wanted = Vec::new();
    if connection.has("CONDSTORE") || connection.has("QRESYNC") {
        wanted.push("CONDSTORE");
    }
    if connection.has("QRESYNC") {
        wanted.push("QRESYNC");
    }
    if connection.has("UTF8=ACCEPT") || connection.has("UTF8=ONLY") {
        wanted.push("UTF8=ACCEPT");
    }
    if wanted.is_empty() {
        return Ok(());
    }
    match connection.enable(&wanted).await {
        Err(error) if !error.is_refusal() => Err(set_up_error(error)),
        _ => Ok(()),
    }
}

/// The IMAP settings of an account that has them.
///
/// # Errors
/// [`BackendError::Connection`] when there is no server to connect to.
pub fn imap_config(config: &AccountConfig) -> Result<&ImapConfig, BackendError> {
    config
        .imap
        .as_ref()
        .filter(|imap| imap.host.as_ref().is_some_and(|host| !host.is_empty()))
        .ok_or_else(|| BackendError::Connection {
            response: "The account has no IMAP server".to_owned(),
            code: "NoServer".to_owned(),
        })
}

async fn log_in(
    connection: &mut Conn,
    auth: Option<&ServerAuth>,
    host: &str,
    port: u16,
) -> Result<(), BackendError> {
    let missing = || BackendError::Authentication {
        response: "The account has no credentials for its IMAP server".to_owned(),
        code: "MissingCredentials".to_owned(),
        token_request: None,
    };
    let auth = auth.ok_or_else(missing)?;
    let user = auth.user.clone();
    let offers = |name: &str| {
        connection
            .capabilities()
            .values("AUTH")
            .any(|offered| offered.eq_ignore_ascii_case(name))
    };
    let sasl = if let Some(token) = &auth.access_token {
        let token = token.expose().to_owned();
        Some(if offers("XOAUTH2") || !offers("OAUTHBEARER") {
            Sasl::XOAuth2 { user, token }
        } else {
            Sasl::OAuthBearer {
                user,
                token,
                host: host.to_owned(),
                port,
            }
        })
    } else {
        let password = auth.pass.as_ref().ok_or_else(missing)?;
        let plain = offers("PLAIN");
        if plain && (connection.has("SASL-IR") || connection.has("LOGINDISABLED")) {
            Some(Sasl::Plain {
                authzid: String::new(),
                user,
                password: password.expose().to_owned(),
            })
        } else if connection.has("LOGINDISABLED") && offers("LOGIN") {
            Some(Sasl::Login {
                user,
                password: password.expose().to_owned(),
            })
        } else {
            None
        }
    };
    let result = match (&sasl, &auth.pass) {
        (Some(sasl), _) => connection.authenticate(sasl).await,
        (None, Some(password)) => connection.login(&auth.user, password.expose()).await,
        (None, None) => return Err(missing()),
    };
    result.map_err(|error| match error {
        Error::Unsupported(mechanism) => BackendError::Authentication {
            response: format!("The server does not offer {mechanism} for logging in"),
            code: "AuthenticationUnsupported".to_owned(),
            token_request: None,
        },
        other => set_up_error(other),
    })
}

/// A failure of the network.
pub fn net_error(error: NetError) -> BackendError {
    BackendError::Connection {
        response: error.to_string(),
        code: error.code().to_owned(),
    }
}

/// A failure before the login was complete, or of the connection that follows: nothing of it is an
/// answer to a caller.
pub fn set_up_error(error: Error) -> BackendError {
    match error {
        Error::Timeout => BackendError::Connection {
            response: error.to_string(),
            code: "ETIMEDOUT".to_owned(),
        },
        Error::No { code, text, .. } | Error::Bad { code, text, .. } => BackendError::Connection {
            response: text,
            code: code.unwrap_or_else(|| "ServerRefused".to_owned()),
        },
        other => command_error(other),
    }
}

/// A failure of a command.
pub fn command_error(error: Error) -> BackendError {
    let lost = |response: String, code: &str| BackendError::Connection {
        response,
        code: code.to_owned(),
    };
    match error {
        Error::Io(error) => lost(error.to_string(), io_code(&error)),
        Error::Tls(cause) => {
            let code = cause.downcast_ref().map_or("ETLS", NetError::code);
            lost(cause.to_string(), code)
        }
        Error::Closed => lost(error.to_string(), "ECONNRESET"),
        Error::Bye { code, text } => {
            let code = code.as_deref().unwrap_or("ECONNRESET");
            lost(text, code)
        }
        Error::Timeout => BackendError::Timeout,
        Error::AuthFailed { code, text, .. } => BackendError::Authentication {
            response: text,
            code: code.unwrap_or_else(|| "AUTHENTICATIONFAILED".to_owned()),
            token_request: None,
        },
        Error::No { code, text, .. } | Error::Bad { code, text, .. } => BackendError::Refused {
            response: text,
            code,
        },
        Error::Unsupported(what) => BackendError::Input {
            status: 422,
            message: format!("The mail server does not support {what}"),
            code: "MissingServerExtension",
        },
        Error::Invalid(what) => BackendError::Input {
            status: 400,
            message: format!("The mail server cannot be asked this: {what}"),
            code: "InvalidInput",
        },
        Error::Source(_) | Error::SourceShort => BackendError::Input {
            status: 400,
            message: error.to_string(),
            code: "UploadFail",
        },
        Error::StartTlsInjection => lost(error.to_string(), "ETLS"),
        Error::Frame(_) => lost(error.to_string(), "EPROTOCOL"),
        Error::Broken | Error::Idling => lost(error.to_string(), "ESOCKET"),
    }
}
