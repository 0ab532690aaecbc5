//! Account security: password, two-step login, sessions.

mod qr;

use askama::Template;
use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use posthouse_app::{
    App,
    admin::{Enrolment, Security, SessionEntry},
};
use posthouse_model::{ApiError, Timestamp};

use crate::{
    console::setup::PasswordStep,
    fail::{Failure, rendered},
    flash::Flash,
    form::Form,
    login::{HOME, forget, go_on, keep},
    page::{Frame, Page, Room},
    public::login_again,
};

const HERE: &str = "/admin/account/security";

#[derive(Template)]
#[template(path = "security/page.html")]
struct SecurityPage {
    frame: Frame,
    now: Timestamp,
    state: Security,
    pending: Option<Pending>,
    sessions: Vec<SessionEntry>,
    /// The form that failed, and why.
    fault: Option<(Part, String)>,
}

impl SecurityPage {
    fn fault(&self, part: &str) -> Option<&str> {
        self.fault
            .as_ref()
            .filter(|(failed, _)| failed.name() == part)
            .map(|(_, text)| text.as_str())
    }
}

/// A form of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Password,
    Repeat,
    Enrol,
    Code,
    Codes,
    Disable,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Repeat => "repeat",
            Self::Enrol => "enrol",
            Self::Code => "code",
            Self::Codes => "codes",
            Self::Disable => "disable",
        }
    }
}

/// A secret that waits for its first code, as a picture and as text.
struct Pending {
    svg: String,
    secret: String,
    address: String,
}

impl Pending {
    fn of(enrolment: Enrolment) -> Self {
        // Groups of four are easier to type.
        let letters: Vec<char> = enrolment.secret.chars().collect();
        let groups: Vec<String> = letters
            .chunks(4)
            .map(|group| group.iter().collect())
            .collect();
        Self {
            svg: qr::svg(&enrolment.address).unwrap_or_default(),
            secret: groups.join(" "),
            address: enrolment.address,
        }
    }
}

#[derive(Template)]
#[template(path = "security/codes.html")]
struct Codes {
    frame: Frame,
    codes: Vec<String>,
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(HERE, get(show))
        .route(
            "/admin/account/password",
            get(|| async { Redirect::to(HERE) }).post(set_password),
        )
        .route("/admin/account/totp/enrol", post(enrol))
        .route("/admin/account/totp/confirm", post(confirm))
        .route("/admin/account/totp/disable", post(disable))
        .route("/admin/account/totp/codes", post(new_codes))
        .route("/admin/account/sessions/{id}/revoke", post(revoke))
        .route("/admin/account/logout-others", post(log_out_others))
        .route("/admin/account/logout-all", post(log_out_everywhere))
}

async fn show(page: Page) -> Result<Response, Failure> {
    if page.signed.user().is_none() {
        return Ok(Redirect::to("/admin/setup").into_response());
    }
    draw(&page, StatusCode::OK, None).await
}

async fn draw(
    page: &Page,
    status: StatusCode,
    fault: Option<(Part, String)>,
) -> Result<Response, Failure> {
    let (console, visit) = (page.app.console(), &page.signed.visit);
    let host = host(page);
    let shown = SecurityPage {
        frame: page
            .frame("Account security", Room::Security)
            .with_styles(&["security.css"]),
        now: page.now(),
        state: console.security(visit).await?,
        pending: console
            .totp_pending(visit, host.as_deref())
            .await?
            .map(Pending::of),
        sessions: console.sessions(visit).await?,
        fault,
    };
    Ok(page.render_as(status, &shown))
}

/// The page again, with what went wrong at its form; what is not the visitor's doing is an error page.
async fn again(page: &Page, part: Part, error: ApiError) -> Result<Response, Failure> {
    if error.status == 401 || error.status >= 500 {
        return Err(error.into());
    }
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    draw(page, status, Some((part, sentence(&error)))).await
}

fn sentence(error: &ApiError) -> String {
    let field = error
        .extra
        .get("fields")
        .and_then(|fields| fields[0]["message"].as_str());
    format!("{}.", field.unwrap_or(&error.message))
}

/// The first password (a step of the first run), or another one.
async fn set_password(page: Page, headers: HeaderMap, form: Form) -> Result<Response, Failure> {
    let first = page.signed.user().is_none();
    let new = form.raw("password");
    let (console, visit) = (page.app.console(), &page.signed.visit);
    // Clients of the wire send the password alone.
    let result = if form.has("repeat") && form.raw("repeat") != new {
        Err((
            Part::Repeat,
            ApiError::new(400, "The two passwords are not the same"),
        ))
    } else {
        console
            .change_password(visit, form.has("current").then(|| form.raw("current")), new)
            .await
            .map_err(|error| (Part::Password, error))
    };
    match result {
        Ok(session) if first => Ok(go_on(&session, page.secure, "/admin/setup")),
        Ok(session) => {
            let said = "The password was changed. Every other session has ended.";
            let mut response = page.redirect(HERE, Flash::ok(said));
            keep(response.headers_mut(), &session, page.secure);
            Ok(response)
        }
        Err((_, error)) if first && error.status == 409 => {
            let crumb = page.frame("Login", Room::Elsewhere).crumb;
            let fault = "The password was set by somebody else meanwhile. Log in with it.";
            Ok(login_again(
                &page.app,
                &headers,
                crumb,
                HOME,
                StatusCode::CONFLICT,
                fault,
            ))
        }
        Err((_, error)) if first && error.status < 500 => {
            let frame = page.frame("First steps", Room::Elsewhere);
            let step =
                PasswordStep::new(&page.app, frame.theme, frame.crumb, Some(sentence(&error)));
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            Ok(rendered(status, &step))
        }
        Err((part, error)) => again(&page, part, error).await,
    }
}

async fn enrol(page: Page, form: Form) -> Result<Response, Failure> {
    let host = host(&page);
    match page
        .app
        .console()
        .totp_enrol(&page.signed.visit, form.raw("current"), host.as_deref())
        .await
    {
        Ok(_) => Ok(Redirect::to("/admin/account/security#two-step").into_response()),
        Err(error) => again(&page, Part::Enrol, error).await,
    }
}

async fn confirm(page: Page, form: Form) -> Result<Response, Failure> {
    let console = page.app.console();
    match console
        .totp_confirm(&page.signed.visit, form.text("code"))
        .await
    {
        Ok(codes) => Ok(show_codes(&page, codes)),
        Err(error) if error.status == 403 => {
            let words = "This code is wrong, or was used before. Wait for the next one";
            again(&page, Part::Code, ApiError::new(403, words)).await
        }
        Err(error) => again(&page, Part::Code, error).await,
    }
}

async fn disable(page: Page, form: Form) -> Result<Response, Failure> {
    let console = page.app.console();
    match console
        .totp_disable(&page.signed.visit, form.raw("current"))
        .await
    {
        Ok(()) => Ok(page.redirect(HERE, Flash::ok("Two-step login is off."))),
        Err(error) => again(&page, Part::Disable, error).await,
    }
}

async fn new_codes(page: Page, form: Form) -> Result<Response, Failure> {
    let console = page.app.console();
    match console
        .recovery_codes(&page.signed.visit, form.raw("current"))
        .await
    {
        Ok(codes) => Ok(show_codes(&page, codes)),
        Err(error) => again(&page, Part::Codes, error).await,
    }
}

fn show_codes(page: &Page, codes: Vec<String>) -> Response {
    page.render(&Codes {
        frame: page.frame("Recovery codes", Room::Security),
        codes,
    })
}

async fn revoke(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let visit = &page.signed.visit;
    let said = if page.app.console().revoke(visit, &id).await? {
        "The session has ended."
    } else {
        "That session had ended already."
    };
    Ok(page.redirect(HERE, Flash::ok(said)))
}

async fn log_out_others(page: Page) -> Result<Response, Failure> {
    let ended = page.app.console().revoke_others(&page.signed.visit).await?;
    let said = match ended {
        0 => "There was no other session.".to_owned(),
        1 => "One other session has ended.".to_owned(),
        more => format!("{more} other sessions have ended."),
    };
    Ok(page.redirect(HERE, Flash::ok(said)))
}

async fn log_out_everywhere(page: Page) -> Result<Response, Failure> {
    let (console, visit) = (page.app.console(), &page.signed.visit);
    console.revoke_others(visit).await?;
    console.logout(visit).await?;
    let mut response = Redirect::to("/admin/login").into_response();
    forget(response.headers_mut());
    Ok(response)
}

/// By which name the visitor knows this server, for the entry of the authenticator app.
fn host(page: &Page) -> Option<String> {
    let settings = page.app.settings();
    let address = settings.text("serviceUrl").unwrap_or(&page.origin);
    let host = url::Url::parse(address).ok()?.host_str()?.to_owned();
    Some(host)
}
