//! One option: its key in the file, its names in the environment, how it is read.

use posthouse_model::units;

/// How the text of an option is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// Text that no output shows.
    Secret,
    /// A URL, shown without its password.
    Url,
    /// A path.
    Path,
    /// `true`, `false`, `yes`, `no`, a number.
    Bool,
    /// `500`, `10s`, `5m`; a number is milliseconds.
    Duration,
    /// `500`, `64k`, `5M`.
    Size,
    /// A whole number within limits.
    Number(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Words apart by blanks or commas.
    List,
    /// Addresses and networks apart by blanks or commas.
    Networks,
    /// A JSON object; it may hold secrets and is not shown.
    Json,
    /// A log level, or directives such as `info,posthouse_imap=trace`.
    Level,
}

/// What an option does in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It takes effect.
    Used,
    /// Its feature is to come: read, checked, not used.
    Kept,
}

/// An option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opt {
    /// Key in the file: section and name.
    pub(crate) key: &'static str,
    /// Names in the environment, the first wins.
    pub(crate) env: &'static [&'static str],
    /// How it is read.
    pub(crate) kind: Kind,
    /// Value when none is given; empty for none.
    pub(crate) default: &'static str,
    /// What it does in this version.
    pub(crate) status: Status,
    /// What it is for.
    pub(crate) help: &'static str,
}

impl Opt {
    /// Whether the text can be read; what is wrong with it, without quoting secrets.
    pub(crate) fn check(&self, text: &str) -> Result<(), String> {
        let unit = |result: Result<(), units::BadUnit>| result.map_err(|bad| bad.to_string());
        match self.kind {
            Kind::Text | Kind::Secret | Kind::Path | Kind::List => Ok(()),
            Kind::Url => match url::Url::parse(text) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("not a URL: {error}")),
            },
            Kind::Bool => unit(units::parse_bool(text).map(drop)),
            Kind::Duration => unit(units::parse_duration(text).map(drop)),
            Kind::Size => unit(units::parse_size(text).map(drop)),
            Kind::Number(least, most) => match text.trim().parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(()),
                _ => Err(format!(
                    "{text:?} is not a whole number from {least} to {most}"
                )),
            },
            Kind::Choice(words) if words.contains(&text) => Ok(()),
            Kind::Choice(words) => Err(format!("{text:?} is not one of {}", words.join(", "))),
            Kind::Networks => {
                let bad: Vec<_> = words(text).filter(|word| network(word).is_none()).collect();
                if bad.is_empty() {
                    Ok(())
                } else {
                    Err(format!("not an address or network: {}", bad.join(", ")))
                }
            }
            Kind::Json => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(value) if value.is_object() => Ok(()),
                Ok(_) => Err("not a JSON object".to_owned()),
                // Where, not what: the value may hold secrets.
                Err(error) => Err(format!(
                    "not JSON: line {}, column {}",
                    error.line(),
                    error.column()
                )),
            },
            Kind::Level => match crate::log::filter(text) {
                Some(_) => Ok(()),
                None => Err(format!(
                    "{text:?} is not one of trace, debug, info, warn, error, fatal, silent, nor a list of target=level"
                )),
            },
        }
    }

    /// The value as outputs show it.
    pub(crate) fn show(&self, text: &str) -> String {
        match self.kind {
            Kind::Secret | Kind::Json if !text.is_empty() => {
                posthouse_model::secret::MASK.to_owned()
            }
            Kind::Url => posthouse_model::secret::mask_url(text),
            Kind::Text if text.contains("://") => posthouse_model::secret::mask_url(text),
            _ => text.to_owned(),
        }
    }
}

/// The words of a list.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
}

/// A network, or an address as the network of one.
pub(crate) fn network(text: &str) -> Option<ipnet::IpNet> {
    text.parse().ok().or_else(|| {
        text.parse::<std::net::IpAddr>()
            .ok()
            .map(ipnet::IpNet::from)
    })
}
