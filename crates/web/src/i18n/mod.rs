//! The languages of the public pages (behaviour 1, 22): en, et, fr, de, pl, ja, nl.

mod locale;
mod text;

use std::{collections::HashMap, sync::LazyLock};

pub(crate) use locale::Locale;
pub(crate) use text::Text;

/// The words of each language, by number of language and of text. A text that a language lacks is English.
static WORDS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let english = read(Locale::En);
    Locale::ALL
        .iter()
        .map(|locale| {
            let own = read(*locale);
            let words = Text::ALL.iter().map(|text| {
                own.get(text.key())
                    .or_else(|| english.get(text.key()))
                    .cloned()
                    .unwrap_or_default()
            });
            words.collect()
        })
        .collect()
});

fn read(locale: Locale) -> HashMap<String, String> {
    match toml::from_str(locale.file()) {
        Ok(words) => words,
        Err(error) => {
            // The files are compiled in and tested, so that this is not reached.
            tracing::error!(%error, locale = locale.code(), "a language cannot be read");
            HashMap::new()
        }
    }
}

impl Text {
    /// The text in a language.
    pub(crate) fn get(self, locale: Locale) -> &'static str {
        WORDS
            .get(locale as usize)
            .and_then(|words| words.get(self as usize))
            .map_or("", String::as_str)
    }

    /// The text in a language with a value in the place of `{name}`. The value is not looked at again.
    pub(crate) fn with(self, locale: Locale, name: &str, value: &str) -> String {
        self.get(locale).replace(&format!("{{{name}}}"), value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::collections::BTreeSet;

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .map(|rest| rest.split_once('}').unwrap().0)
            .collect()
    }

    #[test]
    fn every_language_says_everything() {
        let english = read(Locale::En);
        for locale in Locale::ALL {
            let words = read(*locale);
            for text in Text::ALL {
                let key = text.key();
                let own = words
                    .get(key)
                    .unwrap_or_else(|| panic!("{} lacks {key}", locale.code()));
                assert!(!own.trim().is_empty() && own.trim() == own, "{key}");
                assert_eq!(
                    places(own),
                    places(&english[key]),
                    "{} {key}",
                    locale.code()
                );
            }
            assert_eq!(words.len(), Text::ALL.len(), "{}", locale.code());
        }
    }

    #[test]
    fn values_stay_values() {
        let text = Text::ServersFound.with(Locale::De, "email", "{email}<b>");
        assert_eq!(text, "Wir haben die Einstellungen für {email}<b> gefunden.");
    }
}
