//! The real binary as a child process: started, killed, restarted, asked.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::env::{IMAP_PASSWORD, imap_addr};
use crate::http_client::Client;
use crate::wait::{eventually, free_port};

/// How long the server may take to answer 200 on `/health`, on a machine that is busy with other tests.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What a [`Server`] is started with.
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    binary: PathBuf,
    database: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    limit: Duration,
}

impl ServerBuilder {
    /// Uses this store (`--database URL`) instead of the embedded one in the server's own temporary folder.
    #[must_use]
    pub fn database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }

    /// Adds an argument to `posthouse serve`.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Sets an environment variable of the server.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits for 200 on `/health`.
    ///
    /// # Panics
    /// When it does not come up; with its log.
    pub async fn start(self) -> Server {
        let dir = match std::env::var_os("POSTHOUSE_TEST_DIR") {
            Some(base) => TempDir::with_prefix_in("server-", base),
            None => TempDir::with_prefix("posthouse-server-"),
        };
        let dir = dir.expect("no temporary folder");
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut server = Server {
            options: self,
            dir,
            addr,
            child: None,
            admin: None,
        };
        server.restart().await;
        server
    }
}

/// A running `posthouse serve` with a folder of its own. Killed when dropped; when a test fails, the end of its log is printed.
pub struct Server {
    options: ServerBuilder,
    dir: TempDir,
    addr: SocketAddr,
    child: Option<Child>,
    admin: Option<String>,
}

impl Server {
    /// The options of a server; `binary` is `env!("CARGO_BIN_EXE_posthouse")` in the test.
    #[must_use]
    pub fn builder(binary: impl AsRef<Path>) -> ServerBuilder {
        let binary = binary.as_ref().to_owned();
        ServerBuilder {
            binary,
            database: None,
            args: Vec::new(),
            env: Vec::new(),
            limit: START_LIMIT,
        }
    }

    /// Starts the server on the embedded store.
    ///
    /// # Panics
    /// As [`ServerBuilder::start`].
    pub async fn start(binary: impl AsRef<Path>) -> Self {
        Self::builder(binary).start().await
    }

    /// Where it listens; the same after a restart.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The folder given as `--data-dir`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What it has printed so far, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Process id.
    ///
    /// # Panics
    /// When it is not running.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server is not running").id()
    }

    /// A client without a token.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::new(self.addr)
    }

    /// A client with a token of scope `*`, issued by the command line at the first call.
    ///
    /// # Panics
    /// When the command fails.
    pub async fn client(&mut self) -> Client {
        if self.admin.is_none() {
            self.admin = Some(self.issue_token("*", None).await);
        }
        self.anonymous()
            .with_token(self.admin.as_deref().unwrap_or_default())
    }

    /// `posthouse tokens issue` beside the running server; returns the token.
    ///
    /// # Panics
    /// When the command fails or prints anything but a token.
    pub async fn issue_token(&self, scope: &str, account: Option<&str>) -> String {
        let mut args = vec!["tokens", "issue", "-d", "from a test", "-s", scope];
        args.extend(account.map(|account| ["-a", account]).into_iter().flatten());
        let token = self.command(&args).await;
        let good = token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(good, "not a token: {token:?}");
        token
    }

    /// Runs `posthouse ARGS` on this server's store and returns what it prints.
    ///
    /// # Panics
    /// When it does not exit with 0.
    pub async fn command(&self, args: &[&str]) -> String {
        let mut command = self.posthouse();
        command
            .args(args)
            .args(self.store_args())
            .envs(self.options.env.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output())
            .await
            .expect("blocking task");
        let output =
            output.unwrap_or_else(|error| panic!("{}: {error}", self.options.binary.display()));
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "posthouse {args:?}: {}\n{stdout}{stderr}",
            output.status
        );
        stdout.into_owned()
    }

    /// Registers `account` with the Dovecot of the tests under the user of the same name, and with this SMTP server if any.
    ///
    /// # Panics
    /// When the answer is not 200.
    pub async fn register(&mut self, account: &str, smtp: Option<SocketAddr>) -> Value {
        let auth = json!({ "user": account, "pass": IMAP_PASSWORD });
        let endpoint = |addr: SocketAddr| json!({ "host": addr.ip(), "port": addr.port(), "secure": false, "auth": auth });
        let mut body = json!({
            "account": account, "name": format!("Test {account}"), "email": format!("{account}@example.com"), "imap": endpoint(imap_addr()),
        });
        if let Some(smtp) = smtp {
            body["smtp"] = endpoint(smtp);
        }
        self.client().await.post("/v1/account", &body).await.ok()
    }

    /// Waits until the account has this state; returns the account.
    ///
    /// # Panics
    /// When it takes longer than `limit`.
    pub async fn wait_state(&mut self, account: &str, state: &str, limit: Duration) -> Value {
        let client = self.client().await;
        let path = format!("/v1/account/{account}");
        let probe = || async {
            let answer = client.get(&path).await.json();
            (answer["state"] == state).then_some(answer)
        };
        eventually(&format!("{account} in state {state}"), limit, probe).await
    }

    /// SIGKILL: no chance to clean up. Returns when the process is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and waits until the process has ended; how it did.
    ///
    /// # Panics
    /// When it is not running or takes more than 20 s.
    pub async fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server is not running");
        let sent = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .expect("no kill command");
        assert!(sent.success(), "kill -TERM failed");
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("cannot wait for the server") {
                return status;
            }
            if start.elapsed() > Duration::from_secs(20) {
                self.child = Some(child);
                panic!(
                    "the server did not end within 20 s of SIGTERM\n{}",
                    self.log_tail()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts it again on the same folder and port, killing it first if it runs; waits for 200 on `/health`.
    ///
    /// # Panics
    /// When it does not come up; with its log.
    pub async fn restart(&mut self) {
        self.kill();
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("no log file");
        let mut command = self.posthouse();
        command.args([
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            &self.addr.port().to_string(),
        ]);
        command
            .args(self.store_args())
            .args(&self.options.args)
            .envs(self.options.env.iter().map(|(name, value)| (name, value)));
        self.child = Some(spawn(&mut command, log));
        let start = Instant::now();
        while !self.healthy().await {
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            let fault = match ended {
                Some(status) => format!("ended with {status}"),
                None if start.elapsed() > self.options.limit => {
                    format!("is not healthy after {:?}", self.options.limit)
                }
                None => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            panic!("the server {fault}\n{}", self.log_tail());
        }
    }

    async fn healthy(&self) -> bool {
        let asked = self.anonymous();
        let answer = tokio::time::timeout(
            Duration::from_secs(5),
            asked.try_request("GET", "/health", &[], None),
        )
        .await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status == 200))
    }

    /// The binary, without what the environment of the tests may say to it.
    fn posthouse(&self) -> Command {
        let mut command = Command::new(&self.options.binary);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("POSTHOUSE_") || text.starts_with("EENGINE_") {
                command.env_remove(&name);
            }
        }
        command.current_dir(self.dir.path());
        command
    }

    fn store_args(&self) -> Vec<String> {
        let mut args = vec![
            "--data-dir".to_owned(),
            self.data_dir().to_string_lossy().into_owned(),
        ];
        args.extend(
            self.options
                .database
                .iter()
                .flat_map(|url| ["--database".to_owned(), url.clone()]),
        );
        args
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("posthouse.log")
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the end of the server's log\n{}\n---", self.log_tail());
        }
    }
}

fn spawn(command: &mut Command, log: File) -> Child {
    let errors = log.try_clone().expect("cannot share the log file");
    let child = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn();
    child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}
