//! The order: known providers first, then a race of five.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use posthouse_net::NetError;
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use crate::{
    Authentication, AuthenticationError, DiscoverConfig, Discovered,
    address::Address,
    authentication, autoconfig, autodiscover,
    dns::Dns,
    fetch::Fetch,
    found::{Servers, source},
    providers::{self, Known},
    srv,
};

/// How long one that found half of what is wanted waits for one that finds all.
const GRACE: Duration = Duration::from_millis(500);

/// Why nothing can be looked for.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// Not a mail address with a domain name.
    #[error("not a mail address with a domain name")]
    Address,
    /// The file of certificate authorities, or the system's, cannot be read.
    #[error(transparent)]
    Setup(#[from] NetError),
}

/// Finds mail servers; a cheap handle.
#[derive(Debug, Clone)]
pub struct Discoverer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: DiscoverConfig,
    dns: Dns,
    fetch: Fetch,
}

/// A way that led somewhere.
type Found = (&'static str, Servers);

impl Discoverer {
    /// Prepares for looking; nothing is asked yet.
    ///
    /// # Errors
    /// [`DiscoverError::Setup`].
    pub fn new(config: DiscoverConfig) -> Result<Self, DiscoverError> {
        let dns = Dns::new(config.dns.as_deref(), config.step);
        let fetch = Fetch::new(&config, &dns)?;
        Ok(Self(Arc::new(Inner { config, dns, fetch })))
    }

    /// The name of an address, as its own zone tells it; nobody vouches for that name.
    pub async fn name_of(&self, address: IpAddr) -> Option<String> {
        self.0.dns.ptr(address).await
    }

    /// Judges a message as it lies in its mailbox by SPF, DKIM, DMARC, ARC and BIMI: 15 seconds at most, some tens of questions to
    /// DNS. `mail_from` is the address of the envelope it was sent with; a `Return-Path` counts before it.
    ///
    /// # Errors
    /// The message is too large (1 MiB) or none, or there is no DNS server. DNS that fails is a result: `temperror`.
    pub async fn authenticate(
        &self,
        message: Vec<u8>,
        mail_from: &str,
    ) -> Result<Authentication, AuthenticationError> {
        // One of its own, which remembers nothing: whoever corrected a record and tests again wants to see that.
        let dns = Dns::new(self.0.config.dns.as_deref(), self.0.config.step);
        let resolver = dns.into_resolver().ok_or(AuthenticationError::NoDns)?;
        authentication::authenticate(resolver, message, mail_from.to_owned()).await
    }

    /// Looks for the servers of an address: at most one step for the table of known providers and one for the race. Nothing
    /// found is no error: there is then no server, and the source is [`source::NONE`].
    ///
    /// # Errors
    /// [`DiscoverError::Address`].
    pub async fn discover(&self, email: &str) -> Result<Discovered, DiscoverError> {
        let inner = &*self.0;
        let address = Address::parse(email).ok_or(DiscoverError::Address)?;
        let mut exchangers = Vec::new();
        let known = timeout(inner.config.step, inner.known(&address, &mut exchangers));
        let found = match known.await {
            Ok(Some(found)) => Some(found),
            _ => inner.race(&address).await,
        };
        let (source, servers) = found.unwrap_or((source::NONE, Servers::default()));
        Ok(Discovered {
            imap: servers.imap,
            smtp: servers.smtp,
            app_password: providers::app_password(address.ascii(), &exchangers),
            source,
        })
    }
}

impl Inner {
    /// The provider that receives the domain's mail, if the table knows it.
    async fn known(&self, address: &Address, exchangers: &mut Vec<String>) -> Option<Found> {
        *exchangers = self.dns.mx(address.ascii()).await;
        let known = Known::by_mx(exchangers)?;
        let said = match &known.provider.srv {
            Some(domain) => srv::look(&self.dns, domain, address)
                .await
                .unwrap_or_default(),
            None => Servers::default(),
        };
        let servers = Servers {
            imap: said.imap.or_else(|| known.imap(address)),
            smtp: said.smtp.or_else(|| known.smtp(address)),
        };
        Some((source::MX, servers.useful()?))
    }

    /// The first of five that finds both servers, else the first that found one. What lost is dropped, and with it its
    /// connections.
    async fn race(&self, address: &Address) -> Option<Found> {
        let mut ways: FuturesUnordered<BoxFuture<'_, Option<Found>>> = [
            self.way(source::SRV, srv::look(&self.dns, address.ascii(), address)),
            self.way(
                source::WELL_KNOWN,
                self.file(self.well_known(address), address),
            ),
            self.way(
                source::AUTOCONFIG,
                self.file(self.autoconfig(address), address),
            ),
            self.way(source::MOZILLA, self.file(self.ispdb(address), address)),
            self.way(
                source::AUTODISCOVER,
                autodiscover::look(&self.fetch, &self.dns, address),
            ),
        ]
        .into_iter()
        .collect();
        let mut half: Option<Found> = None;
        let mut end = Instant::now() + self.config.step;
        loop {
            let found = tokio::select! {
                found = ways.next() => found,
                () = sleep_until(end) => return half,
            };
            match found {
                None => return half,
                Some(Some(found)) if found.1.is_whole() => return Some(found),
                Some(Some(found)) if half.is_none() => {
                    half = Some(found);
                    end = end.min(Instant::now() + GRACE);
                }
                Some(_) => {}
            }
        }
    }

    fn way<'a>(
        &'a self,
        name: &'static str,
        look: impl Future<Output = Option<Servers>> + Send + 'a,
    ) -> BoxFuture<'a, Option<Found>> {
        async move {
            let servers = timeout(self.config.step, look).await.ok()??;
            tracing::debug!(source = name, "mail servers found");
            Some((name, servers))
        }
        .boxed()
    }

    async fn file(&self, url: Option<Url>, address: &Address) -> Option<Servers> {
        let document = self.fetch.get(url?).await?;
        autoconfig::read(&document, address)
    }

    fn well_known(&self, address: &Address) -> Option<Url> {
        let path = "/.well-known/autoconfig/mail/config-v1.1.xml";
        self.fetch.http(address.ascii(), path)
    }

    fn autoconfig(&self, address: &Address) -> Option<Url> {
        let host = format!("autoconfig.{}", address.ascii());
        let mut url = self.fetch.https(&host, "/mail/config-v1.1.xml")?;
        url.query_pairs_mut()
            .append_pair("emailaddress", address.text());
        Some(url)
    }

    fn ispdb(&self, address: &Address) -> Option<Url> {
        let base = self.config.ispdb.as_ref()?.as_str();
        Url::parse(&format!(
            "{}/{}",
            base.trim_end_matches('/'),
            address.ascii()
        ))
        .ok()
    }
}
