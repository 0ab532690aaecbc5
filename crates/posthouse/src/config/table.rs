//! Every option, once: file, environment, `config default` and `config check` all work from this table.

use super::option::{
    Kind,
    Kind::{
        Bool, Choice, Duration, Json, Level, List, Networks, Number, Path, Secret, Size, Text, Url,
    },
    Opt,
    Status::{Kept, Used},
};

const fn used(
    key: &'static str,
    env: &'static [&'static str],
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Opt {
    Opt {
        key,
        env,
        kind,
        default,
        status: Used,
        help,
    }
}

const fn kept(
    key: &'static str,
    env: &'static [&'static str],
    kind: Kind,
    help: &'static str,
) -> Opt {
    Opt {
        key,
        env,
        kind,
        default: "",
        status: Kept,
        help,
    }
}

/// The options, by section.
pub(crate) const OPTIONS: &[Opt] = &[
    used(
        "api.host",
        &["POSTHOUSE_HOST", "EENGINE_HOST"],
        Text,
        "127.0.0.1",
        "Address to listen on; 0.0.0.0 or :: for all. There is no TLS of its own: put a proxy in front.",
    ),
    used(
        "api.port",
        &["POSTHOUSE_PORT", "EENGINE_PORT", "PORT"],
        Number(0, 65_535),
        "3000",
        "Port to listen on; 0 lets the system choose.",
    ),
    used(
        "api.maxBodySize",
        &["POSTHOUSE_MAX_BODY_SIZE", "EENGINE_MAX_BODY_SIZE"],
        Size,
        "50M",
        "Largest request body of submit and message upload; other operations take 2M.",
    ),
    used(
        "api.maxSize",
        &["POSTHOUSE_MAX_SIZE", "EENGINE_MAX_SIZE"],
        Size,
        "25M",
        "Largest attachment that is taken over by reference.",
    ),
    used(
        "api.maxPayloadTimeout",
        &[
            "POSTHOUSE_MAX_PAYLOAD_TIMEOUT",
            "EENGINE_MAX_PAYLOAD_TIMEOUT",
        ],
        Duration,
        "10s",
        "How long a request body may take to arrive.",
    ),
    used(
        "api.bodyBudget",
        &["POSTHOUSE_BODY_BUDGET"],
        Size,
        "64M",
        "Request bodies in memory at once, over all requests; who finds no room waits.",
    ),
    used(
        "api.headerTimeout",
        &["POSTHOUSE_HEADER_TIMEOUT"],
        Duration,
        "30s",
        "How long a request head may take to arrive, and how long a connection may be idle.",
    ),
    used(
        "api.maxHeaderSize",
        &["POSTHOUSE_MAX_HEADER_SIZE"],
        Size,
        "32k",
        "Largest request head.",
    ),
    used(
        "api.maxConnections",
        &["POSTHOUSE_MAX_CONNECTIONS"],
        Number(1, 1_000_000),
        "8192",
        "HTTP connections at once; more wait to be accepted.",
    ),
    used(
        "api.proxy",
        &["POSTHOUSE_API_PROXY", "EENGINE_API_PROXY"],
        Bool,
        "",
        "Take the client's address from X-Forwarded-For. Read at the first start only; later the setting enableApiProxy decides.",
    ),
    used(
        "api.proxyAddresses",
        &[
            "POSTHOUSE_API_PROXY_ADDRESSES",
            "EENGINE_API_PROXY_ADDRESSES",
        ],
        Networks,
        "",
        "Proxies whose X-Forwarded-For is believed. Without a list everybody's is, and any client can make up an address.",
    ),
    used(
        "api.tls.enabled",
        &["POSTHOUSE_API_TLS", "EENGINE_API_TLS"],
        Bool,
        "",
        "TLS on the HTTP listener. Not built yet: the server refuses to start with it.",
    ),
    used(
        "cors.origin",
        &["POSTHOUSE_CORS_ORIGIN", "EENGINE_CORS_ORIGIN"],
        List,
        "",
        "Origins whose pages may call the API, apart by blanks; * for any. Empty for none.",
    ),
    used(
        "cors.maxAge",
        &["POSTHOUSE_CORS_MAX_AGE", "EENGINE_CORS_MAX_AGE"],
        Duration,
        "60s",
        "How long a browser may keep the answer to a preflight.",
    ),
    used(
        "store.dataDir",
        &["POSTHOUSE_DATA_DIR"],
        Path,
        "./data",
        "Folder of the embedded store. Keep it on a local disk; back it up with its key file.",
    ),
    used(
        "store.database",
        &["POSTHOUSE_DATABASE"],
        Text,
        "",
        "sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME. Empty: posthouse.db in the data folder.",
    ),
    used(
        "store.allowUnsafeDurability",
        &["POSTHOUSE_ALLOW_UNSAFE_DURABILITY"],
        Bool,
        "false",
        "Accept a PostgreSQL server that acknowledges writes before they are on disk.",
    ),
    used(
        "service.secret",
        &["POSTHOUSE_SECRET", "EENGINE_SECRET"],
        Secret,
        "",
        "Secret that seals stored passwords. Empty: a key file beside the embedded store. PostgreSQL needs one.",
    ),
    used(
        "service.commandTimeout",
        &["POSTHOUSE_TIMEOUT", "EENGINE_TIMEOUT"],
        Duration,
        "10s",
        "How long an operation may take unless the caller asks for more by x-ee-timeout.",
    ),
    used(
        "service.node",
        &["POSTHOUSE_NODE"],
        Text,
        "",
        "Name of this process among those on one database. Empty: local on the embedded store; on PostgreSQL one made of the host name, new at each start.",
    ),
    used(
        "service.requireApiAuth",
        &["POSTHOUSE_REQUIRE_API_AUTH", "EENGINE_REQUIRE_API_AUTH"],
        Bool,
        "",
        "false opens the API to everybody who reaches it, from the first start on; true closes it again at any start.",
    ),
    used(
        "service.enableOAuthTokensApi",
        &[
            "POSTHOUSE_ENABLE_OAUTH_TOKENS_API",
            "EENGINE_ENABLE_OAUTH_TOKENS_API",
        ],
        Bool,
        "",
        "Let the API hand out OAuth2 access tokens. Read at the first start only; later the setting enableOAuthTokensApi decides.",
    ),
    used(
        "settings",
        &["POSTHOUSE_SETTINGS", "EENGINE_SETTINGS"],
        Json,
        "",
        "Run-time settings as a JSON object, written at every start.",
    ),
    used(
        "preparedToken",
        &["POSTHOUSE_PREPARED_TOKEN", "EENGINE_PREPARED_TOKEN"],
        Secret,
        "",
        "An access token as `posthouse tokens export` prints it, imported unless its id is known.",
    ),
    used(
        "tokens.logEntries",
        &["POSTHOUSE_TOKEN_LOG_ENTRIES", "EENGINE_TOKEN_LOG_ENTRIES"],
        Number(1, 1_000_000),
        "1000",
        "Entries kept in the audit log of one token.",
    ),
    used(
        "tokens.logAge",
        &["POSTHOUSE_TOKEN_LOG_AGE", "EENGINE_TOKEN_LOG_AGE"],
        Duration,
        "7d",
        "Age of entries in the audit log of a token. EENGINE_TOKEN_LOG_AGE without a unit is seconds.",
    ),
    used(
        "log.level",
        &["POSTHOUSE_LOG_LEVEL", "EENGINE_LOG_LEVEL"],
        Level,
        "info",
        "trace, debug, info, warn, error, fatal or silent; or directives such as info,posthouse_imap=trace.",
    ),
    used(
        "log.format",
        &["POSTHOUSE_LOG_FORMAT"],
        Choice(&["auto", "text", "json"]),
        "auto",
        "auto is text on a terminal, else JSON lines. Logs go to standard error.",
    ),
    used(
        "webhooks.timeout",
        &["POSTHOUSE_WEBHOOK_TIMEOUT", "EENGINE_WEBHOOK_TIMEOUT"],
        Duration,
        "30s",
        "How long one delivery of a webhook may take.",
    ),
    used(
        "webhooks.egressPolicy",
        &[
            "POSTHOUSE_WEBHOOK_EGRESS_POLICY",
            "EENGINE_WEBHOOK_EGRESS_POLICY",
        ],
        Choice(&["off", "link-local", "private"]),
        "link-local",
        "Where webhooks may not go: off (nowhere forbidden), link-local (cloud metadata), private (all but public addresses).",
    ),
    used(
        "queues.notify",
        &["POSTHOUSE_NOTIFY_QC", "EENGINE_NOTIFY_QC"],
        Number(1, 10_000),
        "64",
        "Webhook deliveries at once; the order for one account and target is kept whatever the number.",
    ),
    used(
        "queues.submit",
        &["POSTHOUSE_SUBMIT_QC", "EENGINE_SUBMIT_QC"],
        Number(1, 10_000),
        "16",
        "Outgoing messages at once.",
    ),
    used(
        "queues.keep",
        &["POSTHOUSE_QUEUE_REMOVE_AFTER", "EENGINE_QUEUE_REMOVE_AFTER"],
        Number(0, 1_000_000),
        "",
        "Finished jobs kept for inspection. Read at the first start only; later the setting queueKeep decides.",
    ),
    used(
        "mail.connecting",
        &["POSTHOUSE_CONNECTING"],
        Number(1, 10_000),
        "32",
        "Accounts that connect at once to one mail host.",
    ),
    used(
        "mail.connectTimeout",
        &["POSTHOUSE_CONNECT_TIMEOUT"],
        Duration,
        "30s",
        "How long connecting and logging in to a mail server may take.",
    ),
    used(
        "mail.maxImapAuthFailureTime",
        &[
            "POSTHOUSE_MAX_IMAP_AUTH_FAILURE_TIME",
            "EENGINE_MAX_IMAP_AUTH_FAILURE_TIME",
        ],
        Duration,
        "3d",
        "A login that fails for so long switches IMAP off for the account; 0 never does.",
    ),
    used(
        "discover.dns",
        &["POSTHOUSE_DISCOVER_DNS"],
        List,
        "",
        "Name servers to ask when mail servers of an address are looked for and when delivery tests are judged, 192.0.2.53 or 127.0.0.1:5353; the system's if empty.",
    ),
    used(
        "discover.ispdb",
        &["POSTHOUSE_DISCOVER_ISPDB"],
        Text,
        "https://autoconfig.thunderbird.net/v1.1/",
        "Collection of mail server settings that is asked for the domain of an address (not for the address); off asks nobody.",
    ),
    used(
        "discover.egressPolicy",
        &["POSTHOUSE_DISCOVER_EGRESS_POLICY"],
        Choice(&["off", "link-local", "private"]),
        "private",
        "Where that search may not go, as for webhooks; domains are whatever people type in.",
    ),
    used(
        "discover.httpPort",
        &["POSTHOUSE_DISCOVER_HTTP_PORT"],
        Number(1, 65_535),
        "80",
        "Port of the web servers that it asks over http.",
    ),
    used(
        "discover.httpsPort",
        &["POSTHOUSE_DISCOVER_HTTPS_PORT"],
        Number(1, 65_535),
        "443",
        "Port of the web servers that it asks over https.",
    ),
    used(
        "discover.caFile",
        &["POSTHOUSE_DISCOVER_CA_FILE"],
        Path,
        "",
        "PEM file of certificate authorities that it trusts in addition to the system's.",
    ),
    used(
        "preparedPassword",
        &["POSTHOUSE_PREPARED_PASSWORD", "EENGINE_PREPARED_PASSWORD"],
        Secret,
        "",
        "Hash of the console's password as `posthouse password --hash` prints it, stored at every start.",
    ),
    used(
        "admin.accessAddresses",
        &[
            "POSTHOUSE_ADMIN_ACCESS_ADDRESSES",
            "EENGINE_ADMIN_ACCESS_ADDRESSES",
        ],
        Networks,
        "",
        "Addresses and networks that may open the console; everything under /admin is refused elsewhere. Empty for all.",
    ),
    kept(
        "admin.disableSetupWarnings",
        &["EENGINE_DISABLE_SETUP_WARNINGS"],
        Bool,
        "Hide warnings about the set-up.",
    ),
    kept(
        "admin.disableMessageBrowser",
        &["EENGINE_DISABLE_MESSAGE_BROWSER"],
        Bool,
        "Hide the message browser.",
    ),
    used(
        "admin.disableThreadCollapse",
        &["EENGINE_DISABLE_THREAD_COLLAPSE"],
        Bool,
        "",
        "Show quoted history in web-safe HTML as it came, not folded.",
    ),
    kept(
        "mcp.enabled",
        &["POSTHOUSE_MCP_ENABLED", "EENGINE_MCP_ENABLED"],
        Bool,
        "Serve the Model Context Protocol.",
    ),
    kept(
        "mail.chunkSize",
        &["EENGINE_CHUNK_SIZE"],
        Size,
        "Size of a download's parts.",
    ),
    kept(
        "mail.fetchTimeout",
        &["EENGINE_FETCH_TIMEOUT"],
        Duration,
        "Deadline of outgoing HTTP.",
    ),
    kept(
        "mail.fetchBatchSize",
        &["EENGINE_FETCH_BATCH_SIZE"],
        Number(1, 1_000_000),
        "Messages of a sync step.",
    ),
    kept(
        "mail.imapSocketTimeout",
        &["EENGINE_IMAP_SOCKET_TIMEOUT"],
        Duration,
        "Silence after which a connection is dead.",
    ),
    kept(
        "mail.submitDelay",
        &["EENGINE_SUBMIT_DELAY"],
        Duration,
        "Gap between two outgoing messages.",
    ),
    kept(
        "mail.gmailPollInterval",
        &["EENGINE_GMAIL_FALLBACK_POLL_INTERVAL"],
        Duration,
        "Poll of Gmail without push.",
    ),
    kept(
        "queues.export",
        &["EENGINE_EXPORT_QC"],
        Number(1, 10_000),
        "Exports at once.",
    ),
    kept(
        "queues.keepFailed",
        &["EENGINE_QUEUE_KEEP_FAILED"],
        Number(0, 1_000_000),
        "Failed jobs kept.",
    ),
    kept(
        "queues.keepFailedAge",
        &["EENGINE_QUEUE_KEEP_FAILED_AGE"],
        Duration,
        "Age of failed jobs.",
    ),
    kept(
        "export.path",
        &["EENGINE_EXPORT_PATH"],
        Path,
        "Folder of exports.",
    ),
    kept(
        "export.maxAge",
        &["EENGINE_EXPORT_MAX_AGE"],
        Duration,
        "How long exports are kept.",
    ),
    kept(
        "export.timeout",
        &["EENGINE_EXPORT_TIMEOUT"],
        Duration,
        "Deadline of an export's step.",
    ),
    kept(
        "smtp.enabled",
        &["POSTHOUSE_SMTP_ENABLED", "EENGINE_SMTP_ENABLED"],
        Bool,
        "Run the SMTP submission server.",
    ),
    kept(
        "smtp.secret",
        &["POSTHOUSE_SMTP_SECRET", "EENGINE_SMTP_SECRET"],
        Secret,
        "Password of the SMTP submission server.",
    ),
    kept(
        "smtp.host",
        &["POSTHOUSE_SMTP_HOST", "EENGINE_SMTP_HOST"],
        Text,
        "Address of the SMTP submission server.",
    ),
    kept(
        "smtp.port",
        &["POSTHOUSE_SMTP_PORT", "EENGINE_SMTP_PORT"],
        Number(0, 65_535),
        "Port of the SMTP submission server.",
    ),
    kept(
        "smtp.proxy",
        &["POSTHOUSE_SMTP_PROXY", "EENGINE_SMTP_PROXY"],
        Bool,
        "Expect the PROXY protocol there.",
    ),
    kept(
        "smtp.maxMessageSize",
        &[
            "POSTHOUSE_MAX_SMTP_MESSAGE_SIZE",
            "EENGINE_MAX_SMTP_MESSAGE_SIZE",
        ],
        Size,
        "Largest message taken there.",
    ),
    kept(
        "imap-proxy.enabled",
        &["POSTHOUSE_IMAP_PROXY_ENABLED", "EENGINE_IMAP_PROXY_ENABLED"],
        Bool,
        "Run the IMAP proxy.",
    ),
    kept(
        "imap-proxy.secret",
        &["POSTHOUSE_IMAP_PROXY_SECRET", "EENGINE_IMAP_PROXY_SECRET"],
        Secret,
        "Password of the IMAP proxy.",
    ),
    kept(
        "imap-proxy.host",
        &["POSTHOUSE_IMAP_PROXY_HOST", "EENGINE_IMAP_PROXY_HOST"],
        Text,
        "Address of the IMAP proxy.",
    ),
    kept(
        "imap-proxy.port",
        &["POSTHOUSE_IMAP_PROXY_PORT", "EENGINE_IMAP_PROXY_PORT"],
        Number(0, 65_535),
        "Port of the IMAP proxy.",
    ),
    kept(
        "imap-proxy.proxy",
        &["POSTHOUSE_IMAP_PROXY_PROXY", "EENGINE_IMAP_PROXY_PROXY"],
        Bool,
        "Expect the PROXY protocol there.",
    ),
    kept(
        "http-proxy.enabled",
        &["POSTHOUSE_HTTP_PROXY_ENABLED", "EENGINE_HTTP_PROXY_ENABLED"],
        Bool,
        "Use a proxy for outgoing HTTP.",
    ),
    kept(
        "http-proxy.url",
        &["POSTHOUSE_HTTP_PROXY_URL", "EENGINE_HTTP_PROXY_URL"],
        Url,
        "Proxy for outgoing HTTP.",
    ),
    kept(
        "oidc.issuer",
        &["OIDC_ISSUER"],
        Text,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.clientId",
        &["OIDC_CLIENT_ID"],
        Text,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.clientSecret",
        &["OIDC_CLIENT_SECRET"],
        Secret,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.providerName",
        &["OIDC_PROVIDER_NAME"],
        Text,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.scopes",
        &["OIDC_SCOPES"],
        List,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.allowedUsers",
        &["OIDC_ALLOWED_USERS"],
        List,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.allowedGroups",
        &["OIDC_ALLOWED_GROUPS"],
        List,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.groupsClaim",
        &["OIDC_GROUPS_CLAIM"],
        Text,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.forced",
        &["OIDC_FORCED"],
        Bool,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.logout",
        &["OIDC_LOGOUT"],
        Bool,
        "Single sign-on for the console.",
    ),
    kept(
        "oidc.postLogoutRedirectUri",
        &["OIDC_POST_LOGOUT_REDIRECT_URI"],
        Text,
        "Single sign-on for the console.",
    ),
    kept(
        "okta.issuer",
        &["OKTA_OAUTH2_ISSUER"],
        Text,
        "Okta sign-on for the console.",
    ),
    kept(
        "okta.clientId",
        &["OKTA_OAUTH2_CLIENT_ID"],
        Text,
        "Okta sign-on for the console.",
    ),
    kept(
        "okta.clientSecret",
        &["OKTA_OAUTH2_CLIENT_SECRET"],
        Secret,
        "Okta sign-on for the console.",
    ),
];

/// Variables of the reference that mean nothing here, and why. A name that ends in `_` is a family.
pub(crate) const IGNORED: &[(&str, &str)] = &[
    (
        "EENGINE_REDIS",
        "there is no Redis: state is in SQLite or PostgreSQL",
    ),
    (
        "EENGINE_REDIS_PREFIX",
        "there is no Redis: state is in SQLite or PostgreSQL",
    ),
    (
        "REDIS_URL",
        "there is no Redis: state is in SQLite or PostgreSQL",
    ),
    (
        "EENGINE_WORKERS",
        "there are no worker processes: one process uses all cores",
    ),
    (
        "EENGINE_WORKERS_",
        "there are no worker processes: one process uses all cores",
    ),
    (
        "EENGINE_CONNECTION_SETUP_DELAY",
        "connecting is paced for each mail host",
    ),
    ("EENGINE_PREPARED_LICENSE", "there are no licence keys"),
    ("EENGINE_LICENSE_PATH", "there are no licence keys"),
    ("EENGINE_BEACON_DISABLED", "nothing is ever reported home"),
    (
        "EENGINE_UPDATE_CHECK_DISABLED",
        "nothing is ever reported home",
    ),
    ("SENTRY_DSN", "nothing is ever reported home"),
    ("EENGINE_LOG_RAW", "raw protocol traffic is not logged"),
    (
        "EENGINE_DOCUMENT_STORE_ENABLED",
        "there is no document store",
    ),
    (
        "EENGINE_DISABLE_COMPRESSION",
        "idle connections are never compressed",
    ),
    (
        "EENGINE_TLS_",
        "TLS 1.2 and 1.3 only, with the library's own ciphers",
    ),
];

/// Families of variables whose feature is to come.
pub(crate) const KEPT_FAMILIES: &[(&str, &str)] = &[
    ("EENGINE_API_TLS_", "TLS on the HTTP listener"),
    ("EENGINE_SMTP_TLS_", "TLS on the SMTP submission server"),
    ("EENGINE_IMAPPROXY_TLS_", "TLS on the IMAP proxy"),
];

/// Whether `name` is one of these or of a family of them.
pub(crate) fn listed(
    table: &'static [(&'static str, &'static str)],
    name: &str,
) -> Option<&'static str> {
    table
        .iter()
        .find(|(own, _)| *own == name || (own.ends_with('_') && name.starts_with(own)))
        .map(|(_, why)| *why)
}
