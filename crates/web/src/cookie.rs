//! Cookies of a request.

use axum::http::{HeaderMap, header};

/// The value of a cookie (RFC 6265 section 5.4); the first of that name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_of_the_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "xee=0; ee=1; ee=2".parse().unwrap());
        headers.append(header::COOKIE, "b=; c".parse().unwrap());
        assert_eq!(cookie(&headers, "ee"), Some("1"));
        assert_eq!(cookie(&headers, "b"), Some(""));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
