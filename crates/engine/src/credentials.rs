//! Credentials that an account does not hold itself: from an authentication server (behaviour 8.5),
//! or another account's (behaviour 8.6).

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use posthouse_backend::{BackendError, BoxFuture, LoginSource};
use posthouse_model::{
    AccountId, Secret,
    account::{AccountConfig, OAuth2Auth, ServerAuth},
};
use posthouse_net::{
    EgressClient, EgressError, EgressPolicy, EgressRequest,
    http::{ClientOptions, HeaderMap, Method, basic_auth},
};
use posthouse_store::accounts;
use serde::Deserialize;
use url::Url;

use crate::Engine;

/// The time an authentication server has to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read: a token may have 16,384 characters.
const ANSWER: usize = 64 * 1024;
/// Characters of a user name.
const USER: usize = 256;
/// Characters of a password or token.
const SECRET: usize = 16_384;
/// Accounts that may stand between one and the account whose tokens it uses.
const HOPS: usize = 20;

/// What an authentication server answers; whatever else it says is not looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    user: String,
    pass: Option<String>,
    access_token: Option<String>,
}

/// What a login is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Imap,
    Smtp,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::Imap => "IMAP",
            Self::Smtp => "SMTP",
        }
    }
}

/// Where the credentials of one account for one protocol come from.
#[derive(Clone)]
pub(crate) struct Login {
    engine: Engine,
    account: AccountId,
    config: Arc<AccountConfig>,
    protocol: Protocol,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({}, {:?})", self.account, self.protocol)
    }
}

/// Logins of the same account open the same sessions.
impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        (&self.account, self.protocol) == (&other.account, other.protocol)
    }
}

impl Eq for Login {}

impl Login {
    /// For IMAP, of an account that does not hold its own.
    pub(crate) fn imap(
        engine: &Engine,
        account: &AccountId,
        config: &Arc<AccountConfig>,
    ) -> Option<Self> {
        Self::of(engine, account, config, Protocol::Imap)
    }

    /// For SMTP, of an account that does not hold its own.
    pub(crate) fn smtp(
        engine: &Engine,
        account: &AccountId,
        config: &Arc<AccountConfig>,
    ) -> Option<Self> {
        Self::of(engine, account, config, Protocol::Smtp)
    }

    fn of(
        engine: &Engine,
        account: &AccountId,
        config: &Arc<AccountConfig>,
        protocol: Protocol,
    ) -> Option<Self> {
        let (asked, auth) = server(config, protocol)?;
        // Settings of the server itself win over those of OAuth2.
        (asked || auth.is_none() && config.oauth2.is_some()).then(|| Self {
            engine: engine.clone(),
            account: account.clone(),
            config: config.clone(),
            protocol,
        })
    }

    /// Looks the credentials up.
    ///
    /// # Errors
    /// [`BackendError::Authentication`] where they are not to be had, [`BackendError::Connection`] where whoever has them
    /// cannot be asked, [`BackendError::Memory`] when the store fails.
    pub(crate) async fn find(&self) -> Result<ServerAuth, BackendError> {
        let mut login = self.holder().await?;
        // One's own name, or the shared mailbox's; the tokens are whose they are. Mail is sent in the owner's name.
        let own = self.oauth2().and_then(|auth| {
            let named = auth.delegated_user.as_ref();
            named.or(auth
                .user
                .as_ref()
                .filter(|_| auth.delegated_account.is_some()))
        });
        if let Some(user) = own.filter(|_| self.protocol == Protocol::Imap) {
            login.user.clone_from(user);
        }
        Ok(login)
    }

    fn oauth2(&self) -> Option<&OAuth2Auth> {
        self.config.oauth2.as_ref()?.auth.as_ref()
    }

    /// The credentials of the account that has them, however many accounts point to each other.
    async fn holder(&self) -> Result<ServerAuth, BackendError> {
        let mut id = self.account.clone();
        let mut config = self.config.clone();
        let mut seen = HashSet::from([id.clone()]);
        loop {
            let next = config.oauth2.as_ref().and_then(|oauth2| {
                let account = oauth2.auth.as_ref()?.delegated_account.as_deref()?;
                Some(AccountId::new(account))
            });
            let Some(next) = next else {
                return self.login_of(&id, &config).await;
            };
            if !seen.insert(next.clone()) {
                return Err(refused(
                    "Accounts use each other's credentials in a circle",
                    "DelegationLoop",
                ));
            }
            if seen.len() > HOPS + 1 {
                return Err(refused(
                    "Too many accounts use each other's credentials",
                    "DelegationLoop",
                ));
            }
            let stored = accounts::get(self.engine.store(), &next)
                .await
                .map_err(|error| BackendError::Memory(error.to_string()))?;
            let Some(stored) = stored else {
                let message =
                    format!("The account {next} whose credentials are used does not exist");
                return Err(refused(&message, "AccountNotFound"));
            };
            id = next;
            config = Arc::new(stored.account.config);
        }
    }

    /// The credentials of an account that has its own, or has them from the authentication server.
    async fn login_of(
        &self,
        id: &AccountId,
        config: &AccountConfig,
    ) -> Result<ServerAuth, BackendError> {
        let (own, auth) = server(config, self.protocol).unwrap_or_default();
        let oauth2 = config.oauth2.as_ref();
        let stored = auth.cloned().or_else(|| {
            let oauth2 = oauth2?;
            Some(ServerAuth {
                user: oauth2
                    .auth
                    .as_ref()?
                    .user
                    .clone()
                    .or(config.email.clone())?,
                pass: None,
                access_token: Some(oauth2.access_token.clone()?),
            })
        });
        let asked = own || oauth2.is_some_and(|oauth2| oauth2.use_auth_server == Some(true));
        match (asked, self.engine.settings().text("authServer")) {
            (true, Some(server)) => {
                let proto = self.protocol.name().to_ascii_lowercase();
                ask(&self.engine, server, id, &proto).await
            }
            (true, None) if stored.is_some() => {
                tracing::warn!(account = %id, "no authentication server is set: the stored credentials are used");
                Ok(stored.unwrap_or_default())
            }
            (true, None) => Err(refused(
                "The account's credentials come from an authentication server, and none is set",
                "MissingCredentials",
            )),
            (false, _) => stored.ok_or_else(|| {
                let name = self.protocol.name();
                let message = format!("The account has no credentials for its {name} server");
                refused(&message, "MissingCredentials")
            }),
        }
    }
}

impl LoginSource for Login {
    fn login(&self) -> BoxFuture<'_, Result<ServerAuth, BackendError>> {
        Box::pin(self.find())
    }
}

/// Whether the credentials of a server come from an authentication server, and those that are stored.
fn server(config: &AccountConfig, protocol: Protocol) -> Option<(bool, Option<&ServerAuth>)> {
    match protocol {
        Protocol::Imap => {
            let imap = config.imap.as_ref()?;
            Some((imap.use_auth_server == Some(true), imap.auth.as_ref()))
        }
        Protocol::Smtp => {
            let smtp = config.smtp.as_ref()?;
            Some((smtp.use_auth_server == Some(true), smtp.auth.as_ref()))
        }
    }
}

fn refused(response: &str, code: &str) -> BackendError {
    BackendError::Authentication {
        response: response.to_owned(),
        code: code.to_owned(),
        token_request: None,
    }
}

/// Asks an authentication server for an account's credentials.
///
/// # Errors
/// [`BackendError::Authentication`] with `HTTPRequestError` for an answer that gives none,
/// [`BackendError::Connection`] when there is no answer: nothing is wrong with the account then.
async fn ask(
    engine: &Engine,
    server: &str,
    account: &AccountId,
    proto: &str,
) -> Result<ServerAuth, BackendError> {
    let wrong = |what: &str| {
        refused(
            &format!("The authentication server {what}"),
            "HTTPRequestError",
        )
    };
    let mut url = Url::parse(server).map_err(|_| wrong("has no valid URL"))?;
    let mut headers = HeaderMap::new();
    if let Some(value) = basic_auth(&mut url) {
        headers.insert("authorization", value);
    }
    url.query_pairs_mut()
        .append_pair("account", account.as_str())
        .append_pair("proto", proto);
    let client = client(engine).map_err(|error| unreachable(&error))?;
    let request = EgressRequest {
        method: Method::GET,
        url,
        headers,
        body: Bytes::new(),
        timeout: PATIENCE,
    };
    let answer = client
        .send(request)
        .await
        .map_err(|error| match error.status() {
            Some(status) => wrong(&format!("answered with {status}")),
            None => unreachable(&error),
        })?;
    if !answer.status.is_success() {
        return Err(wrong(&format!("answered with {}", answer.status)));
    }
    let answer: Answer = serde_json::from_slice(&answer.body_head)
        .map_err(|_| wrong("gave no credentials in JSON"))?;
    let secret = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Secret::from);
    let fits = |text: &Option<String>| {
        text.as_ref()
            .is_none_or(|text| text.chars().count() <= SECRET)
    };
    if answer.user.is_empty() || answer.user.chars().count() > USER {
        return Err(wrong("gave no user name, or one that is too long"));
    }
    if !fits(&answer.pass) || !fits(&answer.access_token) {
        return Err(wrong("gave a password or token that is too long"));
    }
    let login = ServerAuth {
        user: answer.user,
        pass: secret(answer.pass),
        access_token: secret(answer.access_token),
    };
    if login.pass.is_none() && login.access_token.is_none() {
        return Err(wrong("gave neither a password nor a token"));
    }
    Ok(login)
}

fn unreachable(error: &EgressError) -> BackendError {
    BackendError::Connection {
        response: format!("The authentication server cannot be asked: {error}"),
        code: error.code().to_owned(),
    }
}

/// The client for authentication servers. The administrator names them, and they stand inside: private
/// addresses are theirs, whatever webhooks may reach.
fn client(engine: &Engine) -> Result<EgressClient, EgressError> {
    let made = engine.auth_servers();
    if let Some(client) = made.get() {
        return Ok(client.clone());
    }
    let config = engine.config();
    let client = EgressClient::new(ClientOptions {
        policy: match config.egress_policy {
            EgressPolicy::Off => EgressPolicy::Off,
            _ => EgressPolicy::LinkLocal,
        },
        user_agent: Some(config.product.clone()),
        body_head: ANSWER,
        ..ClientOptions::default()
    })?;
    Ok(made.get_or_init(|| client).clone())
}
