//! Making a route, changing it, trying its scripts.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use posthouse_app::{RouteTrial, RouteTrialResult, RouteView};
use posthouse_model::{ApiError, EventType, RouteId, Timestamp};

use super::{
    HERE, find,
    form::{Faults, RouteForm},
};
use crate::{
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Page, Room},
};

#[derive(Template)]
#[template(path = "webhooks/edit.html")]
struct Edit {
    frame: Frame,
    /// The route as it is stored; none for a new one.
    view: Option<RouteView>,
    form: RouteForm,
    faults: Faults,
    result: Option<RouteTrialResult>,
    /// A trial was asked for and refused.
    not_run: bool,
    events: &'static [EventType],
    now: Timestamp,
    /// Webhooks are switched on at all.
    on: bool,
}

impl Edit {
    /// Where the form goes.
    fn path(&self) -> String {
        match &self.view {
            Some(view) => format!("{HERE}/{}", view.route.id),
            None => format!("{HERE}/new"),
        }
    }

    /// The last failure, in words.
    fn failure(&self) -> Option<&str> {
        let flag = self.view.as_ref()?.route.webhook_error_flag.as_ref()?;
        flag["message"].as_str()
    }
}

struct Shown {
    status: StatusCode,
    form: RouteForm,
    faults: Faults,
    result: Option<RouteTrialResult>,
    not_run: bool,
}

impl Shown {
    fn of(form: RouteForm) -> Self {
        Self {
            status: StatusCode::OK,
            form,
            faults: Faults::default(),
            result: None,
            not_run: false,
        }
    }

    fn refused(form: RouteForm, error: &ApiError) -> Self {
        Self {
            status: StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST),
            faults: Faults::of(error),
            ..Self::of(form)
        }
    }
}

fn render(page: &Page, view: Option<RouteView>, shown: Shown) -> Response {
    let title = match &view {
        Some(view) => view.route.config.name.clone(),
        None => "New webhook route".to_owned(),
    };
    let edit = Edit {
        frame: page
            .frame(title, Room::Webhooks)
            .with_styles(&["webhooks.css"]),
        view,
        form: shown.form,
        faults: shown.faults,
        result: shown.result,
        not_run: shown.not_run,
        events: EventType::ALL,
        now: page.now(),
        on: page.app.settings().bool("webhooksEnabled"),
    };
    page.render_as(shown.status, &edit)
}

pub(super) async fn blank(page: Page) -> Response {
    render(&page, None, Shown::of(RouteForm::blank()))
}

pub(super) async fn show(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let view = find(&page, &id).await?;
    let form = RouteForm::stored(view.route.config.clone(), view.route.v);
    Ok(render(&page, Some(view), Shown::of(form)))
}

pub(super) async fn create(page: Page, form: Form) -> Response {
    let typed = RouteForm::typed(&form);
    if let Some(shown) = tried(&page, &form, &typed, None).await {
        return render(&page, None, shown);
    }
    match page.app.create_route(page.caller(), typed.config()).await {
        Ok(id) => {
            let flash = Flash::ok("The route is made. Events are offered to it from now on.");
            page.redirect(&format!("{HERE}/{id}"), flash)
        }
        Err(error) => render(&page, None, Shown::refused(typed, &error)),
    }
}

pub(super) async fn change(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let view = find(&page, &id).await?;
    let id = view.route.id.clone();
    let typed = RouteForm::typed(&form);
    if let Some(shown) = tried(&page, &form, &typed, Some(&id)).await {
        return Ok(render(&page, Some(view), shown));
    }
    let (caller, version) = (page.caller(), typed.version);
    let changed = page
        .app
        .change_route(caller, &id, version, typed.config())
        .await;
    match changed {
        Ok(()) => Ok(page.redirect(&format!("{HERE}/{id}"), Flash::ok("The route is changed."))),
        Err(error) => Ok(render(&page, Some(view), Shown::refused(typed, &error))),
    }
}

/// What a trial came to, if the form asks for one.
async fn tried(
    page: &Page,
    form: &Form,
    typed: &RouteForm,
    route: Option<&RouteId>,
) -> Option<Shown> {
    let send = match form.text("do") {
        "test" => false,
        "send" => true,
        _ => return None,
    };
    let trial = RouteTrial {
        route: route.cloned(),
        config: typed.config(),
        payload: typed.trial_payload(),
        send,
    };
    Some(match page.app.try_route(page.caller(), trial).await {
        Ok(result) => Shown {
            result: Some(result),
            ..Shown::of(typed.clone())
        },
        Err(error) => Shown {
            not_run: true,
            ..Shown::refused(typed.clone(), &error)
        },
    })
}
