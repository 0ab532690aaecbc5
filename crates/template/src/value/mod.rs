//! Values of a context, and what they are to JavaScript (ECMA-262, section 7): the language is defined by it.

pub(crate) mod number;

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::limits::{Budget, Exhausted, MAX_DEPTH};

/// A value of a context or of a template. Lists and objects stay where they are.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(&'a Vec<Json>),
    Object(&'a Map<String, Json>),
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(list) => Self::List(list),
            Json::Object(object) => Self::Object(object),
        }
    }
}

impl<'a> Value<'a> {
    /// `undefined` or `null`.
    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// What `if (value)` asks.
    pub(crate) fn truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::List(_) | Self::Object(_) => true,
        }
    }

    /// What `{{#if}}` and `{{#with}}` hold for empty: all that is not true but 0, and a list without items.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Number(number) => number.is_nan(),
            Self::List(list) => list.is_empty(),
            value => !value.truthy(),
        }
    }

    /// A field of its own; nothing that it inherits from a prototype.
    pub(crate) fn field(&self, name: &str) -> Self {
        match self {
            Self::Object(object) => object.get(name).map_or(Self::Undefined, Self::from),
            Self::List(list) if name == "length" => count(list.len()),
            Self::List(list) => index(name)
                .and_then(|at| list.get(at))
                .map_or(Self::Undefined, Self::from),
            Self::Text(text) if name == "length" => count(text.encode_utf16().count()),
            Self::Text(text) => {
                let unit = index(name).and_then(|at| text.encode_utf16().nth(at));
                // Half a character is shown as what JavaScript writes for it in UTF-8.
                unit.map_or(Self::Undefined, |unit| {
                    Self::Text(Cow::Owned(String::from_utf16_lossy(&[unit])))
                })
            }
            _ => Self::Undefined,
        }
    }

    /// The fields of an object in the order of JavaScript: those that are indexes first, by size.
    pub(crate) fn fields(object: &'a Map<String, Json>) -> Vec<(&'a str, Self)> {
        let all = object
            .iter()
            .map(|(name, value)| (name.as_str(), Self::from(value)));
        let (mut fields, others): (Vec<_>, Vec<_>) =
            all.partition(|(name, _)| index(name).is_some());
        fields.sort_by_key(|(name, _)| index(name));
        fields.extend(others);
        fields
    }

    /// What `String(value)` gives.
    pub(crate) fn text(&self, budget: &mut Budget) -> Result<Cow<'_, str>, Exhausted> {
        Ok(match self {
            Self::Undefined => "undefined".into(),
            Self::Null => "null".into(),
            Self::Bool(value) => if *value { "true" } else { "false" }.into(),
            Self::Number(number) => number::text(*number).into(),
            Self::Text(text) => Cow::Borrowed(text.as_ref()),
            Self::Object(_) => "[object Object]".into(),
            Self::List(list) => {
                let mut text = String::new();
                join(list, &mut text, budget, 0)?;
                text.into()
            }
        })
    }

    /// What `Number(value)` gives.
    pub(crate) fn number(&self, budget: &mut Budget) -> Result<f64, Exhausted> {
        Ok(match self {
            Self::Undefined | Self::Object(_) => f64::NAN,
            Self::Null => 0.0,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Number(number) => *number,
            Self::Text(text) => {
                budget.spend(text.len())?;
                number::parse(text)
            }
            Self::List(_) => number::parse(&self.text(budget)?),
        })
    }

    /// What `this == other` gives.
    pub(crate) fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, Exhausted> {
        use Value::{Bool, List, Null, Number, Object, Text, Undefined};
        Ok(match (self, other) {
            (Undefined | Null, Undefined | Null) => true,
            (Undefined | Null, _) | (_, Undefined | Null) => false,
            (Text(one), Text(two)) => {
                budget.spend(if one.len() == two.len() { one.len() } else { 0 })?;
                one == two
            }
            (List(one), List(two)) => std::ptr::eq(*one, *two),
            (Object(one), Object(two)) => std::ptr::eq(*one, *two),
            (List(_), Object(_)) | (Object(_), List(_)) => false,
            (List(_) | Object(_), Text(text)) => self.text(budget)? == *text,
            (Text(text), List(_) | Object(_)) => other.text(budget)? == *text,
            (Bool(_) | Number(_) | Text(_) | List(_) | Object(_), _) => {
                self.number(budget)? == other.number(budget)?
            }
        })
    }
}

/// A length as a number.
pub(crate) fn count<'a>(length: usize) -> Value<'a> {
    Value::Number(u32::try_from(length).map_or(f64::MAX, f64::from))
}

/// A name that is the index of an item: digits without a leading zero, below 2^32 - 1.
fn index(name: &str) -> Option<usize> {
    let plain =
        name == "0" || (!name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit()));
    let at: u32 = name.parse().ok().filter(|_| plain)?;
    (at < u32::MAX).then_some(at as usize)
}

/// What `list.join(",")` gives: nothing for `null`.
fn join(
    list: &[Json],
    text: &mut String,
    budget: &mut Budget,
    depth: usize,
) -> Result<(), Exhausted> {
    if depth == MAX_DEPTH {
        return Err(Exhausted);
    }
    for (at, item) in list.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match item {
            Json::Null => {}
            Json::Array(list) => join(list, text, budget, depth + 1)?,
            item => {
                let value = Value::from(item);
                let word = value.text(budget)?;
                budget.spend(word.len())?;
                text.push_str(&word);
            }
        }
        budget.spend(0)?;
    }
    Ok(())
}
