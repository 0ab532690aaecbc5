//! Who visits a page in their own language: hosted forms, links of sent messages.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
    response::Response,
};
use posthouse_app::{App, Visitor};

use super::view::View;
use crate::{
    crumb::{Crumb, is_secure},
    form::Form,
    i18n::Locale,
    page,
};

/// How long a chosen language is remembered, seconds.
const REMEMBERED: u32 = 365 * 24 * 3600;

/// A visitor with what the request says beside its form.
pub(super) struct Guest {
    /// The hall.
    pub(super) app: App,
    /// The query.
    pub(super) query: Form,
    /// Language to read.
    pub(super) locale: Locale,
    /// The client's address.
    pub(super) address: IpAddr,
    /// The client's program, as it names itself.
    pub(super) user_agent: Option<String>,
    crumb: String,
    theme: &'static str,
    secure: bool,
    /// The language was chosen in this request: it is remembered.
    chosen: bool,
}

impl Guest {
    /// The frame of a page for a signed link that leads to `path`; the link's parts are carried from form to form.
    pub(super) fn view(&self, path: &'static str, link: &Form) -> View {
        let settings = self.app.settings();
        View {
            brand: page::brand(&self.app),
            header: settings
                .text("templateHeader")
                .unwrap_or_default()
                .to_owned(),
            crumb: self.crumb.clone(),
            theme: self.theme,
            locale: self.locale,
            path,
            data: link.text("data").to_owned(),
            sig: link.text("sig").to_owned(),
            kind: link.text("type").to_owned(),
        }
    }

    /// The answer; a chosen language is remembered with it.
    pub(super) fn answer(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_LANGUAGE,
            HeaderValue::from_static(self.locale.code()),
        );
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!(
            "locale={}; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Lax{secure}",
            self.locale.code()
        );
        if self.chosen
            && let Ok(cookie) = HeaderValue::try_from(cookie)
        {
            headers.append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl FromRequestParts<App> for Guest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        // A form without a crumb is refused, so that pages without forms need none.
        let crumb = parts.extensions.get::<Crumb>().cloned();
        let Crumb(crumb) = crumb.unwrap_or_else(|| Crumb(String::new()));
        let query = parts.uri.query().unwrap_or_default();
        let query = Form::parse(query.as_bytes());
        let settings = app.settings();
        Ok(Self {
            app: app.clone(),
            locale: Locale::choose(
                query.filled("locale"),
                &parts.headers,
                settings.text("locale"),
            ),
            chosen: query.filled("locale").and_then(Locale::of_tag).is_some(),
            address: parts
                .extensions
                .get::<Visitor>()
                .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |visitor| visitor.address),
            user_agent: parts
                .headers
                .get(header::USER_AGENT)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            theme: page::theme(&parts.headers),
            secure: is_secure(app, &parts.extensions),
            query,
            crumb,
        })
    }
}
