//! The command line, made to teach.

use std::{ffi::OsString, io::Write, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Version and licence, as `version` and `-v` print them after the name.
pub(crate) const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"), " (MIT OR Apache-2.0)");

/// Posthouse: a self-hosted email gateway. One REST API, one stream of webhooks over any mailbox.
#[derive(Debug, Parser)]
#[command(
    name = "posthouse",
    display_name = "Posthouse",
    version = VERSION,
    disable_version_flag = true,
    max_term_width = 100,
    after_help = "\
First steps:
  posthouse serve --data-dir ./data
      starts on an embedded store in ./data, prints the address and a first access token
  posthouse tokens issue -d \"my application\" -s api --data-dir ./data
      makes another token, also while the server runs
  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:3000/v1/accounts
      calls the API; http://127.0.0.1:3000/swagger.json describes it
  posthouse password --data-dir ./data
      sets a password for the console at http://127.0.0.1:3000/admin and prints it
  posthouse config default > posthouse.toml
      writes a configuration file with every option explained

Every option can be given by flag, environment (POSTHOUSE_*, EENGINE_*, NAME_FILE), .env or file.

Exit status: 0 done; 1 it failed, the reason is on standard error; 2 the command line is wrong."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file; posthouse.toml in the working folder is read without being named
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the embedded store [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where state is kept: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Any option by its key in the configuration file, as in api.maxBodySize=10M
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// trace, debug, info, warn, error, silent, or target=level,... [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// auto (text on a terminal, else JSON), text or json
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Where to listen.
#[derive(Debug, Args, Default)]
pub(crate) struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on, 0 for any [default: 3000]
    #[arg(long)]
    port: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (what happens without a command)
    #[command(after_help = "\
SIGTERM or Ctrl-C lets requests in flight finish (8 s at most) and closes the store; a second signal ends at once.
Without --database the state lies in DIR/posthouse.db, with a key file beside it: back up both.
On a store that was never served a first access token of scope * is printed, once.")]
    Serve(ServeArgs),
    /// Access tokens: issue, list, export, import, revoke; also while the server runs
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Set the console's password, also while the server runs; one-time passwords are switched off
    #[command(after_help = "\
Every session of the console ends. The user is admin unless the store names another.

  posthouse password --data-dir ./data
      sets a random password and prints it, and nothing else
  EENGINE_PREPARED_PASSWORD=$(posthouse password -p 'correct horse' --hash --data-dir ./data)
      prints what other installations take as their prepared password")]
    Password {
        /// The password, 8 to 256 characters; a random one if absent. Others on this machine can read
        /// command lines: prefer the random one
        #[arg(short, long, value_name = "PASSWORD")]
        password: Option<String>,
        /// Print the hash in the form of EENGINE_PREPARED_PASSWORD instead of the password
        #[arg(short = 'r', long)]
        hash: bool,
    },
    /// Say of the source of a message whether it is a bounce, a delivery report or a complaint, as JSON
    #[command(after_help = "\
What is printed of a bounce or a complaint is what the events messageBounce and messageComplaint say of it, but for the
ids of the messages; of a delivery report it is deliveryReport of messageNew. A message that is nothing of this gives {}.

  posthouse check-bounce bounce.eml
  curl -H \"Authorization: Bearer $TOKEN\" $SERVER/v1/account/jane/message/$ID/source | posthouse check-bounce -")]
    CheckBounce {
        /// The source of the message; - reads standard input
        #[arg(
            short = 'f',
            long = "file",
            value_name = "FILE",
            required_unless_present = "path"
        )]
        file: Option<PathBuf>,
        /// The source of the message; - reads standard input
        #[arg(value_name = "FILE", conflicts_with = "file")]
        path: Option<PathBuf>,
    },
    /// Configuration: print the file of defaults, check what is given
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the version
    Version,
    /// Run users' scripts, as the server asks on standard input; started by the server itself
    #[command(hide = true)]
    ScriptWorker,
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(ServeArgs::default())
    }
}

/// Commands of `tokens`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make a token and print it, and nothing else; it is shown nowhere later
    #[command(after_help = "\
Scopes: api (the REST API), metrics, smtp, imap-proxy, mcp, * (everything; the default).

  TOKEN=$(posthouse tokens issue -d \"shop\" -s api --data-dir ./data)
  posthouse tokens issue -d \"support desk\" -s api -a jane --expires 30d --data-dir ./data")]
    Issue {
        /// What it is for
        #[arg(short, long)]
        description: Option<String>,
        /// What it opens; may be repeated
        #[arg(short, long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// The only account it may touch
        #[arg(short, long)]
        account: Option<String>,
        /// When it ends: a date (2030-01-31, 2030-01-31T12:00:00Z) or a duration from now (12h, 30d)
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List tokens: id, scopes, account, end, last use, description; never their values
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the stored record of a token, for `import` or EENGINE_PREPARED_TOKEN; its value is not in it
    Export(Name),
    /// Store an exported token, unless its id is known
    Import {
        /// What `export` printed
        #[arg(
            short = 't',
            long = "token",
            value_name = "DATA",
            required_unless_present = "data"
        )]
        token: Option<String>,
        /// What `export` printed
        #[arg(value_name = "DATA", conflicts_with = "token")]
        data: Option<String>,
    },
    /// Delete a token; it stops working within a second, everywhere
    Revoke(Name),
}

/// A token, named by its value or its id.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Value or id of the token
    #[arg(
        short = 't',
        long = "token",
        value_name = "TOKEN",
        required_unless_present = "name"
    )]
    token: Option<String>,
    /// Value or id of the token
    #[arg(value_name = "TOKEN", conflicts_with = "token")]
    name: Option<String>,
}

impl Name {
    /// Value or id.
    pub(crate) fn into_text(self) -> String {
        self.token.or(self.name).unwrap_or_default()
    }
}

/// Commands of `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a configuration file with every option, its default and what it is for
    Default,
    /// Check all sources; list what is in effect, what is kept for later, what is ignored
    Check,
}

impl Cli {
    /// Flags as keys and values, and the file they name.
    pub(crate) fn flags(&self) -> (Vec<(String, String)>, Option<PathBuf>) {
        let mut flags = Vec::new();
        for pair in &self.global.set {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            flags.push((key.trim().to_owned(), value.to_owned()));
        }
        let own = match &self.command {
            Some(Command::Serve(own)) => own,
            _ => &self.serve,
        };
        for (key, value) in [
            ("store.dataDir", &self.global.data_dir),
            ("store.database", &self.global.database),
            ("log.level", &self.global.log_level),
            ("log.format", &self.global.log_format),
            (
                "api.host",
                own.host.as_ref().map_or(&self.serve.host, |_| &own.host),
            ),
            (
                "api.port",
                own.port.as_ref().map_or(&self.serve.port, |_| &own.port),
            ),
        ] {
            if let Some(value) = value {
                flags.push((key.to_owned(), value.clone()));
            }
        }
        (flags, self.global.config.clone())
    }
}

/// Writes `--section.key=value`, as the reference takes it, as `--set section.key=value`.
pub(crate) fn rewrite(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut out = Vec::new();
    for arg in args {
        let pair = arg
            .to_str()
            .and_then(|text| text.strip_prefix("--"))
            .filter(|text| {
                text.split_once('=')
                    .is_some_and(|(key, _)| key.contains('.') && !key.starts_with('-'))
            })
            .map(str::to_owned);
        match pair {
            Some(pair) => out.extend(["--set".into(), pair.into()]),
            None => out.push(arg),
        }
    }
    out
}

/// Prints to standard output. A reader that has gone away, as in `| head`, is no error.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_keys() {
        let parse = |args: &[&str]| {
            let args = args.iter().map(OsString::from);
            Cli::try_parse_from(rewrite(args)).unwrap().flags().0
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            parse(&["posthouse", "--port", "1"]),
            [pair("api.port", "1")]
        );
        assert_eq!(
            parse(&["posthouse", "serve", "--port", "1", "--data-dir", "x"]),
            [pair("store.dataDir", "x"), pair("api.port", "1")]
        );
        assert_eq!(
            parse(&["posthouse", "--api.maxBodySize=10M", "serve"]),
            [pair("api.maxBodySize", "10M")]
        );
    }
}
