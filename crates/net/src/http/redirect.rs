//! Where an answer sends one.

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, COOKIE, LOCATION};
use hyper::{Method, StatusCode};

use super::exchange::{EgressRequest, EgressResponse};

impl EgressRequest {
    /// The request that follows an answer which is a redirect, as the Fetch standard has it (section 4.4, "HTTP-redirect
    /// fetch"): as GET where that is the custom, without what was meant for another origin. None where it is no redirect.
    ///
    /// # Errors
    /// In words: the redirect leads to what is no URL.
    #[must_use]
    pub fn redirected(&self, answer: &EgressResponse) -> Option<Result<Self, String>> {
        if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = answer.headers.get(LOCATION)?;
        let to = location
            .to_str()
            .ok()
            .and_then(|location| self.url.join(location).ok());
        let Some(url) = to else {
            return Some(Err("the answer redirects to what is no URL".to_owned()));
        };
        let mut next = self.clone();
        let as_get = match answer.status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::GET && self.method != Method::HEAD,
            _ => false,
        };
        if as_get {
            next.method = Method::GET;
            next.body = Bytes::new();
            let names: Vec<_> = next.headers.keys().cloned().collect();
            for name in names {
                if name.as_str().starts_with("content-") {
                    next.headers.remove(name);
                }
            }
        }
        if url.origin() != self.url.origin() {
            next.headers.remove(AUTHORIZATION);
            next.headers.remove(COOKIE);
        }
        next.url = url;
        Some(Ok(next))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use hyper::header::HeaderMap;

    use super::*;

    fn request(method: &str) -> EgressRequest {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer secret".parse().unwrap());
        headers.insert("content-type", "text/plain".parse().unwrap());
        headers.insert("x-own", "1".parse().unwrap());
        EgressRequest {
            method: method.parse().unwrap(),
            url: "https://a.example/x/y".parse().unwrap(),
            headers,
            body: Bytes::from_static(b"body"),
            timeout: Duration::from_secs(1),
        }
    }

    fn answer(status: u16, location: &str) -> EgressResponse {
        let mut headers = HeaderMap::new();
        headers.insert("location", location.parse().unwrap());
        EgressResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body_head: Bytes::new(),
        }
    }

    #[test]
    fn redirects() {
        for (method, status, then) in [
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("PUT", 302, "PUT"),
            ("PUT", 303, "GET"),
            ("HEAD", 303, "HEAD"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
        ] {
            let next = request(method)
                .redirected(&answer(status, "../z"))
                .unwrap()
                .unwrap();
            assert_eq!(next.method, then, "{method} {status}");
            assert_eq!(next.url.as_str(), "https://a.example/z");
            assert_eq!(next.body.is_empty(), then == "GET", "{method} {status}");
            assert_eq!(next.headers.contains_key("content-type"), then != "GET");
            assert!(next.headers.contains_key("authorization"));
        }
        // What was meant for one host is not shown to another, not even to another port.
        for elsewhere in [
            "https://b.example/",
            "http://a.example/",
            "//a.example:444/",
        ] {
            let next = request("GET")
                .redirected(&answer(302, elsewhere))
                .unwrap()
                .unwrap();
            assert!(!next.headers.contains_key("authorization"), "{elsewhere}");
            assert!(next.headers.contains_key("x-own"));
        }
        assert!(request("GET").redirected(&answer(304, "/")).is_none());
        let nowhere = request("GET").redirected(&answer(302, "http://"));
        assert!(nowhere.unwrap().is_err());
    }
}
