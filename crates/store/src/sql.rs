//! One SQL text for two engines.
//!
//! Parameters are `$1`, `$2`, … (rewritten to `?1` for SQLite). Two macros exist: `{BLOB}` (the type of a bytes
//! column) and `{SKIP_LOCKED}` (`FOR UPDATE SKIP LOCKED` on PostgreSQL, nothing on SQLite, whose one writer needs no
//! row locks). What differs beyond that stands side by side in [`Sql::dialects`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::value::Value;

/// Which engine a text is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded engine.
    Sqlite,
    /// PostgreSQL or what speaks its protocol.
    Postgres,
}

/// A statement, in one text or in one per dialect.
#[derive(Clone, Debug)]
pub struct Sql {
    sqlite: Cow<'static, str>,
    postgres: Option<Cow<'static, str>>,
}

impl Sql {
    /// Two texts, for what the dialects do not share.
    #[must_use]
    pub const fn dialects(sqlite: &'static str, postgres: &'static str) -> Self {
        Self {
            sqlite: Cow::Borrowed(sqlite),
            postgres: Some(Cow::Borrowed(postgres)),
        }
    }

    /// As [`Sql::dialects`], of texts that were composed.
    pub(crate) fn texts(sqlite: String, postgres: String) -> Self {
        Self {
            sqlite: Cow::Owned(sqlite),
            postgres: Some(Cow::Owned(postgres)),
        }
    }

    pub(crate) fn text(&self, dialect: Dialect) -> &Cow<'static, str> {
        match (dialect, &self.postgres) {
            (Dialect::Postgres, Some(text)) => text,
            _ => &self.sqlite,
        }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self {
            sqlite: Cow::Borrowed(text),
            postgres: None,
        }
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self {
            sqlite: Cow::Owned(text),
            postgres: None,
        }
    }
}

/// Rewritten texts, so that each is rewritten once per thread or pool. Bounded, as texts may be composed.
#[derive(Default)]
pub(crate) struct Rewrites(HashMap<Cow<'static, str>, Arc<str>>);

const REWRITES_KEPT: usize = 1024;

impl Rewrites {
    pub(crate) fn get(&mut self, sql: &Sql, dialect: Dialect) -> Arc<str> {
        let text = sql.text(dialect);
        if let Some(known) = self.0.get(text.as_ref()) {
            return known.clone();
        }
        if self.0.len() >= REWRITES_KEPT {
            self.0.clear();
        }
        let rewritten: Arc<str> = rewrite(text, dialect).into();
        self.0.insert(text.clone(), rewritten.clone());
        rewritten
    }
}

/// Expands the macros and, for SQLite, turns `$n` into `?n`; quoted texts and comments are left alone.
pub(crate) fn rewrite(text: &str, dialect: Dialect) -> String {
    let (blob, skip_locked) = match dialect {
        Dialect::Sqlite => ("BLOB", ""),
        Dialect::Postgres => ("BYTEA", "FOR UPDATE SKIP LOCKED"),
    };
    let mut out = String::with_capacity(text.len() + 16);
    let (mut quoted, mut comment) = (false, false);
    let mut rest = text.char_indices().peekable();
    while let Some((at, char)) = rest.next() {
        let tail = text.get(at..).unwrap_or_default();
        if comment {
            comment = char != '\n';
        } else if char == '\'' {
            quoted = !quoted;
        } else if !quoted && tail.starts_with("--") {
            comment = true;
        }
        let literal = quoted || comment;
        let replaced = if literal {
            None
        } else if tail.starts_with("{BLOB}") {
            Some(("{BLOB}", blob))
        } else if tail.starts_with("{SKIP_LOCKED}") {
            Some(("{SKIP_LOCKED}", skip_locked))
        } else {
            None
        };
        if let Some((name, value)) = replaced {
            out.push_str(value);
            for _ in 1..name.len() {
                rest.next();
            }
        } else if !literal
            && char == '$'
            && dialect == Dialect::Sqlite
            && rest.peek().is_some_and(|(_, next)| next.is_ascii_digit())
        {
            out.push('?');
        } else {
            out.push(char);
        }
    }
    out
}

/// A pattern for `column LIKE $n ESCAPE '\'` that finds the folded text anywhere. Pair it with a column filled by
/// [`fold`], because the engines fold case differently.
#[must_use]
pub fn like_contains(query: &str) -> String {
    let mut out = String::with_capacity(query.len() + 2);
    out.push('%');
    for char in fold(query).chars() {
        if matches!(char, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(char);
    }
    out.push('%');
    out
}

/// ASCII case folding for search columns; NUL, which PostgreSQL texts cannot hold, becomes a space.
#[must_use]
pub fn fold(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\0' => ' ',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// What stands in the brackets of `IN ($1, …)`, and its parameters. The list is filled up with its last value to a power
/// of two, so that there are few different texts; an empty one is found nowhere.
pub(crate) fn in_list(values: impl IntoIterator<Item = impl Into<Value>>) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
    let Some(last) = values.last().cloned() else {
        return ("NULL".to_owned(), values);
    };
    values.resize(values.len().next_power_of_two(), last);
    let places: Vec<String> = (1..=values.len()).map(|n| format!("${n}")).collect();
    (places.join(", "), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_parameters_and_macros_but_not_texts() {
        let text = "SELECT '$1 {BLOB} it''s', x FROM t WHERE a=$1 AND b=$12 {SKIP_LOCKED}";
        assert_eq!(
            rewrite(text, Dialect::Sqlite),
            "SELECT '$1 {BLOB} it''s', x FROM t WHERE a=?1 AND b=?12 "
        );
        assert_eq!(
            rewrite(text, Dialect::Postgres),
            "SELECT '$1 {BLOB} it''s', x FROM t WHERE a=$1 AND b=$12 FOR UPDATE SKIP LOCKED"
        );
        assert_eq!(
            rewrite("-- the table's $1\nx {BLOB}", Dialect::Postgres),
            "-- the table's $1\nx BYTEA"
        );
    }

    #[test]
    fn lists_are_of_few_sizes() {
        assert_eq!(in_list([0i64; 0]), ("NULL".to_owned(), Vec::new()));
        assert_eq!(in_list([7i64]).0, "$1");
        let (places, values) = in_list([1i64, 2, 3]);
        assert_eq!(places, "$1, $2, $3, $4");
        assert_eq!(values, [1i64, 2, 3, 3].map(Value::from));
    }

    #[test]
    fn wildcards_of_a_query_are_texts() {
        assert_eq!(like_contains("50%_A"), "%50\\%\\_a%");
    }
}
