//! Schemas in compiled form: what a value must look like and how it may be converted.

use std::sync::Arc;

use serde_json::Value;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// Name of the component, if it has one.
    pub name: Option<&'static str>,
    /// Whether `null` is a value.
    pub nullable: bool,
    /// Filled in when the value is absent.
    pub default: Option<Value>,
    /// What kind of value it is.
    pub kind: Kind,
}

/// The kinds of values.
#[derive(Debug)]
pub enum Kind {
    /// Anything.
    Any,
    /// `true` or `false`; with `Some`, only that one.
    Boolean(Option<bool>),
    /// An integer or a number.
    Number(NumberRule),
    /// Text.
    String(Box<StringRule>),
    /// A list.
    Array(ArrayRule),
    /// An object.
    Object(ObjectRule),
    /// The first of these whose type fits the value.
    AnyOf(Box<[Arc<Schema>]>),
}

/// Limits of a number.
#[derive(Debug, Clone, Copy)]
pub struct NumberRule {
    /// Whether it must be whole.
    pub integer: bool,
    /// Smallest value.
    pub minimum: Option<f64>,
    /// Greatest value.
    pub maximum: Option<f64>,
}

/// Limits and conversions of a string. Lengths are in UTF-16 units, as JavaScript counts.
#[derive(Debug, Default)]
pub struct StringRule {
    /// Blanks at both ends are removed.
    pub trim: bool,
    /// Converted to lower case.
    pub lower: bool,
    /// Whether the empty string is a value.
    pub allow_empty: bool,
    /// Whether the word `now` stands beside dates.
    pub allow_now: bool,
    /// Shortest length.
    pub min_length: Option<usize>,
    /// Greatest length.
    pub max_length: Option<usize>,
    /// The only values.
    pub one_of: Box<[&'static str]>,
    /// The format of the text.
    pub format: Option<StringFormat>,
    /// Schemes of a URI; empty for any.
    pub schemes: Box<[&'static str]>,
    /// The expression it must match.
    pub pattern: Option<Arc<Pattern>>,
}

/// What a string means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringFormat {
    /// A mail address with any syntactically valid domain.
    Email,
    /// An absolute URI.
    Uri,
    /// A host name or an address.
    Hostname,
    /// ISO 8601; converted to UTC with milliseconds.
    DateTime,
    /// A UUID.
    Uuid,
    /// An IP address.
    Ip(IpRule),
}

/// Which addresses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRule {
    /// IPv4 addresses.
    pub v4: bool,
    /// IPv6 addresses.
    pub v6: bool,
    /// Whether a prefix length may follow.
    pub cidr: bool,
}

/// A regular expression; a leading negative look-ahead of plain text is checked apart.
#[derive(Debug)]
pub struct Pattern {
    /// As the document writes it.
    pub source: String,
    /// What the text must not start with.
    pub forbidden_prefix: Option<String>,
    /// The rest.
    pub regex: regex_lite::Regex,
}

/// A list.
#[derive(Debug)]
pub struct ArrayRule {
    /// Its elements.
    pub items: Arc<Schema>,
    /// Fewest elements.
    pub min_items: Option<usize>,
    /// Exact number of elements.
    pub length: Option<usize>,
    /// A bare element stands for a list of one.
    pub accept_single: bool,
}

/// An object.
#[derive(Debug)]
pub struct ObjectRule {
    /// Its properties, in document order.
    pub properties: Box<[Property]>,
    /// Whether other keys are allowed, with any value.
    pub open: bool,
    /// Fewest keys.
    pub min_properties: Option<usize>,
}

/// A property of an object.
#[derive(Debug)]
pub struct Property {
    /// Its key.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Its value.
    pub schema: Arc<Schema>,
}
