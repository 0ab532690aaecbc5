//! The `password` command: on the bare store, also beside a running server.

use posthouse_app::commands;

use crate::{Failure, cli, config::Config, tokens::on_store};

/// Sets the console's password and prints it, or its hash.
pub(crate) fn run(password: Option<String>, hash: bool, config: &Config) -> Result<(), Failure> {
    on_store(config, async |store| {
        let set = commands::set_password(store, password)
            .await
            .map_err(|error| Failure::Other(error.to_string()))?;
        cli::print(if hash { &set.prepared } else { &set.password });
        Ok(())
    })
}
