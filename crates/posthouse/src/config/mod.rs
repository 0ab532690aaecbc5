//! Configuration: one table of options ([`table`]), five sources ([`values`]), one struct.

mod discover;
mod dotenv;
pub(crate) mod option;
pub(crate) mod print;
pub(crate) mod table;
pub(crate) mod values;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;
use posthouse_app::DiscoverConfig;
use posthouse_model::{Secret, units};
use posthouse_store::{Database, StoreConfig};

use values::{Inputs, Values};

/// The configuration of a process.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) api_tls: bool,
    pub(crate) max_body_size: usize,
    pub(crate) max_attachment: u64,
    pub(crate) payload_timeout: Duration,
    pub(crate) body_budget: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) max_header_size: usize,
    pub(crate) max_connections: usize,
    pub(crate) proxy_addresses: Option<Vec<IpNet>>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) cors_max_age: Duration,
    pub(crate) database: Database,
    pub(crate) allow_unsafe_durability: bool,
    pub(crate) secret: Option<Secret>,
    pub(crate) command_timeout: Duration,
    pub(crate) node: Option<String>,
    pub(crate) api_proxy: Option<bool>,
    pub(crate) require_api_auth: Option<bool>,
    pub(crate) unfold_history: bool,
    pub(crate) oauth_tokens_api: Option<bool>,
    pub(crate) queue_keep: Option<u64>,
    /// A JSON object; may hold secrets.
    pub(crate) settings: Option<Secret>,
    pub(crate) prepared_token: Option<Secret>,
    pub(crate) prepared_password: Option<Secret>,
    pub(crate) admin_addresses: Vec<String>,
    pub(crate) discover: DiscoverConfig,
    pub(crate) token_log_entries: u32,
    pub(crate) token_log_age: Duration,
    pub(crate) log_level: String,
    pub(crate) log_format: String,
    pub(crate) webhook_timeout: Duration,
    pub(crate) egress_policy: String,
    pub(crate) webhook_workers: usize,
    pub(crate) submit_workers: usize,
    pub(crate) connecting: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_auth_failure: Duration,
}

impl Config {
    /// Reads the configuration of this process.
    ///
    /// # Errors
    /// All faults at once, one sentence each.
    pub(crate) fn load(inputs: &Inputs) -> Result<Self, Vec<String>> {
        Self::from_values(&Values::gather(inputs))
    }

    /// The struct of gathered values.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn from_values(values: &Values) -> Result<Self, Vec<String>> {
        let mut read = Reader {
            values,
            faults: values.faults.clone(),
        };
        let data_dir = PathBuf::from(values.text("store.dataDir").unwrap_or("./data"));
        let database = read.database(&data_dir);
        let config = Self {
            host: read.string("api.host"),
            port: u16::try_from(read.number("api.port")).unwrap_or_default(),
            api_tls: read.bool("api.tls.enabled").unwrap_or_default(),
            max_body_size: read.size("api.maxBodySize"),
            max_attachment: read.size("api.maxSize") as u64,
            payload_timeout: read.duration("api.maxPayloadTimeout"),
            body_budget: read.size("api.bodyBudget"),
            header_timeout: read.duration("api.headerTimeout"),
            max_header_size: read.size("api.maxHeaderSize"),
            max_connections: read.size_of_number("api.maxConnections"),
            proxy_addresses: values
                .text("api.proxyAddresses")
                .map(|text| option::words(text).filter_map(option::network).collect()),
            cors_origins: values
                .text("cors.origin")
                .map(|text| option::words(text).map(str::to_owned).collect())
                .unwrap_or_default(),
            cors_max_age: read.duration("cors.maxAge"),
            database,
            allow_unsafe_durability: read.bool("store.allowUnsafeDurability").unwrap_or_default(),
            secret: read.secret("service.secret"),
            command_timeout: read.duration("service.commandTimeout"),
            node: values.text("service.node").map(str::to_owned),
            api_proxy: read.bool("api.proxy"),
            require_api_auth: read.bool("service.requireApiAuth"),
            unfold_history: read.bool("admin.disableThreadCollapse").unwrap_or_default(),
            oauth_tokens_api: read.bool("service.enableOAuthTokensApi"),
            queue_keep: values
                .text("queues.keep")
                .and_then(|text| text.trim().parse().ok()),
            settings: read.secret("settings"),
            prepared_token: read.secret("preparedToken"),
            prepared_password: read.secret("preparedPassword"),
            admin_addresses: values
                .text("admin.accessAddresses")
                .map(|text| option::words(text).map(str::to_owned).collect())
                .unwrap_or_default(),
            discover: discover::read(values, &mut read.faults),
            token_log_entries: u32::try_from(read.number("tokens.logEntries")).unwrap_or(u32::MAX),
            token_log_age: read.duration("tokens.logAge"),
            log_level: read.string("log.level"),
            log_format: read.string("log.format"),
            webhook_timeout: read.duration("webhooks.timeout"),
            egress_policy: read.string("webhooks.egressPolicy"),
            webhook_workers: read.size_of_number("queues.notify"),
            submit_workers: read.size_of_number("queues.submit"),
            connecting: read.size_of_number("mail.connecting"),
            connect_timeout: read.duration("mail.connectTimeout"),
            max_auth_failure: read.duration("mail.maxImapAuthFailureTime"),
        };
        for (key, duration) in [
            ("api.maxPayloadTimeout", config.payload_timeout),
            ("api.headerTimeout", config.header_timeout),
            ("service.commandTimeout", config.command_timeout),
            ("webhooks.timeout", config.webhook_timeout),
            ("mail.connectTimeout", config.connect_timeout),
        ] {
            if duration.is_zero() {
                read.faults
                    .push(format!("{key}: must be more than nothing"));
            }
        }
        if config.body_budget < config.max_body_size {
            read.faults.push(
                "api.bodyBudget: must not be smaller than api.maxBodySize, or the largest body never fits"
                    .to_owned(),
            );
        }
        if read.faults.is_empty() {
            Ok(config)
        } else {
            Err(read.faults)
        }
    }

    /// How the store is opened.
    pub(crate) fn store(&self) -> StoreConfig {
        let mut config = StoreConfig::new(self.database.clone());
        config.secret = self
            .secret
            .as_ref()
            .map(|secret| secret.expose().to_owned());
        config.allow_unsafe_durability = self.allow_unsafe_durability;
        config
    }
}

/// Typed reading. What cannot be read is a fault already, found by [`Values::gather`]; it reads as zero.
struct Reader<'a> {
    values: &'a Values,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn string(&self, key: &str) -> String {
        self.values.text(key).unwrap_or_default().to_owned()
    }

    fn secret(&self, key: &str) -> Option<Secret> {
        self.values.text(key).map(Secret::new)
    }

    fn bool(&self, key: &str) -> Option<bool> {
        units::parse_bool(self.values.text(key)?).ok()
    }

    fn duration(&self, key: &str) -> Duration {
        let text = self.values.text(key).unwrap_or_default();
        // Not zero: that would be a second fault about the same value.
        units::parse_duration(text).unwrap_or(Duration::from_secs(1))
    }

    fn size(&self, key: &str) -> usize {
        let size = units::parse_size(self.values.text(key).unwrap_or_default());
        usize::try_from(size.unwrap_or_default()).unwrap_or(usize::MAX)
    }

    fn number(&self, key: &str) -> u64 {
        let text = self.values.text(key).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }

    fn size_of_number(&self, key: &str) -> usize {
        usize::try_from(self.number(key)).unwrap_or(usize::MAX)
    }

    fn database(&mut self, data_dir: &std::path::Path) -> Database {
        let embedded = || Database::Sqlite {
            path: data_dir.join("posthouse.db"),
        };
        match self.values.text("store.database").map(str::parse) {
            None => embedded(),
            Some(Ok(database)) => database,
            Some(Err(error)) => {
                self.faults.push(format!("store.database: {error}"));
                embedded()
            }
        }
    }
}
