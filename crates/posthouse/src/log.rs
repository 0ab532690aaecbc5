//! Where log lines go: standard error, as text for people or as JSON lines for machines.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

/// The filter of a level or of directives; nothing if it cannot be read.
///
/// A bare level is about Posthouse's own lines: libraries stay at `warn`, so that `trace` does not drown
/// in theirs.
pub(crate) fn filter(text: &str) -> Option<EnvFilter> {
    let word = text.trim().to_ascii_lowercase();
    let directives = match word.as_str() {
        "trace" | "debug" | "info" => format!("warn,posthouse={word}"),
        "warn" | "error" | "off" => word,
        "fatal" => "error".to_owned(),
        "silent" | "none" => "off".to_owned(),
        _ if word.contains(['=', ',']) => text.trim().to_owned(),
        _ => return None,
    };
    EnvFilter::try_new(directives).ok()
}

/// Starts logging; once in a process.
pub(crate) fn start(level: &str, format: &str) {
    let filter = filter(level).unwrap_or_else(|| EnvFilter::new("info"));
    let terminal = io::stderr().is_terminal();
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    if format == "text" || (format == "auto" && terminal) {
        builder.with_ansi(terminal).init();
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init();
    }
    // A panic is a line like others: where and what, never only a torn text on standard error.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let what = panic
            .payload_as_str()
            .unwrap_or("a panic without a message");
        tracing::error!(target: "posthouse", place, "panic: {what}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (text, good) in [
            ("info", true),
            ("TRACE", true),
            ("fatal", true),
            ("silent", true),
            ("info,posthouse_imap=trace", true),
            ("loud", false),
            ("info,posthouse=loud", false),
        ] {
            assert_eq!(filter(text).is_some(), good, "{text}");
        }
    }
}
