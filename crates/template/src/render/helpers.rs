//! Helpers: those of the language, and ours.

use super::{Machine, Stop, stop};
use crate::{
    date,
    value::{Value, count},
};

/// A helper of the language or of ours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Helper {
    Builtin(Builtin),
    Ours(Ours),
}

/// Helpers of the language.
#[derive(Debug, Clone, Copy)]
pub(super) enum Builtin {
    If,
    Unless,
    Each,
    With,
    Lookup,
    Log,
    /// Names that the language keeps for itself.
    Hook,
}

impl Builtin {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "if" => Self::If,
            "unless" => Self::Unless,
            "each" => Self::Each,
            "with" => Self::With,
            "lookup" => Self::Lookup,
            "log" => Self::Log,
            "helperMissing" | "blockHelperMissing" => Self::Hook,
            _ => return None,
        })
    }
}

/// Helpers that the language does not have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ours {
    /// `{{#equals one two}}`: `==` of JavaScript.
    Equals,
    /// `{{#notEquals one two}}`
    NotEquals,
    /// `{{#greaterThan one two}}`, as numbers.
    GreaterThan,
    /// `{{#lessThan one two}}`, as numbers.
    LessThan,
    /// `{{#and one two ...}}`: all are true to JavaScript, so that an empty list is.
    And,
    /// `{{#or one two ...}}`
    Or,
    /// `{{insert value "default=Text"}}`
    Insert,
    /// `{{length list}}`: of a list or a text (UTF-16 units), else 0.
    Length,
    /// `{{formatDate date "YYYY-MM-DD" "+0200"}}`
    FormatDate,
}

impl Ours {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "equals" => Self::Equals,
            "notEquals" => Self::NotEquals,
            "greaterThan" => Self::GreaterThan,
            "lessThan" => Self::LessThan,
            "and" => Self::And,
            "or" => Self::Or,
            "insert" => Self::Insert,
            "length" => Self::Length,
            "formatDate" => Self::FormatDate,
            _ => return None,
        })
    }
}

impl Machine {
    /// What a helper gives where it has no block.
    pub(super) fn inline<'a>(
        &mut self,
        helper: Helper,
        params: &[Value<'a>],
    ) -> Result<Value<'a>, Stop> {
        let first = params.first().unwrap_or(&Value::Undefined);
        match helper {
            Helper::Builtin(Builtin::Lookup) => self.lookup(params),
            Helper::Builtin(Builtin::Log) => Ok(Value::Undefined),
            Helper::Builtin(Builtin::Hook) => stop("the language keeps this name for itself"),
            Helper::Ours(Ours::Insert) => self.insert(first, params.get(1)),
            Helper::Ours(Ours::Length) => Ok(match first {
                Value::List(list) => count(list.len()),
                Value::Text(text) => {
                    self.budget.spend(text.len())?;
                    count(text.encode_utf16().count())
                }
                _ => Value::Number(0.0),
            }),
            Helper::Ours(Ours::FormatDate) => self.format_date(first, params),
            _ => stop("this helper needs a block"),
        }
    }

    fn lookup<'a>(&mut self, params: &[Value<'a>]) -> Result<Value<'a>, Stop> {
        match params {
            [value, ..] if !value.truthy() => Ok(value.clone()),
            [value, name] => {
                let name = name.text(&mut self.budget)?;
                if let Value::Text(text) = value {
                    self.budget.spend(text.len())?;
                }
                Ok(value.field(&name))
            }
            _ => stop("`lookup` takes a value and a name"),
        }
    }

    fn insert<'a>(
        &mut self,
        value: &Value<'a>,
        default: Option<&Value<'a>>,
    ) -> Result<Value<'a>, Stop> {
        let empty = value.is_nothing() || matches!(value, Value::Text(text) if text.is_empty());
        if !empty {
            return Ok(value.clone());
        }
        let Some(default) = default else {
            return Ok(Value::Undefined);
        };
        let text = default.text(&mut self.budget)?;
        self.budget.spend(text.len())?;
        Ok(match text.strip_prefix("default=") {
            Some(text) => Value::Text(text.to_owned().into()),
            None => Value::Undefined,
        })
    }

    fn format_date<'a>(
        &mut self,
        value: &Value<'a>,
        params: &[Value<'a>],
    ) -> Result<Value<'a>, Stop> {
        let moment = match value {
            Value::Number(millis) => date::Moment::from_millis(*millis),
            Value::Text(text) => {
                self.budget.spend(text.len())?;
                date::Moment::parse(text)
            }
            _ => None,
        };
        let Some(mut moment) = moment else {
            return Ok(Value::Text(date::INVALID.into()));
        };
        match params.get(2) {
            Some(Value::Text(offset)) => {
                self.budget.spend(offset.len())?;
                moment.set_offset(date::offset(offset));
            }
            Some(Value::Number(offset)) => moment.set_offset(date::offset_of(*offset)),
            _ => {}
        }
        let format = match params.get(1) {
            Some(Value::Text(format)) => format.as_ref(),
            _ => "",
        };
        self.budget.spend(format.len() * 64)?;
        match moment.format(format) {
            Some(text) => Ok(Value::Text(text.into())),
            None => stop("a format of a date that is too long"),
        }
    }
}
