//! The server: start, banner, signals, stop.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use posthouse_api::{ApiConfig, CorsConfig, Server};
use posthouse_app::{
    App, AppConfig, AuditLimits,
    commands::{self, IssueToken},
};
use posthouse_engine::EngineConfig;
use posthouse_script::PoolOptions;
use posthouse_store::{Database, Store};
use serde_json::{Map, Value};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    Failure, cli,
    config::{Config, values::Values},
    embedded, log,
};

/// From the signal to the end, requests and mail sessions together.
const STOP: Duration = Duration::from_secs(8);
/// The part of it that requests in flight have.
const DRAIN: Duration = Duration::from_secs(6);

/// The subcommand that runs users' scripts.
const SCRIPT_WORKER: &str = "script-worker";

/// Stack of a worker thread. Debug builds keep far larger frames.
const STACK: usize = if cfg!(debug_assertions) {
    4 << 20
} else {
    1 << 20
};

/// Runs the server until a signal ends it.
pub(crate) fn run(config: &Config, values: &Values) -> Result<(), Failure> {
    log::start(&config.log_level, &config.log_format);
    if config.api_tls {
        return Err(Failure::Other(
            "TLS on the HTTP listener (EENGINE_API_TLS, api.tls.enabled) is not built yet; put a reverse proxy in front and unset it"
                .to_owned(),
        ));
    }
    warn_of(values);
    // A second installation is refused; there is none before this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_stack_size(STACK)
        .thread_name("posthouse")
        .enable_all()
        .build()
        .map_err(|error| Failure::of("the runtime", &error))?;
    let result = runtime.block_on(serve(config));
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    result
}

async fn serve(config: &Config) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    listen_to_signals(stop.clone())?;
    embedded::make_folder(&config.database)?;
    let _lock = embedded::lock(&config.database)?;
    let place = format!("the store {}", config.database);
    let store = Store::open(config.store())
        .await
        .map_err(|error| Failure::of(&place, &error))?;
    let result = on(&store, config, stop).await;
    let closed = store
        .close()
        .await
        .map_err(|error| Failure::of(&place, &error));
    result?;
    closed?;
    tracing::info!("stopped");
    Ok(())
}

async fn on(store: &Store, config: &Config, stop: CancellationToken) -> Result<(), Failure> {
    // The port first: a second server must not get as far as connecting accounts.
    let server = Server::bind((config.host.trim_matches(['[', ']']), config.port))
        .await
        .map_err(|error| {
            Failure::of(
                &format!("listening on {}:{}", config.host, config.port),
                &error,
            )
        })?;
    let address = server
        .local_addr()
        .map_err(|error| Failure::of("the listener", &error))?;
    let fresh = commands::is_fresh(store)
        .await
        .map_err(|error| Failure::Other(error.to_string()))?;
    let app = App::start(store.clone(), app_config(config)?)
        .await
        .map_err(|error| Failure::of("the start", &error))?;
    warn_of_openness(config, &app);
    let first = if fresh && config.prepared_token.is_none() {
        let token = IssueToken {
            description: Some("First token".to_owned()),
            ..IssueToken::default()
        };
        let issued = commands::issue_token(store, token).await;
        Some(
            issued
                .map_err(|error| Failure::of("the first token", &error))?
                .0
                .expose(),
        )
    } else {
        None
    };
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), store = %config.database, "ready");
    let console = app.console();
    let setup_code = console.setup_code_to_print();
    cli::print(&banner(address, config, first.as_deref(), setup_code));

    let stopping = {
        let stop = stop.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            Instant::now()
        })
    };
    server
        .serve(
            app.clone(),
            api_config(config),
            posthouse_web::router(app.clone()),
            stop,
        )
        .await;
    let since = stopping.await.unwrap_or_else(|_| Instant::now());
    app.shutdown(STOP.saturating_sub(since.elapsed())).await;
    Ok(())
}

/// The first SIGTERM or Ctrl-C stops in order, the second at once.
fn listen_to_signals(stop: CancellationToken) -> Result<(), Failure> {
    let failed = |error| Failure::of("signals", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::spawn(async move {
        for second in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if second {
                tracing::warn!("second signal: ending at once");
                std::process::exit(1);
            }
            tracing::info!("stopping: requests in flight may finish; a second signal ends at once");
            stop.cancel();
        }
    });
    Ok(())
}

fn api_config(config: &Config) -> ApiConfig {
    ApiConfig {
        command_timeout: config.command_timeout,
        max_body_size: config.max_body_size,
        payload_timeout: config.payload_timeout,
        body_budget: config.body_budget,
        header_timeout: config.header_timeout,
        max_header_size: config.max_header_size,
        max_connections: config.max_connections,
        drain: DRAIN,
        proxies: config.proxy_addresses.clone(),
        cors: (!config.cors_origins.is_empty()).then(|| CorsConfig {
            origins: config.cors_origins.clone(),
            max_age: config.cors_max_age,
        }),
    }
}

/// A name that no other process on the same database has, nor this one after a restart: two owners
/// of one name would both believe that an account is theirs.
fn node_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{}-{}-{:x}",
        host.trim(),
        std::process::id(),
        started.as_micros()
    )
}

fn app_config(config: &Config) -> Result<AppConfig, Failure> {
    let mut engine = EngineConfig {
        egress_policy: config
            .egress_policy
            .parse()
            .map_err(|error| Failure::of("webhooks.egressPolicy", &error))?,
        webhook_timeout: config.webhook_timeout,
        webhook_workers: config.webhook_workers,
        submit_workers: config.submit_workers,
        connecting: config.connecting,
        connect_timeout: config.connect_timeout,
        max_auth_failure: config.max_auth_failure,
        scripts: Some(
            PoolOptions::of_this_binary([SCRIPT_WORKER.into()])
                .map_err(|error| Failure::of("the path of this program", &error))?,
        ),
        ..EngineConfig::default()
    };
    engine.node = match (&config.node, &config.database) {
        (Some(node), _) => node.clone(),
        (None, Database::Sqlite { .. }) => engine.node,
        (None, Database::Postgres { .. }) => node_name(),
    };
    let mut seeds = Map::new();
    let mut seed = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            seeds.insert(key.to_owned(), value);
        }
    };
    seed("enableApiProxy", config.api_proxy.map(Value::from));
    seed(
        "disableTokens",
        config.require_api_auth.map(|required| (!required).into()),
    );
    seed(
        "enableOAuthTokensApi",
        config.oauth_tokens_api.map(Value::from),
    );
    seed("queueKeep", config.queue_keep.map(Value::from));
    Ok(AppConfig {
        engine,
        command_timeout: config.command_timeout,
        audit: AuditLimits {
            entries: config.token_log_entries,
            age: config.token_log_age,
        },
        max_attachment: config.max_attachment,
        discover: config.discover.clone(),
        proxies_named: config.proxy_addresses.is_some(),
        seeds,
        require_tokens: config.require_api_auth == Some(true),
        unfold_history: config.unfold_history,
        // That it is a JSON object was checked with the rest of the configuration.
        prepared_settings: config
            .settings
            .as_ref()
            .and_then(|text| serde_json::from_str(text.expose()).ok()),
        prepared_token: config
            .prepared_token
            .as_ref()
            .map(|token| token.expose().trim().to_owned()),
        prepared_password: config
            .prepared_password
            .as_ref()
            .map(|password| password.expose().trim().to_owned()),
        admin_addresses: config.admin_addresses.clone(),
    })
}

fn warn_of(values: &Values) {
    for name in &values.unknown {
        tracing::warn!(name, "a variable that is not known");
    }
    if !values.kept.is_empty() || !values.ignored.is_empty() {
        tracing::info!(
            "some options have no effect in this version: `posthouse config check` lists them"
        );
    }
}

/// Tells of doors that stand open by stored settings, whoever opened them and when.
fn warn_of_openness(config: &Config, app: &App) {
    if app.settings().bool("disableTokens") {
        tracing::warn!(
            "the API is open to everybody who reaches it, without access tokens; EENGINE_REQUIRE_API_AUTH=true closes it"
        );
    }
    // Such a client passes by address restrictions and writes what it likes into audit logs.
    if config.proxy_addresses.is_none() && app.settings().bool("enableApiProxy") {
        tracing::warn!(
            "X-Forwarded-For is believed from everybody: name the proxies by EENGINE_API_PROXY_ADDRESSES, or switch the setting enableApiProxy off"
        );
    }
}

/// For standard output: first token and set-up code belong to whoever started the server, not into the log.
fn banner(
    address: SocketAddr,
    config: &Config,
    first: Option<&str>,
    setup_code: Option<&str>,
) -> String {
    let url = match address {
        address if address.ip().is_unspecified() => format!("http://127.0.0.1:{}", address.port()),
        address => format!("http://{address}"),
    };
    let mut out = format!(
        "Posthouse {} listens on http://{address}\nStore: {}\nConsole: {url}/admin\n",
        env!("CARGO_PKG_VERSION"),
        config.database
    );
    if let Some(code) = setup_code {
        out.push_str(&format!(
            "\n\
             The console has no password yet: open it to set one. From this machine it opens at once; from\n\
             elsewhere it asks for this code, which holds until there is a password or the server ends:\n\
             \n    {code}\n"
        ));
    }
    if let Some(token) = first {
        out.push_str(&format!(
            "\n\
             First access token (scope *). It is shown this once, keep it:\n\
             \n    export TOKEN={token}\n\
             \n\
             What to do next:\n\
             \n    curl -H \"Authorization: Bearer $TOKEN\" {url}/v1/stats\
             \n    curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' {url}/v1/account -d '\
             {{\"account\":\"jane\",\"name\":\"Jane\",\"email\":\"jane@example.com\",\
             \"imap\":{{\"host\":\"imap.example.com\",\"port\":993,\"secure\":true,\"auth\":{{\"user\":\"jane\",\"pass\":\"...\"}}}}}}'\n\
             \n\
             {url}/swagger.json describes every operation; `posthouse tokens issue --help` makes narrower tokens.\n"
        ));
    }
    out
}
