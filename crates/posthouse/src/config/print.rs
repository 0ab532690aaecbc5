//! `config default` and `config check`.

use std::fmt::Write;

use super::{
    option::{Kind, Opt, Status},
    table::OPTIONS,
    values::{Source, Values},
};

/// The file of defaults, each key with a comment.
pub(crate) fn default_file() -> String {
    let mut out = String::from(
        "# Posthouse, configuration file. Every key has its default here.\n\
         #\n\
         # Sources, the later wins: this file (--config FILE, or posthouse.toml in the working folder),\n\
         # .env in the working folder, environment, flags (--host, --port, --data-dir, --database,\n\
         # --log-level, --log-format, and --set KEY=VALUE for every key). Every variable NAME can be\n\
         # given as NAME_FILE, the path of a file that holds the value.\n\
         #\n\
         # Durations: 500 (milliseconds), 10s, 5m, 2h, 1d, 1mo, 1y. Sizes: 500, 64k, 5M, 1G.\n",
    );
    let used = || {
        OPTIONS
            .iter()
            .filter(|option| option.status == Status::Used)
    };
    for option in used().filter(|option| !option.key.contains('.')) {
        entry(&mut out, option, option.key);
    }
    let mut sections: Vec<&str> = Vec::new();
    for section in used().filter_map(|option| Some(option.key.rsplit_once('.')?.0)) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in sections {
        let _ = write!(out, "\n[{section}]\n");
        for option in used() {
            if let Some((own, name)) = option.key.rsplit_once('.')
                && own == section
            {
                entry(&mut out, option, name);
            }
        }
    }
    out
}

fn entry(out: &mut String, option: &Opt, name: &str) {
    let plain = matches!(option.kind, Kind::Bool | Kind::Number(..));
    let value = if plain && !option.default.is_empty() {
        option.default.to_owned()
    } else {
        format!("\"{}\"", option.default)
    };
    let _ = write!(
        out,
        "\n# {}\n# {}\n{name} = {value}\n",
        option.help,
        option.env.join(", ")
    );
}

/// What holds and where it comes from; what was given and is not used. Secrets are masked.
pub(crate) fn report(values: &Values) -> String {
    let mut out = String::new();
    for file in &values.files {
        let _ = writeln!(out, "read {}", file.display());
    }
    out.push_str("\nIn effect:\n");
    for option in OPTIONS
        .iter()
        .filter(|option| option.status == Status::Used)
    {
        let given = values.given(option);
        let shown = option.show(&given.text);
        let shown = if shown.is_empty() { "(none)" } else { &shown };
        let source = match given.source {
            Source::Default => String::new(),
            source => format!("   <- {source}"),
        };
        let _ = writeln!(out, "  {:<32} {shown}{source}", option.key);
    }
    if !values.kept.is_empty() {
        out.push_str("\nKept, not used yet (the feature is to come):\n");
        for name in &values.kept {
            let _ = writeln!(out, "  {name}");
        }
    }
    if !values.ignored.is_empty() {
        out.push_str("\nIgnored:\n");
        for (name, why) in &values.ignored {
            let _ = writeln!(out, "  {name}: {why}");
        }
    }
    if !values.unknown.is_empty() {
        out.push_str("\nNot known (a typing error?):\n");
        for name in &values.unknown {
            let _ = writeln!(out, "  {name}");
        }
    }
    out
}
