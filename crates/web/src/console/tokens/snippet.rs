//! Examples that are ready to be copied.

use posthouse_app::Ability;
use url::Url;

use crate::page::Page;

/// What stands for a token in examples of one whose value is not known any more.
pub(super) const PLACEHOLDER: &str = "YOUR_TOKEN";

/// Examples for one token.
pub(super) struct Snippets {
    /// The value, or a word in its place.
    pub(super) token: String,
    /// The address of this instance, without a slash at its end.
    pub(super) base: String,
    /// The only account it may touch.
    pub(super) account: Option<String>,
    /// Whether `/v1/stats` answers.
    pub(super) stats: bool,
    /// Whether `/metrics` answers.
    pub(super) metrics: bool,
    /// Whether the account itself can be read.
    pub(super) own: bool,
    /// Whether tokens are taken from the query.
    pub(super) query: bool,
}

impl Snippets {
    pub(super) fn new(
        page: &Page,
        token: String,
        account: Option<&str>,
        ability: &Ability,
    ) -> Self {
        Self {
            token,
            base: base(page),
            account: account.map(str::to_owned),
            stats: ability.stats,
            metrics: ability.metrics,
            own: ability.own_account,
            query: page.app.settings().bool("queryTokens"),
        }
    }

    /// A call with the token in the header.
    pub(super) fn header(&self, path: &str) -> String {
        format!(
            "curl -H \"Authorization: Bearer {}\" \\\n  \"{}{path}\"",
            self.token, self.base
        )
    }

    /// A call with the token in the address.
    pub(super) fn in_query(&self, path: &str) -> String {
        format!("curl \"{}{path}?access_token={}\"", self.base, self.token)
    }

    /// The path of the account.
    pub(super) fn account_path(&self) -> String {
        let account = self.account.as_deref().unwrap_or_default();
        format!("/v1/account/{}", crate::show::encode(account))
    }

    /// What Prometheus needs to read the metrics.
    pub(super) fn prometheus(&self) -> String {
        let (scheme, target, path) = Url::parse(&self.base).map_or_else(
            |_| ("http".to_owned(), self.base.clone(), String::new()),
            |url| {
                let host = url.host_str().unwrap_or_default();
                let port = url.port_or_known_default().unwrap_or(80);
                (
                    url.scheme().to_owned(),
                    format!("{host}:{port}"),
                    url.path().trim_end_matches('/').to_owned(),
                )
            },
        );
        format!(
            "scrape_configs:\n  - job_name: posthouse\n    scheme: {scheme}\n    metrics_path: {path}/metrics\n    \
             authorization:\n      type: Bearer\n      credentials: {}\n    static_configs:\n      - targets: [\"{target}\"]",
            self.token
        )
    }
}

/// By which address clients reach this instance: the one that is set, else the visitor's own.
pub(crate) fn base(page: &Page) -> String {
    page.app
        .settings()
        .text("serviceUrl")
        .filter(|url| !url.trim().is_empty())
        .unwrap_or(&page.origin)
        .trim()
        .trim_end_matches('/')
        .to_owned()
}
