//! Which language a visitor reads.

use axum::http::{HeaderMap, header};

use crate::cookie::cookie;

/// A language of the public pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Locale {
    #[default]
    En,
    Et,
    Fr,
    De,
    Pl,
    Ja,
    Nl,
}

impl Locale {
    /// Every language, in the order of their numbers.
    pub(crate) const ALL: &[Self] = &[
        Self::En,
        Self::Et,
        Self::Fr,
        Self::De,
        Self::Pl,
        Self::Ja,
        Self::Nl,
    ];

    /// The language tag (BCP 47).
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Et => "et",
            Self::Fr => "fr",
            Self::De => "de",
            Self::Pl => "pl",
            Self::Ja => "ja",
            Self::Nl => "nl",
        }
    }

    /// What those who speak it call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Et => "Eesti",
            Self::Fr => "Français",
            Self::De => "Deutsch",
            Self::Pl => "Polski",
            Self::Ja => "日本語",
            Self::Nl => "Nederlands",
        }
    }

    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::En => include_str!("en.toml"),
            Self::Et => include_str!("et.toml"),
            Self::Fr => include_str!("fr.toml"),
            Self::De => include_str!("de.toml"),
            Self::Pl => include_str!("pl.toml"),
            Self::Ja => include_str!("ja.toml"),
            Self::Nl => include_str!("nl.toml"),
        }
    }

    /// The language of a tag such as `de-AT`, by its first part.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let first = tag.trim().split(['-', '_']).next()?;
        Self::ALL
            .iter()
            .find(|locale| locale.code().eq_ignore_ascii_case(first))
            .copied()
    }

    /// What a visitor reads: by the `locale` query parameter, the header `x-ee-locale`, the cookie `locale`,
    /// `Accept-Language`, the setting of this name (behaviour 1).
    pub(crate) fn choose(query: Option<&str>, headers: &HeaderMap, setting: Option<&str>) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        query
            .and_then(Self::of_tag)
            .or_else(|| header("x-ee-locale").and_then(Self::of_tag))
            .or_else(|| cookie(headers, "locale").and_then(Self::of_tag))
            .or_else(|| header(header::ACCEPT_LANGUAGE.as_str()).and_then(Self::accepted))
            .or_else(|| setting.and_then(Self::of_tag))
            .unwrap_or_default()
    }

    /// The best of `Accept-Language` (RFC 9110 section 12.5.4).
    fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',').take(32) {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
            let weight: f32 = weight.trim().parse().unwrap_or(0.0);
            if let Some(locale) = Self::of_tag(tag)
                && weight > 0.0
                && best.is_none_or(|(known, _)| weight > known)
            {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_order_of_what_a_visitor_says() {
        let mut headers = HeaderMap::new();
        let choose = |query, headers: &HeaderMap| Locale::choose(query, headers, Some("nl"));
        assert_eq!(choose(None, &headers), Locale::Nl);
        headers.insert(
            "accept-language",
            "sv, pl;q=0.5, fr-CA;q=0.8, *;q=0.1".parse().unwrap(),
        );
        assert_eq!(choose(None, &headers), Locale::Fr);
        headers.insert("cookie", "a=b; locale=et".parse().unwrap());
        assert_eq!(choose(None, &headers), Locale::Et);
        headers.insert("x-ee-locale", "ja".parse().unwrap());
        assert_eq!(choose(None, &headers), Locale::Ja);
        assert_eq!(choose(Some("DE-at"), &headers), Locale::De);
        // What is not spoken is passed over.
        assert_eq!(choose(Some("xx"), &headers), Locale::Ja);
        assert_eq!(Locale::choose(None, &HeaderMap::new(), None), Locale::En);
        assert_eq!(Locale::accepted("de;q=0, en;q=x"), None);
    }
}
