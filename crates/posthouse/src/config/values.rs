//! Gathering: defaults < file < `.env` < environment < flags, and where each value comes from.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
};

use super::{
    dotenv,
    option::{Opt, Status},
    table::{IGNORED, KEPT_FAMILIES, OPTIONS, listed},
};

/// The file that is read when none is named and it is there.
pub(crate) const FILE: &str = "posthouse.toml";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody gave one.
    Default,
    /// The configuration file.
    File,
    /// A variable in `.env`.
    DotEnv(String),
    /// A variable of the environment.
    Environment(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("file"),
            Self::DotEnv(name) => write!(f, ".env {name}"),
            Self::Environment(name) => write!(f, "{name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// What there is to read.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Keys and values given as flags.
    pub(crate) flags: Vec<(String, String)>,
    /// The file named by `--config`.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) env: BTreeMap<String, String>,
    /// The working folder.
    pub(crate) folder: PathBuf,
}

impl Inputs {
    /// Those of this process.
    pub(crate) fn of_process(flags: Vec<(String, String)>, file: Option<PathBuf>) -> Self {
        Self {
            flags,
            file,
            env: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            folder: PathBuf::new(),
        }
    }
}

/// A value and its source.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// As text.
    pub(crate) text: String,
    /// From where.
    pub(crate) source: Source,
}

/// Every option with its value, and what was said that no option listens to.
#[derive(Debug, Default)]
pub(crate) struct Values {
    given: BTreeMap<&'static str, Given>,
    /// Everything that is wrong.
    pub(crate) faults: Vec<String>,
    /// Names that were given for features to come.
    pub(crate) kept: BTreeSet<String>,
    /// Names without a meaning here, and why.
    pub(crate) ignored: BTreeMap<String, &'static str>,
    /// Names that look meant for us and are not known.
    pub(crate) unknown: BTreeSet<String>,
    /// Files that were read.
    pub(crate) files: Vec<PathBuf>,
}

impl Values {
    /// Reads all sources; what is wrong is collected.
    pub(crate) fn gather(inputs: &Inputs) -> Self {
        let mut values = Self::default();
        values.read_file(inputs);
        let mut dotenv = BTreeMap::new();
        let path = inputs.folder.join(".env");
        if let Some(text) = values.read(&path, false) {
            match dotenv::parse(&text) {
                Ok(found) => dotenv = found,
                Err(faults) => values
                    .faults
                    .extend(faults.into_iter().map(|fault| format!(".env: {fault}"))),
            }
        }
        for option in OPTIONS {
            values.read_variables(option, &dotenv, Source::DotEnv);
            values.read_variables(option, &inputs.env, Source::Environment);
        }
        for (key, text) in &inputs.flags {
            match find(key) {
                Some(option) => values.put(option, text.clone(), Source::Flag),
                None => values.faults.push(unknown_key("flag", key)),
            }
        }
        for name in dotenv.keys().chain(inputs.env.keys()) {
            values.sort_out(name);
        }
        values.check();
        values
    }

    /// The text of an option; nothing when it has neither value nor default.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let text = match self.given.get(key) {
            Some(given) => given.text.as_str(),
            None => find(key).map_or("", |option| option.default),
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// Value and source of an option.
    pub(crate) fn given(&self, option: &Opt) -> Given {
        self.given.get(option.key).cloned().unwrap_or(Given {
            text: option.default.to_owned(),
            source: Source::Default,
        })
    }

    fn put(&mut self, option: &'static Opt, text: String, source: Source) {
        if option.status == Status::Kept {
            let name = match &source {
                Source::Environment(name) | Source::DotEnv(name) => name.clone(),
                _ => option.key.to_owned(),
            };
            self.kept.insert(name);
        }
        self.given.insert(option.key, Given { text, source });
    }

    fn read(&mut self, path: &Path, required: bool) -> Option<String> {
        match fs::read_to_string(path) {
            Ok(text) => {
                self.files.push(path.to_owned());
                Some(text)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => None,
            Err(error) => {
                self.faults.push(format!("{}: {error}", path.display()));
                None
            }
        }
    }

    fn read_file(&mut self, inputs: &Inputs) {
        let path = match &inputs.file {
            Some(path) => path.clone(),
            None => inputs.folder.join(FILE),
        };
        let Some(text) = self.read(&path, inputs.file.is_some()) else {
            return;
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.read_table("", &table),
            Err(error) => {
                // The message alone: the whole error quotes the line, which may hold a secret.
                let line = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .map_or(0, |before| before.matches('\n').count() + 1);
                self.faults.push(format!(
                    "{}: line {line}: {}",
                    path.display(),
                    error.message()
                ));
            }
        }
    }

    fn read_table(&mut self, prefix: &str, table: &toml::Table) {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            match (find(&key), value) {
                (Some(option), value) => match as_text(value) {
                    Some(text) if text.is_empty() => {}
                    Some(text) => self.put(option, text, Source::File),
                    None => self.faults.push(format!("{key}: a date is not a value")),
                },
                (None, toml::Value::Table(table)) => self.read_table(&format!("{key}."), table),
                (None, _) => self.faults.push(unknown_key("file", &key)),
            }
        }
    }

    /// `NAME`, else the content of the file that `NAME_FILE` names; empty counts as not given.
    fn read_variables(
        &mut self,
        option: &'static Opt,
        from: &BTreeMap<String, String>,
        source: fn(String) -> Source,
    ) {
        for name in option.env {
            if let Some(text) = from.get(*name).filter(|text| !text.is_empty()) {
                let mut text = text.clone();
                // The reference counts this one in seconds.
                if *name == "EENGINE_TOKEN_LOG_AGE" && text.bytes().all(|b| b.is_ascii_digit()) {
                    text.push('s');
                }
                self.put(option, text, source((*name).to_owned()));
                return;
            }
            let by_file = format!("{name}_FILE");
            if let Some(path) = from.get(&by_file).filter(|path| !path.is_empty()) {
                match fs::read_to_string(path) {
                    Ok(text) => {
                        let text = text.trim_end_matches(['\r', '\n']).to_owned();
                        self.put(option, text, source(by_file));
                    }
                    Err(error) => self.faults.push(format!("{by_file}: {path}: {error}")),
                }
                return;
            }
        }
    }

    /// Files a name under what will, what cannot and what might have been meant.
    fn sort_out(&mut self, name: &str) {
        let plain = name.strip_suffix("_FILE").unwrap_or(name);
        let known = OPTIONS
            .iter()
            .any(|option| option.env.contains(&name) || option.env.contains(&plain));
        if known {
            return;
        }
        if let Some(why) = listed(IGNORED, plain) {
            self.ignored.insert(name.to_owned(), why);
        } else if listed(KEPT_FAMILIES, plain).is_some() {
            self.kept.insert(name.to_owned());
        } else if ["POSTHOUSE_", "EENGINE_"]
            .iter()
            .any(|ours| name.starts_with(ours))
        {
            self.unknown.insert(name.to_owned());
        }
    }

    fn check(&mut self) {
        for option in OPTIONS {
            if let Some(given) = self.given.get(option.key)
                && !given.text.is_empty()
                && let Err(fault) = option.check(&given.text)
            {
                let place = match &given.source {
                    Source::File | Source::Flag | Source::Default => option.key.to_owned(),
                    Source::DotEnv(name) | Source::Environment(name) => name.clone(),
                };
                self.faults.push(format!("{place}: {fault}"));
            }
        }
    }
}

/// The option of this key.
pub(crate) fn find(key: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.key == key)
}

fn unknown_key(place: &str, key: &str) -> String {
    let close = OPTIONS
        .iter()
        .filter(|option| option.key.eq_ignore_ascii_case(key) || last(option.key) == last(key))
        .map(|option| option.key)
        .next();
    match close {
        Some(close) => format!("{key}: no such option ({place}); did you mean {close}?"),
        None => format!("{key}: no such option ({place}); see `posthouse config default`"),
    }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn as_text(value: &toml::Value) -> Option<String> {
    Some(match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(value) => value.to_string(),
        toml::Value::Array(list) => list
            .iter()
            .map(as_text)
            .collect::<Option<Vec<_>>>()?
            .join(" "),
        toml::Value::Table(_) => serde_json::to_string(value).ok()?,
        toml::Value::Datetime(_) => return None,
    })
}
