//! The first event: waits for it and shows it.

use askama::Template;
use axum::{Json, response::Response};
use posthouse_app::RecentEvent;
use serde_json::{Value, json};

use super::{Step, Steps, to_password};
use crate::{
    fail::Failure,
    page::{Input, Page},
    show,
};

#[derive(Template)]
#[template(path = "setup/event.html")]
struct Wait {
    steps: Steps,
    event: Option<Shown>,
    /// Address of a mailbox that mail can be sent to.
    address: Option<String>,
    webhook: bool,
}

/// An event for reading.
struct Shown {
    name: String,
    account: String,
    about: Option<String>,
    created: String,
    ago: String,
    body: String,
    /// What became of the delivery, and whether that is good.
    delivery: (&'static str, String),
}

impl Shown {
    fn of(event: RecentEvent, page: &Page) -> Self {
        let delivery = match event.deliveries.first() {
            None => ("ok", "delivered".to_owned()),
            Some(delivery) if delivery.failed => ("bad", "given up".to_owned()),
            Some(delivery) => match &delivery.error {
                Some(error) => ("warn", format!("not delivered yet: {error}")),
                None => ("info", "on its way".to_owned()),
            },
        };
        Self {
            name: event.event.as_str().to_owned(),
            account: event.account.to_string(),
            about: event.about,
            created: event.created.to_string(),
            ago: show::relative(event.created, page.now()),
            body: event.excerpt,
            delivery,
        }
    }
}

pub(super) async fn show(page: Page) -> Result<Response, Failure> {
    if let Some(away) = to_password(&page) {
        return Ok(away);
    }
    let accounts = page
        .call(
            "getV1Accounts",
            Input {
                query: &[("pageSize", "1")],
                ..Input::default()
            },
        )
        .await?;
    let newest = page.app.recent_events(1).await?.into_iter().next();
    let steps = Steps::of(&page, Step::Event).await?;
    let step = Wait {
        event: newest.map(|event| Shown::of(event, &page)),
        address: accounts["accounts"][0]["email"].as_str().map(str::to_owned),
        webhook: steps.run.webhook,
        steps,
    };
    Ok(page.render(&step))
}

/// Whether there is an event, for the page's script.
pub(super) async fn look(page: Page) -> Result<Json<Value>, Failure> {
    let newest = page.app.recent_events(1).await?.into_iter().next();
    Ok(Json(json!({
        "event": newest.map(|event| event.event.as_str()),
    })))
}
