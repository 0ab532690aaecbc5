//! From the embedded text to compiled operations. Named schemas are parsed only when an operation
//! needs them.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    ContractError,
    operation::{Method, NarrowedToken, Operation, Parameter, Response},
    schema::{
        ArrayRule, IpRule, Kind, NumberRule, ObjectRule, Pattern, Property, Schema, StringFormat,
        StringRule,
    },
    source::{DOCUMENTED, File, HIDDEN, RawOperation, RawSchema, Source},
};

/// Schemas may nest this deep; more means a circle.
const MAX_NESTING: usize = 40;

/// Compiles schemas; each named one once.
pub(crate) struct Compiler {
    raw: HashMap<&'static str, &'static RawValue>,
    named: HashMap<&'static str, Arc<Schema>>,
    patterns: HashMap<String, Arc<Pattern>>,
    place: String,
}

/// Compiles every operation.
pub(crate) fn compile() -> Result<Vec<Operation>, ContractError> {
    let mut compiler = Compiler::default();
    let files = compiler.load()?;
    let mut operations = Vec::with_capacity(128);
    for (file, hidden) in files {
        for (path, methods) in file.paths.0 {
            for (key, text) in methods.0 {
                operations.push(compiler.operation(path, key, text, hidden)?);
            }
        }
    }
    Ok(operations)
}

impl Default for Compiler {
    fn default() -> Self {
        Self {
            raw: HashMap::with_capacity(512),
            named: HashMap::with_capacity(256),
            patterns: HashMap::new(),
            place: String::new(),
        }
    }
}

impl Compiler {
    /// Reads the outlines of all files and remembers the named schemas.
    pub(crate) fn load(&mut self) -> Result<Vec<(File<'static>, bool)>, ContractError> {
        let mut files = Vec::new();
        let all = DOCUMENTED.iter().map(|s| (*s, false));
        for (source, hidden) in all.chain(HIDDEN.iter().map(|s| (*s, true))) {
            let file: File<'static> = Source::outline(source)?;
            for (name, text) in &file.components.schemas.0 {
                self.raw.insert(name, text);
            }
            files.push((file, hidden));
        }
        Ok(files)
    }

    fn invalid(&self, reason: impl Into<String>) -> ContractError {
        ContractError::Invalid {
            place: self.place.clone(),
            reason: reason.into(),
        }
    }

    /// Reads raw text as a typed piece of the document.
    pub(crate) fn read<T: Deserialize<'static>>(
        &self,
        text: &'static RawValue,
    ) -> Result<T, ContractError> {
        serde_json::from_str(text.get()).map_err(|error| self.invalid(error.to_string()))
    }

    fn operation(
        &mut self,
        path: &'static str,
        key: &str,
        text: &'static RawValue,
        hidden: bool,
    ) -> Result<Operation, ContractError> {
        self.place = format!("{key} {path}");
        let method = Method::from_key(key).ok_or_else(|| self.invalid("unknown method"))?;
        let raw: RawOperation<'static> = self.read(text)?;
        let word = |name: &str| self.invalid(format!("unknown {name}"));
        let action = raw.action.parse().map_err(|_| word("action"))?;
        let group = raw.group.parse().map_err(|_| word("group"))?;
        let scopes = raw
            .scopes
            .iter()
            .map(|s| s.parse().map_err(|_| word("scope")))
            .collect::<Result<_, _>>()?;
        let narrowed_token = match raw.narrowed_token {
            "grantable" => NarrowedToken::Grantable,
            "never" => NarrowedToken::Never,
            _ => return Err(word("narrowed-token")),
        };
        let [mut in_path, mut in_query, mut in_header] = [Vec::new(), Vec::new(), Vec::new()];
        for parameter in raw.parameters {
            let compiled = Parameter {
                name: parameter.name,
                required: parameter.required,
                schema: self.schema(parameter.schema, 0)?,
            };
            match parameter.place {
                "path" => in_path.push(compiled),
                "query" => in_query.push(compiled),
                "header" => in_header.push(compiled),
                _ => return Err(self.invalid("unknown place of a parameter")),
            }
        }
        let body = match raw.request_body {
            Some(body) => body
                .content
                .0
                .into_iter()
                .find_map(|(media, content)| {
                    (media == "application/json").then_some(content.schema)?
                })
                .map(|text| self.schema(text, 0))
                .transpose()?,
            None => None,
        };
        let mut responses = Vec::with_capacity(raw.responses.0.len());
        for (status, response) in raw.responses.0 {
            let status = status
                .parse()
                .map_err(|_| self.invalid("a status is not a number"))?;
            let media_type = response.content.0.first().map(|(media, _)| *media);
            responses.push(Response { status, media_type });
        }
        responses.sort_by_key(|response| response.status);
        Ok(Operation {
            id: raw.operation_id,
            method,
            path,
            tag: raw.tags[0],
            summary: raw.summary,
            description: raw.description,
            action,
            group,
            scopes,
            narrowed_token,
            session_token: raw.session_token,
            mcp_surface: raw.mcp_surface,
            hidden,
            alias_of: raw.alias_of,
            extension: raw.extension,
            path_parameters: in_path.into(),
            query_parameters: in_query.into(),
            header_parameters: in_header.into(),
            body,
            responses: responses.into(),
        })
    }

    /// Compiles one schema, following references.
    pub(crate) fn schema(
        &mut self,
        text: &'static RawValue,
        depth: usize,
    ) -> Result<Arc<Schema>, ContractError> {
        if depth > MAX_NESTING {
            return Err(self.invalid("schemas nest in a circle"));
        }
        let raw: RawSchema<'static> = self.read(text)?;
        if let Some(reference) = raw.reference {
            let name = reference
                .strip_prefix("#/components/schemas/")
                .ok_or_else(|| self.invalid(format!("unknown reference {reference}")))?;
            if let Some(schema) = self.named.get(name) {
                return Ok(Arc::clone(schema));
            }
            let (name, text) = self
                .raw
                .get_key_value(name)
                .map(|(name, text)| (*name, *text))
                .ok_or_else(|| self.invalid(format!("unknown schema {name}")))?;
            let raw: RawSchema<'static> = self.read(text)?;
            let schema = Arc::new(self.build(raw, Some(name), depth + 1)?);
            self.named.insert(name, Arc::clone(&schema));
            return Ok(schema);
        }
        self.build(raw, None, depth + 1).map(Arc::new)
    }

    fn build(
        &mut self,
        mut raw: RawSchema<'static>,
        name: Option<&'static str>,
        depth: usize,
    ) -> Result<Schema, ContractError> {
        let nullable = raw.nullable;
        let default = raw.default.take();
        let kind = if let Some(alternatives) = raw.any_of.take() {
            Kind::AnyOf(
                alternatives
                    .into_iter()
                    .map(|text| self.schema(text, depth))
                    .collect::<Result<_, _>>()?,
            )
        } else {
            match raw.kind {
                None => Kind::Any,
                Some("boolean") => Kind::Boolean(match raw.one_of.as_deref() {
                    None => None,
                    Some([Value::Bool(only)]) => Some(*only),
                    Some(_) => return Err(self.invalid("unknown set of booleans")),
                }),
                Some(kind @ ("integer" | "number")) => Kind::Number(NumberRule {
                    integer: kind == "integer",
                    minimum: raw.minimum,
                    maximum: raw.maximum,
                }),
                Some("string") => Kind::String(Box::new(self.string(raw)?)),
                Some("array") => {
                    let items = raw
                        .items
                        .ok_or_else(|| self.invalid("array without items"))?;
                    Kind::Array(ArrayRule {
                        items: self.schema(items, depth)?,
                        min_items: raw.min_items,
                        length: raw.length,
                        accept_single: raw.accept_single,
                    })
                }
                Some("object") => self.object(raw, depth)?,
                Some(other) => return Err(self.invalid(format!("unknown type {other}"))),
            }
        };
        Ok(Schema {
            name,
            nullable,
            default,
            kind,
        })
    }

    fn object(&mut self, raw: RawSchema<'static>, depth: usize) -> Result<Kind, ContractError> {
        let open = raw.properties.is_none();
        let mut properties = Vec::new();
        for (name, text) in raw.properties.unwrap_or_default().0 {
            properties.push(Property {
                name,
                required: raw.required.contains(&name),
                schema: self.schema(text, depth)?,
            });
        }
        if let Some(unknown) = raw
            .required
            .iter()
            .find(|name| !properties.iter().any(|p| p.name == **name))
        {
            return Err(self.invalid(format!("requires the unknown property {unknown}")));
        }
        Ok(Kind::Object(ObjectRule {
            properties: properties.into(),
            open,
            min_properties: raw.min_properties,
        }))
    }

    fn string(&mut self, raw: RawSchema<'static>) -> Result<StringRule, ContractError> {
        let format = match (raw.format, &raw.ip) {
            (None, None) => None,
            (None, Some(ip)) => Some(StringFormat::Ip(IpRule {
                v4: ip.versions.contains(&"ipv4"),
                v6: ip.versions.contains(&"ipv6"),
                cidr: ip.cidr != "forbidden",
            })),
            (Some("email"), _) => Some(StringFormat::Email),
            (Some("uri"), _) => Some(StringFormat::Uri),
            (Some("hostname"), _) => Some(StringFormat::Hostname),
            (Some("date-time"), _) => Some(StringFormat::DateTime),
            (Some("uuid"), _) => Some(StringFormat::Uuid),
            // A stream: only in answers.
            (Some("binary"), _) => None,
            (Some(other), _) => return Err(self.invalid(format!("unknown format {other}"))),
        };
        let mut one_of = Vec::new();
        for value in raw.one_of.unwrap_or_default() {
            match value {
                Value::String(word) => one_of.push(&*Box::leak(word.into_boxed_str())),
                // `null` beside words says again that the value is nullable.
                Value::Null => {}
                _ => return Err(self.invalid("an enum of other than strings")),
            }
        }
        let pattern = match raw.pattern {
            Some(source) => Some(self.pattern(&source)?),
            None => None,
        };
        Ok(StringRule {
            trim: raw.trim,
            lower: raw.case == Some("lower"),
            allow_empty: raw.allow_empty || raw.min_length == Some(0),
            allow_now: raw.accept_now,
            min_length: raw.min_length,
            max_length: raw.max_length,
            one_of: one_of.into(),
            format,
            schemes: raw.uri_schemes.into(),
            pattern,
        })
    }

    fn pattern(&mut self, source: &str) -> Result<Arc<Pattern>, ContractError> {
        if let Some(pattern) = self.patterns.get(source) {
            return Ok(Arc::clone(pattern));
        }
        let (forbidden_prefix, rest) = match source
            .strip_prefix("^(?!")
            .and_then(|rest| rest.split_once(')'))
        {
            Some((prefix, rest)) if prefix.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                (Some(prefix.to_owned()), format!("^{rest}"))
            }
            _ => (None, source.to_owned()),
        };
        let regex =
            regex_lite::Regex::new(&rest).map_err(|error| self.invalid(error.to_string()))?;
        let pattern = Arc::new(Pattern {
            source: source.to_owned(),
            forbidden_prefix,
            regex,
        });
        self.patterns
            .insert(source.to_owned(), Arc::clone(&pattern));
        Ok(pattern)
    }
}
