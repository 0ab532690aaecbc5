//! Submitted forms (`application/x-www-form-urlencoded`).

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use posthouse_model::ApiError;

use crate::fail::Failure;

/// The fields of a form, in their order; a name may come several times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads fields from their encoded text.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(
            url::form_urlencoded::parse(text)
                .filter(|(name, _)| name != "crumb")
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// The first value of a field, without spaces at its ends; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The first value of a field as it was sent: for passwords and the like.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// The value of a field unless it is missing or blank.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Every value of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a box was ticked.
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self.text(name), "on" | "true" | "1" | "yes")
    }

    /// Whether the field was sent at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// All fields.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.0
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        // The body was read, bounded, by the check of the crumb.
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| ApiError::new(400, "The form could not be read"))?;
        Ok(Self::parse(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let form = Form::parse(b"crumb=x&a=+1+&b=on&c=1&c=%C3%A4&a=2");
        assert_eq!(form.text("a"), "1");
        assert_eq!(form.raw("a"), " 1 ");
        assert!(form.is("b") && !form.is("d") && !form.has("crumb"));
        assert_eq!(form.all("c").collect::<Vec<_>>(), ["1", "\u{e4}"]);
        assert_eq!(form.filled("d"), None);
    }
}
