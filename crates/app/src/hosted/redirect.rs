//! Where a visitor goes when the account is there.

use posthouse_model::AccountId;
use url::Url;

/// The URL that a link names, if a browser may be sent there: `http` or `https`, with a host.
pub(super) fn resolve(service_url: Option<&str>, redirect_url: &str) -> Option<Url> {
    let url = match service_url.and_then(|base| Url::parse(base).ok()) {
        Some(base) => base.join(redirect_url).ok()?,
        None => Url::parse(redirect_url).ok()?,
    };
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// The target with the account and its state in the query; the account's page when the link names none.
pub(super) fn target(
    service_url: Option<&str>,
    redirect_url: Option<&str>,
    account: &AccountId,
    state: &str,
) -> String {
    let wanted = redirect_url.filter(|url| !url.is_empty());
    let Some(mut url) = wanted.and_then(|url| resolve(service_url, url)) else {
        return console(account);
    };
    let ours = |key: &str| key == "account" || key == "state";
    if url.query_pairs().any(|(key, _)| ours(&key)) {
        // What stands there already would be taken for our answer.
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(key, _)| !ours(key))
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    url.query_pairs_mut()
        .append_pair("account", account.as_str())
        .append_pair("state", state);
    url.into()
}

/// The account's page in the console.
fn console(account: &AccountId) -> String {
    // A base that is thrown away: the part of a URL that escapes path segments.
    let Ok(mut url) = Url::parse("http://localhost/admin/accounts") else {
        return "/admin/accounts".to_owned();
    };
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(account.as_str());
    }
    url.path().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Option<&str> = Some("https://mail.example.com");

    fn to(url: &str) -> String {
        target(BASE, Some(url), &AccountId::new("a b"), "new")
    }

    #[test]
    fn account_and_state_are_appended() {
        let table = [
            (
                "https://app.example.com/done?x=%20#top",
                "https://app.example.com/done?x=%20&account=a+b&state=new#top",
            ),
            (
                "https://app.example.com",
                "https://app.example.com/?account=a+b&state=new",
            ),
            (
                "/done",
                "https://mail.example.com/done?account=a+b&state=new",
            ),
            (
                "https://app.example.com/?account=mallory&x=1&state=existing",
                "https://app.example.com/?x=1&account=a+b&state=new",
            ),
        ];
        for (url, expected) in table {
            assert_eq!(to(url), expected);
        }
        assert_eq!(
            target(BASE, None, &AccountId::new("../x?y"), "new"),
            "/admin/accounts/..%2Fx%3Fy"
        );
    }

    #[test]
    fn a_redirect_is_never_open_to_scripts_and_files() {
        for url in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            " javascript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "ftp://example.com/",
            "http://",
            "https://[::1",
        ] {
            assert_eq!(resolve(BASE, url), None, "{url:?}");
            assert_eq!(to(url), "/admin/accounts/a%20b", "{url:?}");
        }
        // No header and no markup can be broken out of: control characters are taken away or escaped.
        for url in [
            "https://app.example.com/\r\nSet-Cookie: a=b",
            "https://app.example.com/\"><script>",
            "https://app.example.com/?q=\u{0}",
        ] {
            let target = to(url);
            assert!(target.starts_with("https://app.example.com/"), "{target}");
            assert!(
                !target.contains(['\r', '\n', '\0', '"', '<', '>', ' ']),
                "{target}"
            );
        }
        // Without a base a relative target leads nowhere.
        assert_eq!(resolve(None, "//evil.example.com/"), None);
        assert_eq!(resolve(None, "/done"), None);
    }
}
