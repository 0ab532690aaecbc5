//! The `check-bounce` command: what a message says of another one.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use posthouse_app::commands;

use crate::{Failure, cli};

/// Prints what the message in a file reports.
pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let source = read(path).map_err(|error| Failure::of(&path.display().to_string(), &error))?;
    let told = commands::check_bounce(&source);
    let text = serde_json::to_string_pretty(&told);
    let text = text.map_err(|error| Failure::of("JSON", &error))?;
    cli::print(&format!("{text}\n"));
    Ok(())
}

/// As much of a file as is looked at.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let limit = commands::BOUNCE_READ as u64;
    let mut source = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut source)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut source)?;
    }
    Ok(source)
}
