//! The coercing validator: converts what can be converted, fills in defaults, and reports every
//! fault at once. Values are changed in place, so a large text is never copied.

use serde_json::{Map, Value};

use crate::{
    coerce::{self, Numeric},
    fault::{Fault, Place, looks_secret, quote},
    format,
    operation::{Operation, Parameter},
    rules,
    schema::{ArrayRule, Kind, NumberRule, ObjectRule, Schema, StringFormat, StringRule},
};

/// Bodies nested deeper than this are refused.
pub const MAX_DEPTH: usize = 32;

/// Reporting stops at this many faults, so that the answer to a hostile body stays small.
pub const MAX_FAULTS: usize = 200;

/// The query key of an access token: the caller's business, not the operation's.
const ACCESS_TOKEN: &str = "access_token";

/// A request as it came in.
pub struct RawInput<'a> {
    /// Path parameters, decoded.
    pub path: &'a [(&'a str, String)],
    /// Query pairs in order, decoded. `access_token` is passed over.
    pub query: &'a [(String, String)],
    /// Finds a header by its lower-case name; asked only for declared ones.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// The parsed body; `None` when there is none.
    pub body: Option<Value>,
}

/// A request whose values have the types of the contract.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Valid {
    /// Path parameters.
    pub path: Map<String, Value>,
    /// Query parameters, defaults filled in.
    pub query: Map<String, Value>,
    /// Declared headers, names in lower case.
    pub headers: Map<String, Value>,
    /// The body, defaults filled in; `Null` when the operation takes none.
    pub body: Value,
}

impl Operation {
    /// Checks and converts a request.
    ///
    /// # Errors
    /// Every fault found, at most [`MAX_FAULTS`].
    pub fn validate(&self, input: RawInput<'_>) -> Result<Valid, Vec<Fault>> {
        let mut check = Check::new();
        check.place = Place::Path;
        let mut path = Map::new();
        for (name, value) in input.path {
            path.insert((*name).to_owned(), Value::String(value.clone()));
        }
        check.parameters(&self.path_parameters, &mut path);

        check.place = Place::Query;
        let mut query = Map::new();
        for (name, value) in input.query {
            if name == ACCESS_TOKEN {
                continue;
            }
            repeated(&mut query, name, value);
        }
        check.parameters(&self.query_parameters, &mut query);

        check.place = Place::Header;
        let mut headers = Map::new();
        for parameter in &self.header_parameters {
            if let Some(value) = (input.header)(parameter.name) {
                headers.insert(parameter.name.to_owned(), Value::String(value));
            }
        }
        check.parameters(&self.header_parameters, &mut headers);

        check.place = Place::Body;
        let body = match &self.body {
            None => Value::Null,
            Some(schema) => {
                let mut body = input.body.unwrap_or_else(|| Value::Object(Map::new()));
                if is_deeper(&body, MAX_DEPTH) {
                    check.fault(format!("must not be nested deeper than {MAX_DEPTH} levels"));
                } else {
                    check.value(schema, &mut body);
                    rules::check(self.canonical_id(), &body, &mut check.faults);
                }
                body
            }
        };
        if check.faults.is_empty() {
            Ok(Valid {
                path,
                query,
                headers,
                body,
            })
        } else {
            check.faults.truncate(MAX_FAULTS);
            Err(check.faults)
        }
    }
}

impl Schema {
    /// Checks and converts a value as the body of an operation would be, without the rules between
    /// its fields.
    ///
    /// # Errors
    /// Every fault found, at most [`MAX_FAULTS`].
    pub fn check(&self, mut value: Value) -> Result<Value, Vec<Fault>> {
        let mut check = Check::new();
        if is_deeper(&value, MAX_DEPTH) {
            check.fault(format!("must not be nested deeper than {MAX_DEPTH} levels"));
        } else {
            check.value(self, &mut value);
        }
        if check.faults.is_empty() {
            Ok(value)
        } else {
            check.faults.truncate(MAX_FAULTS);
            Err(check.faults)
        }
    }
}

/// Adds a query pair; a repeated key becomes a list.
fn repeated(query: &mut Map<String, Value>, name: &str, value: &str) {
    let value = Value::String(value.to_owned());
    match query.get_mut(name) {
        None => {
            query.insert(name.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => {
            let list = vec![first.take(), value];
            *first = Value::Array(list);
        }
    }
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(list) => levels == 0 || list.iter().any(|v| is_deeper(v, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|v| is_deeper(v, levels - 1)),
        _ => false,
    }
}

/// A step on the way to a value.
#[derive(Clone, Copy)]
enum Step {
    Key(&'static str),
    Index(usize),
}

/// The running check: where we are and what was found.
struct Check {
    place: Place,
    steps: Vec<Step>,
    faults: Vec<Fault>,
}

impl Check {
    fn new() -> Self {
        Self {
            place: Place::Body,
            steps: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn full(&self) -> bool {
        self.faults.len() >= MAX_FAULTS
    }

    /// The path of the value, as messages name it.
    fn label(&self) -> String {
        let mut label = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) => {
                    if !label.is_empty() {
                        label.push('.');
                    }
                    label.push_str(key);
                }
                Step::Index(index) => {
                    label.push('[');
                    label.push_str(&index.to_string());
                    label.push(']');
                }
            }
        }
        if label.is_empty() {
            label.push_str("value");
        }
        label
    }

    fn key(&self) -> Option<String> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some((*key).to_owned()),
            Step::Index(_) => None,
        })
    }

    fn is_secret(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Key(key) if looks_secret(key)))
    }

    /// Whether the value looks things up. PostgreSQL has no NUL in a text, so no name may hold one.
    fn is_name(&self) -> bool {
        matches!(self.place, Place::Path | Place::Query)
            || matches!(self.steps.as_slice(), [Step::Key("account")])
    }

    /// Records a fault of the value we are at.
    fn fault(&mut self, reason: impl AsRef<str>) {
        if !self.full() {
            self.faults.push(Fault {
                message: format!("\"{}\" {}", self.label(), reason.as_ref()),
                key: self.key(),
                place: self.place,
            });
        }
    }

    fn unknown_key(&mut self, key: &str) {
        if self.full() {
            return;
        }
        let key = quote(key);
        let label = if self.steps.is_empty() {
            key.clone()
        } else {
            format!("{}.{key}", self.label())
        };
        self.faults.push(Fault {
            message: format!("\"{label}\" is not allowed"),
            key: Some(key),
            place: self.place,
        });
    }

    fn parameters(&mut self, declared: &[Parameter], values: &mut Map<String, Value>) {
        for parameter in declared {
            self.steps.push(Step::Key(parameter.name));
            self.member(
                parameter.name,
                parameter.required,
                &parameter.schema,
                values,
            );
            self.steps.pop();
        }
        for key in values.keys() {
            if !declared.iter().any(|p| p.name == key) {
                self.unknown_key(key);
            }
        }
    }

    /// Checks a named member of an object; the step is already taken.
    fn member(
        &mut self,
        name: &str,
        required: bool,
        schema: &Schema,
        map: &mut Map<String, Value>,
    ) {
        match map.get_mut(name) {
            Some(value) => self.value(schema, value),
            None if required => self.fault("is required"),
            None => {
                if let Some(default) = &schema.default {
                    map.insert(name.to_owned(), default.clone());
                }
            }
        }
    }

    fn value(&mut self, schema: &Schema, value: &mut Value) {
        if self.full() || (value.is_null() && schema.nullable) {
            return;
        }
        match &schema.kind {
            Kind::Any => {}
            Kind::Boolean(only) => self.boolean(*only, value),
            Kind::Number(rule) => self.number(*rule, value),
            Kind::String(rule) => self.string(rule, value),
            Kind::Array(rule) => self.array(rule, value),
            Kind::Object(rule) => self.object(rule, value),
            Kind::AnyOf(alternatives) => {
                let choose = |exact: bool| {
                    alternatives
                        .iter()
                        .find(|alternative| fits(alternative, value, exact))
                };
                match choose(true).or_else(|| choose(false)) {
                    Some(alternative) => self.value(alternative, value),
                    None => self.fault("does not match any of the allowed types"),
                }
            }
        }
    }

    fn boolean(&mut self, only: Option<bool>, value: &mut Value) {
        match (coerce::boolean(value), only) {
            (Some(found), Some(only)) if found != only => {
                self.fault(format!("must be [{only}]"));
            }
            (Some(found), _) => *value = Value::Bool(found),
            (None, _) => self.fault("must be a boolean"),
        }
    }

    fn number(&mut self, rule: NumberRule, value: &mut Value) {
        let (number, float) = match coerce::number(value) {
            Numeric::Number(number, float) => (number, float),
            Numeric::Unsafe => return self.fault("must be a safe number"),
            Numeric::NotNumber => return self.fault("must be a number"),
        };
        *value = Value::Number(number);
        if rule.integer && float.fract() != 0.0 {
            self.fault("must be an integer");
        }
        if let Some(minimum) = rule.minimum.filter(|minimum| float < *minimum) {
            self.fault(format!("must be greater than or equal to {minimum}"));
        }
        if let Some(maximum) = rule.maximum.filter(|maximum| float > *maximum) {
            self.fault(format!("must be less than or equal to {maximum}"));
        }
    }

    fn string(&mut self, rule: &StringRule, value: &mut Value) {
        let Value::String(text) = value else {
            return self.fault("must be a string");
        };
        if rule.trim {
            let trimmed = text.trim();
            if trimmed.len() != text.len() {
                *text = trimmed.to_owned();
            }
        }
        if rule.lower {
            *text = text.to_lowercase();
        }
        if text.is_empty() {
            if !rule.allow_empty {
                self.fault("is not allowed to be empty");
            }
            return;
        }
        if self.is_name() && text.contains('\0') {
            return self.fault("must not contain NUL characters");
        }
        if !rule.one_of.is_empty() && !rule.one_of.contains(&text.as_str()) {
            self.fault(format!("must be one of [{}]", rule.one_of.join(", ")));
            return;
        }
        self.lengths(rule, text);
        self.format(rule, text);
        if let Some(pattern) = &rule.pattern {
            let forbidden = pattern
                .forbidden_prefix
                .as_deref()
                .is_some_and(|prefix| text.starts_with(prefix));
            if forbidden || !pattern.regex.is_match(text) {
                let shown = if self.is_secret() {
                    "(hidden)".to_owned()
                } else {
                    quote(text)
                };
                self.fault(format!(
                    "with value \"{shown}\" fails to match the required pattern: /{}/",
                    pattern.source
                ));
            }
        }
    }

    fn lengths(&mut self, rule: &StringRule, text: &str) {
        // There are never more UTF-16 units than bytes, so most texts need no counting.
        let units = || text.encode_utf16().count();
        if let Some(max) = rule.max_length
            && text.len() > max
            && units() > max
        {
            self.fault(format!(
                "length must be less than or equal to {max} characters long"
            ));
        }
        if let Some(min) = rule.min_length
            && units() < min
        {
            self.fault(format!("length must be at least {min} characters long"));
        }
    }

    fn format(&mut self, rule: &StringRule, text: &mut String) {
        let Some(format) = rule.format else { return };
        if format == StringFormat::DateTime {
            if rule.allow_now && text == "now" {
                return;
            }
            match coerce::date(text) {
                Some(date) => *text = date,
                None => self.fault("must be a valid ISO 8601 date"),
            }
        } else if let Some(reason) = format::refusal(format, &rule.schemes, text) {
            self.fault(reason);
        }
    }

    fn array(&mut self, rule: &ArrayRule, value: &mut Value) {
        if !value.is_array() {
            if !rule.accept_single || value.is_null() {
                return self.fault("must be an array");
            }
            let single = value.take();
            *value = Value::Array(vec![single]);
        }
        let Value::Array(list) = value else { return };
        if let Some(min) = rule.min_items.filter(|min| list.len() < *min) {
            self.fault(format!("must contain at least {min} items"));
        }
        if let Some(length) = rule.length.filter(|length| list.len() != *length) {
            self.fault(format!("must contain {length} items"));
        }
        for (index, item) in list.iter_mut().enumerate() {
            if self.full() {
                return;
            }
            self.steps.push(Step::Index(index));
            self.value(&rule.items, item);
            self.steps.pop();
        }
    }

    fn object(&mut self, rule: &ObjectRule, value: &mut Value) {
        let Value::Object(map) = value else {
            return self.fault("must be of type object");
        };
        if let Some(min) = rule.min_properties.filter(|min| map.len() < *min) {
            let keys = if min == 1 { "key" } else { "keys" };
            self.fault(format!("must have at least {min} {keys}"));
        }
        if !rule.open {
            for key in map.keys() {
                if self.full() {
                    break;
                }
                if !rule.properties.iter().any(|p| p.name == key) {
                    self.unknown_key(key);
                }
            }
        }
        for property in &rule.properties {
            self.steps.push(Step::Key(property.name));
            self.member(property.name, property.required, &property.schema, map);
            self.steps.pop();
        }
    }
}

/// Whether the type of a value fits a schema: as it is, or by conversion.
fn fits(schema: &Schema, value: &Value, exact: bool) -> bool {
    if value.is_null() {
        return schema.nullable || matches!(schema.kind, Kind::Any);
    }
    match &schema.kind {
        Kind::Any => true,
        Kind::Boolean(_) if exact => value.is_boolean(),
        Kind::Boolean(_) => coerce::boolean(value).is_some(),
        Kind::Number(_) if exact => value.is_number(),
        Kind::Number(_) => matches!(coerce::number(value), Numeric::Number(..)),
        Kind::String(_) => value.is_string(),
        Kind::Array(rule) => {
            value.is_array() || (!exact && rule.accept_single && fits(&rule.items, value, false))
        }
        Kind::Object(_) => value.is_object(),
        Kind::AnyOf(alternatives) => alternatives.iter().any(|a| fits(a, value, exact)),
    }
}
