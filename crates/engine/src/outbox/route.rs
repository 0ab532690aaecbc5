//! How a message reaches its mail server: which server, which proxy, under which name.

use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use posthouse_backend::{BackendError, tls_profile};
use posthouse_model::{
    AccountId,
    account::{AccountConfig, SmtpConfig},
    outbox::Job,
};
use posthouse_net::{Dial, EgressPolicy, NetError, Proxy, Security};
use posthouse_smtp::{ConnectOptions, Credentials, Session, SmtpError, StartTls, Watch};
use serde_json::{Value, json};
use url::Url;

use crate::{Engine, credentials::Login, settings::local_address};

/// The way to an SMTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpRoute {
    /// Server and credentials.
    pub server: SmtpConfig,
    /// Where the credentials are looked up when a session begins.
    pub(crate) login: Option<Login>,
    /// Proxy, as a URL.
    pub proxy: Option<String>,
    /// Local address.
    pub local_address: Option<IpAddr>,
    /// Which addresses may be dialled: any, unless a stranger names the server.
    pub egress: EgressPolicy,
    /// Name to greet with.
    pub ehlo_name: String,
    /// Accept invalid certificates.
    pub ignore_certificates: bool,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl SmtpRoute {
    /// The route of an account, or of one message where its job says otherwise; none when there is no SMTP server. A
    /// gateway stands in the place of the account's own server.
    #[must_use]
    pub fn of(
        engine: &Engine,
        account: Option<&AccountId>,
        config: &Arc<AccountConfig>,
        job: Option<&Job>,
        gateway: Option<SmtpConfig>,
    ) -> Option<Self> {
        let login = account
            .filter(|_| gateway.is_none())
            .and_then(|account| Login::smtp(engine, account, config));
        let server = gateway
            .or_else(|| config.smtp.clone())
            .filter(|smtp| smtp.host.is_some())?;
        let network = engine.network();
        let settings = engine.settings();
        let named = job
            .and_then(|job| job.local_address.as_deref()?.parse().ok())
            .or_else(|| local_address(&settings, "smtpStrategy", account?));
        let ehlo_name = config
            .smtp_ehlo_name
            .clone()
            .or_else(|| settings.text("smtpEhloName").map(str::to_owned))
            .or_else(|| {
                let url = Url::parse(settings.text("serviceUrl")?).ok()?;
                url.domain().map(str::to_owned)
            })
            .or_else(|| HOST_NAME.clone())
            .unwrap_or_default();
        Some(Self {
            server,
            login,
            proxy: job
                .and_then(|job| job.proxy.clone())
                .or_else(|| config.proxy.clone())
                .or(network.proxy),
            local_address: named.or(network.local_address),
            egress: network.egress,
            ehlo_name,
            ignore_certificates: network.ignore_certificates,
            connect_timeout: network.connect_timeout,
        })
    }

    /// What answers and events say of the route.
    #[must_use]
    pub fn describe(&self, session: Option<&Session>) -> Value {
        let local = session
            .and_then(Session::local_addr)
            .map(|address| address.ip().to_string());
        let mut routing = json!({ "localAddress": local, "name": self.ehlo_name });
        if let (Some(proxy), Some(map)) = (&self.proxy, routing.as_object_mut()) {
            map.insert(
                "proxy".to_owned(),
                posthouse_model::secret::mask_url(proxy).into(),
            );
        }
        routing
    }
}

/// This machine's name, read once.
static HOST_NAME: LazyLock<Option<String>> = LazyLock::new(|| {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
});

/// Connects and logs in; `watch` takes the conversation down.
///
/// # Errors
/// As the SMTP session; `ENOAUTH` when the credentials are not at hand.
pub async fn connect_smtp(route: &SmtpRoute, watch: Watch) -> Result<Session, SmtpError> {
    let server = &route.server;
    let host = server.host.as_deref().unwrap_or_default();
    let security = if server.secure {
        Security::Tls
    } else {
        Security::Plain
    };
    let port = server.port.unwrap_or(if server.secure { 465 } else { 587 });
    let mut dial = Dial::new(host, port, security);
    dial.proxy = match &route.proxy {
        Some(url) => Some(
            url.parse::<Proxy>()
                .map_err(|error| NetError::Proxy(error.to_string()))?,
        ),
        None => None,
    };
    dial.local_address = route.local_address;
    dial.policy = route.egress;
    dial.tls = tls_profile(
        server.tls.as_ref(),
        server.secure,
        route.ignore_certificates,
    );
    dial.deadline = route.connect_timeout;
    let mut options = ConnectOptions::new(dial, route.ehlo_name.clone());
    options.start_tls = StartTls::WhenOffered;
    options.watch = watch;
    let mut session = Session::connect(&options).await?;
    let auth = match &route.login {
        Some(login) => Some(login.find().await.map_err(|error| not_found(&error))?),
        None if server.use_auth_server == Some(true) => {
            let message =
                "credentials from an authentication server belong to a registered account";
            return Err(SmtpError::Credentials(message.to_owned()));
        }
        None => server.auth.clone(),
    };
    if let Some(auth) = auth {
        let credentials = match (&auth.access_token, &auth.pass) {
            (Some(token), _) if !token.is_empty() => Credentials::OAuth {
                user: auth.user.clone(),
                token: token.expose().to_owned(),
            },
            (_, Some(pass)) => Credentials::Password {
                user: auth.user.clone(),
                pass: pass.expose().to_owned(),
            },
            _ => {
                let message = "the account has no SMTP password";
                return Err(SmtpError::Credentials(message.to_owned()));
            }
        };
        session.authenticate(&credentials).await?;
    }
    Ok(session)
}

/// Credentials that were not found. Only what somebody must mend is final: a message outlives an authentication server
/// that fails.
fn not_found(error: &BackendError) -> SmtpError {
    match error {
        BackendError::Authentication { response, code, .. } if code != "HTTPRequestError" => {
            SmtpError::Credentials(response.clone())
        }
        error => SmtpError::CredentialsLater(error.to_string()),
    }
}

/// Connects, logs in and leaves: whether a message could be sent.
///
/// # Errors
/// As [`connect_smtp`].
pub async fn verify_smtp(route: &SmtpRoute) -> Result<(), SmtpError> {
    let session = connect_smtp(route, Watch::default()).await?;
    session.quit().await;
    Ok(())
}
