//! How a value is edited where the contract's type does not say enough.

/// How a value is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// As its type says: a switch, a number, a line of text, a choice among words.
    Plain,
    /// A number of these.
    Unit(&'static str),
    /// A number of bytes, which may be written with a unit (`2 MiB`).
    Bytes,
    /// A choice; words of the contract with a label each.
    Choice(&'static [(&'static str, &'static str)]),
    /// The name of a time zone (IANA).
    TimeZone,
    /// A list, one element a line.
    Lines,
    /// Text of many lines.
    Paragraphs,
    /// Text of many lines in a language of machines.
    Code(Language),
    /// HTTP headers: name and value.
    Headers,
    /// Event types: all of them, or chosen ones.
    Events,
}

/// The language of a [`Edit::Code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// HTML.
    Html,
    /// JSON.
    Json,
    /// JavaScript.
    JavaScript,
}

impl Language {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::JavaScript => "JavaScript",
        }
    }
}
