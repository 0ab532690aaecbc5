//! The Posthouse server: command line, configuration, wiring, signals.
//!
//! | Module | Noun |
//! |---|---|
//! | [`bounce`] | the `check-bounce` command |
//! | [`cli`] | the command line |
//! | [`config`] | options and their sources |
//! | [`embedded`] | the folder and lock of the embedded store |
//! | [`log`] | where log lines go |
//! | [`password`] | the `password` command |
//! | [`serve`] | the server: start, banner, signals, stop |
//! | [`tokens`] | the `tokens` commands |

mod bounce;
mod cli;
mod config;
mod embedded;
mod log;
mod password;
mod serve;
mod tokens;

use std::process::ExitCode;

use clap::Parser;
use cli::{Command, ConfigCommand};
use config::{
    Config, print,
    values::{Inputs, Values},
};

/// An idle connection costs little only if freed pages go back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What ended a command: sentences for standard error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is wrong; every fault on a line of its own.
    #[error("the configuration is wrong:\n  {}\nSee `posthouse config default`.", .0.join("\n  "))]
    Config(Vec<String>),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// An error with what was being done.
    pub(crate) fn of(what: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Other(format!("{what}: {error}"))
    }
}

fn main() -> ExitCode {
    let cli = cli::Cli::parse_from(cli::rewrite(std::env::args_os()));
    match run(cli) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("posthouse: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: cli::Cli) -> Result<ExitCode, Failure> {
    let (flags, file) = cli.flags();
    let inputs = || Inputs::of_process(flags, file);
    match cli.command.unwrap_or_default() {
        Command::Serve(_) => {
            let values = Values::gather(&inputs());
            let config = Config::from_values(&values).map_err(Failure::Config)?;
            serve::run(&config, &values)?;
        }
        Command::Tokens(command) => {
            let config = Config::load(&inputs()).map_err(Failure::Config)?;
            tokens::run(command, &config)?;
        }
        Command::Password { password, hash } => {
            let config = Config::load(&inputs()).map_err(Failure::Config)?;
            password::run(password, hash, &config)?;
        }
        Command::CheckBounce { file, path } => bounce::run(&file.or(path).unwrap_or_default())?,
        Command::Config(ConfigCommand::Default) => cli::print(&print::default_file()),
        Command::Config(ConfigCommand::Check) => {
            let values = Values::gather(&inputs());
            let result = Config::from_values(&values);
            cli::print(&print::report(&values));
            result.map_err(Failure::Config)?;
            cli::print("\nThe configuration can be used.\n");
        }
        Command::ScriptWorker => posthouse_script::worker::run()
            .map_err(|error| Failure::of("the script worker has stopped", &error))?,
        Command::Version => cli::print(&format!("Posthouse {}\n", cli::VERSION)),
    }
    Ok(ExitCode::SUCCESS)
}
