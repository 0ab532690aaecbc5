//! Faults, troubles and hints in the visitor's language.

use posthouse_app::{AppPassword, Fault, Field, Link, Outcome, Trouble, Why};
use serde_json::{Value, json};

use crate::{i18n::Text, public::view::View};

/// The faults of a form, one sentence a field.
#[derive(Default)]
pub(super) struct Faults(Vec<(&'static str, String)>);

impl Faults {
    pub(super) fn new(view: &View, link: &Link, faults: &[Fault]) -> Self {
        let sentence = |fault: &Fault| {
            let text = match (fault.why, fault.field) {
                (Why::Missing, _) => Text::FaultMissing,
                (Why::TooLong, _) => Text::FaultTooLong,
                (Why::OtherAddress, _) => {
                    let expected = link.expected_email().unwrap_or_default();
                    return view.of_email(Text::FaultOtherAddress, expected);
                }
                (Why::Invalid, Field::Email) => Text::FaultEmail,
                (Why::Invalid, Field::ImapHost | Field::SmtpHost) => Text::FaultHost,
                (Why::Invalid, Field::ImapPort | Field::SmtpPort) => Text::FaultPort,
                (Why::Invalid, _) => Text::FaultInvalid,
            };
            view.t(text).to_owned()
        };
        Self(
            faults
                .iter()
                .map(|fault| (fault.field.name(), sentence(fault)))
                .collect(),
        )
    }

    /// The same sentence at another field: a page may have one field where the form has several.
    pub(super) fn missing(&mut self, view: &View, name: &'static str) {
        self.0.push((name, view.t(Text::FaultMissing).to_owned()));
    }

    /// What is wrong with a field.
    pub(super) fn at(&self, name: &str) -> Option<&str> {
        let mut faults = self.0.iter();
        faults
            .find(|(known, _)| *known == name)
            .map(|(_, text)| text.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a fault in a field whose name begins so.
    pub(super) fn has_of(&self, prefix: &str) -> bool {
        self.0.iter().any(|(name, _)| name.starts_with(prefix))
    }

    /// As the envelope of an error lists them.
    pub(super) fn fields(&self) -> Value {
        let fields = self.0.iter();
        fields
            .map(|(key, message)| json!({ "message": message, "key": key }))
            .collect()
    }
}

/// How a trial of one server went, in words.
pub(super) struct Said {
    /// `imap` or `smtp`.
    pub(super) name: &'static str,
    pub(super) works: bool,
    /// Whether it works, one sentence.
    pub(super) head: &'static str,
    /// What to do.
    pub(super) advice: Option<&'static str>,
    /// What the server said to the login.
    pub(super) response: Option<String>,
}

impl Said {
    pub(super) fn new(view: &View, name: &'static str, outcome: &Outcome) -> Self {
        let head = match (name, outcome.works()) {
            ("imap", true) => Text::ImapWorks,
            ("imap", false) => Text::ImapFails,
            (_, true) => Text::SmtpWorks,
            (_, false) => Text::SmtpFails,
        };
        let server_says = |text: &String| Text::ServerSays.with(view.locale, "text", text);
        Self {
            name,
            works: outcome.works(),
            head: view.t(head),
            advice: outcome.trouble.map(|trouble| view.t(advice(trouble))),
            response: outcome.response.as_ref().map(server_says),
        }
    }

    /// As the script of the page reads it.
    pub(super) fn json(&self, outcome: &Outcome) -> Value {
        let mut json = json!({ "success": self.works, "message": self.head });
        if let Some(advice) = self.advice {
            json["error"] = advice.into();
        }
        if let Some(code) = &outcome.code {
            json["code"] = code.as_str().into();
        }
        if let Some(response) = &self.response {
            json["responseText"] = response.as_str().into();
        }
        json
    }
}

const fn advice(trouble: Trouble) -> Text {
    match trouble {
        Trouble::Credentials => Text::TroubleCredentials,
        Trouble::UnknownHost => Text::TroubleUnknownHost,
        Trouble::Unreachable => Text::TroubleUnreachable,
        Trouble::Tls => Text::TroubleTls,
        Trouble::Protocol => Text::TroubleProtocol,
    }
}

/// What a provider wants instead of the usual password.
pub(super) struct Hint {
    pub(super) title: Option<String>,
    pub(super) text: String,
    pub(super) warning: Option<String>,
    /// The provider's own page.
    pub(super) url: Option<String>,
}

impl Hint {
    pub(super) fn new(view: &View, hint: &AppPassword) -> Self {
        let provider = display_name(&hint.provider);
        let text = if hint.required {
            Text::AppPasswordNeeded
        } else {
            Text::AppPasswordMaybe
        };
        Self {
            title: hint
                .required
                .then(|| view.of_provider(Text::AppPasswordTitle, &provider)),
            text: view.of_provider(text, &provider),
            warning: hint
                .warning
                .is_some()
                .then(|| view.of_provider(Text::AppPasswordWarning, &provider)),
            url: link_in(&hint.instructions),
        }
    }
}

/// The name of a provider as it writes itself.
fn display_name(provider: &str) -> String {
    match provider {
        "gmail" => "Gmail".to_owned(),
        "icloud" => "iCloud".to_owned(),
        "aol" => "AOL".to_owned(),
        "yahoo" => "Yahoo".to_owned(),
        "microsoft" => "Microsoft".to_owned(),
        "t-online" => "T-Online".to_owned(),
        other => other.to_owned(),
    }
}

/// The first web address in a text.
fn link_in(text: &str) -> Option<String> {
    let start = text.find("https://")?;
    let rest = text.get(start..)?;
    let end = rest.find([' ', ',', ')', '"', '<']).unwrap_or(rest.len());
    Some(rest.get(..end)?.trim_end_matches(['.', ';']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Locale;

    #[test]
    fn app_passwords_are_explained() {
        let view = View {
            path: "/",
            brand: String::new(),
            header: String::new(),
            crumb: String::new(),
            theme: "",
            locale: Locale::De,
            data: String::new(),
            sig: String::new(),
            kind: String::new(),
        };
        let required = AppPassword {
            required: true,
            provider: "icloud".to_owned(),
            instructions: "Sign in at https://account.apple.com, open a page.".to_owned(),
            warning: None,
        };
        let hint = Hint::new(&view, &required);
        assert_eq!(
            hint.title.as_deref(),
            Some("iCloud verlangt ein App-Passwort")
        );
        assert!(
            hint.text
                .starts_with("Ihr übliches Passwort funktioniert hier nicht.")
        );
        assert_eq!(hint.url.as_deref(), Some("https://account.apple.com"));
        assert_eq!(hint.warning, None);
        let doubtful = AppPassword {
            required: false,
            provider: "microsoft".to_owned(),
            instructions: "None.".to_owned(),
            warning: Some("Expect a refusal.".to_owned()),
        };
        let hint = Hint::new(&view, &doubtful);
        assert_eq!((hint.title, hint.url), (None, None));
        assert!(
            hint.warning
                .is_some_and(|text| text.starts_with("Microsoft nimmt"))
        );
    }

    #[test]
    fn links() {
        let link = |text| link_in(text);
        assert_eq!(
            link("at https://a.example/x."),
            Some("https://a.example/x".to_owned())
        );
        assert_eq!(
            link("(https://a.example) and"),
            Some("https://a.example".to_owned())
        );
        assert_eq!(link("nowhere"), None);
    }
}
