//! What a request brings besides its body: the query string, the credential, cookies.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode;
use posthouse_app::Credential;

/// Pairs of a query string, decoded, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// The pairs.
    pub(crate) pairs: Vec<(String, String)>,
    /// Names (as far as readable) of pairs that are not UTF-8 once decoded.
    pub(crate) unreadable: Vec<String>,
}

impl Query {
    /// Reads `a=1&b=2`; `+` is a blank, as browsers and forms write it.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let mut query = Self::default();
        for pair in text.unwrap_or_default().split('&') {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name), decode(value)) {
                (Some(name), Some(value)) => query.pairs.push((name, value)),
                (name, _) => query.unreadable.push(name.unwrap_or_default()),
            }
        }
        query
    }

    /// The first value of this name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Option<String> {
    let text = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    match percent_decode(text.as_bytes()).decode_utf8() {
        Ok(decoded) => Some(decoded.into_owned()),
        Err(_) => None,
    }
}

/// The proof a request brings: `Authorization: Bearer` before `access_token`.
pub(crate) fn credential(headers: &HeaderMap, query: &Query) -> Credential {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let (scheme, token) = value.split_once(' ').unwrap_or((&*value, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            return Credential::Bearer(token.trim().to_owned());
        }
    }
    match query.first("access_token") {
        Some(token) => Credential::Query(token.to_owned()),
        None => Credential::None,
    }
}

/// The cookie of this name.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(own, _)| *own == name)
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

/// A header as text, lossily: what it is worth is for the validator to say.
pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn query_strings() {
        let query = Query::parse(Some("a=1&b=x%20y+z&a=2&flag&&e=%C3%A9&bad=%FF"));
        let pairs: Vec<_> = query
            .pairs
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("a", "1"),
                ("b", "x y z"),
                ("a", "2"),
                ("flag", ""),
                ("e", "é")
            ]
        );
        assert_eq!(query.unreadable, ["bad"]);
        assert_eq!(query.first("a"), Some("1"));
        assert_eq!(Query::parse(None), Query::default());
    }

    #[test]
    fn credentials() {
        let with = |authorization: Option<&str>, query: &str| {
            let mut headers = HeaderMap::new();
            if let Some(value) = authorization {
                headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            match credential(&headers, &Query::parse(Some(query))) {
                Credential::None => "none".to_owned(),
                Credential::Bearer(token) => format!("bearer {token}"),
                Credential::Query(token) => format!("query {token}"),
            }
        };
        assert_eq!(with(None, ""), "none");
        assert_eq!(with(Some("Bearer abc"), ""), "bearer abc");
        assert_eq!(with(Some("bearer abc"), "access_token=x"), "bearer abc");
        assert_eq!(with(Some("Bearer"), ""), "bearer ");
        assert_eq!(with(None, "access_token=x"), "query x");
        assert_eq!(with(Some("Basic abc"), ""), "none");
        assert_eq!(with(Some("Basic abc"), "access_token=x"), "query x");
    }

    #[test]
    fn cookies() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=1; ee=\"sealed=\"; b=2".parse().unwrap());
        assert_eq!(cookie(&headers, "ee").as_deref(), Some("sealed="));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
