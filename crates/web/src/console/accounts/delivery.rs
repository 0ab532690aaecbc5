//! A delivery test: a message is sent, waited for, and judged in plain words.

use askama::Template;
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use posthouse_model::ApiError;
use serde_json::{Map, Value, json};

use super::{
    Head,
    delivery_words::{self, Finding, Verdict},
    find,
    form::faults_of,
    path,
};
use crate::{
    console::faults::Faults,
    fail::Failure,
    form::Form,
    page::{Frame, Input, Page, Room},
};

/// Gateways that can be chosen from; more are named by their id over the API.
const GATEWAYS: &str = "200";

#[derive(Template)]
#[template(path = "accounts/delivery.html")]
struct Start {
    frame: Frame,
    head: Head,
    place: &'static str,
    to: String,
    gateway: String,
    gateways: Vec<(String, String)>,
    faults: Faults,
}

impl Start {
    fn is_chosen(&self, gateway: &str) -> bool {
        self.gateway == gateway
    }
}

#[derive(Template)]
#[template(path = "accounts/delivery_result.html")]
struct Shown {
    frame: Frame,
    head: Head,
    place: &'static str,
    id: String,
    outcome: Outcome,
}

impl Shown {
    fn is_pending(&self) -> bool {
        matches!(self.outcome, Outcome::Pending { .. })
    }
}

/// What is known of a test.
enum Outcome {
    /// It is under way; whether it has left the queue.
    Pending { sent: bool },
    /// It was not sent, or came back.
    Failed(String),
    /// It arrived.
    Arrived {
        verdict: Verdict,
        findings: Vec<Finding>,
        facts: Vec<(&'static str, String)>,
    },
}

pub(super) async fn ask(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, _) = find(&page, &id).await?;
    Ok(page.render(&start(&page, head).await?))
}

async fn start(page: &Page, head: Head) -> Result<Start, Failure> {
    let input = Input {
        query: &[("pageSize", GATEWAYS)],
        ..Input::default()
    };
    let listed = page.call("getV1Gateways", input).await?;
    let text = |gateway: &Value, key: &str| gateway[key].as_str().unwrap_or_default().to_owned();
    let gateways = listed["gateways"].as_array().into_iter().flatten();
    Ok(Start {
        frame: frame(page, &head),
        place: "delivery",
        to: String::new(),
        gateway: String::new(),
        gateways: gateways
            .map(|gateway| (text(gateway, "gateway"), text(gateway, "name")))
            .collect(),
        faults: Faults::default(),
        head,
    })
}

fn frame(page: &Page, head: &Head) -> Frame {
    page.frame(format!("Delivery test of {}", head.title), Room::Accounts)
        .with_scripts(&["accounts.js"])
        .with_styles(&["accounts.css"])
}

pub(super) async fn carry_out(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let (head, _) = find(&page, &id).await?;
    let mut body = Map::new();
    for key in ["to", "gateway"] {
        if let Some(value) = form.filled(key) {
            body.insert(key.to_owned(), json!(value.trim()));
        }
    }
    let input = Input {
        path: &[("account", head.id.as_str())],
        body: Some(body.into()),
        ..Input::default()
    };
    match page.call("postV1DeliverytestAccountAccount", input).await {
        Ok(answer) => {
            let test = answer["deliveryTest"].as_str().unwrap_or_default();
            let to = path(head.id.as_str(), &format!("/delivery-test/{test}"));
            Ok(Redirect::to(&to).into_response())
        }
        Err(error) => again(&page, head, &form, &error).await,
    }
}

async fn again(
    page: &Page,
    head: Head,
    form: &Form,
    error: &ApiError,
) -> Result<Response, Failure> {
    let mut ask = start(page, head).await?;
    ask.to = form.text("to").to_owned();
    ask.gateway = form.text("gateway").to_owned();
    ask.faults = faults_of(error);
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    Ok(page.render_as(status, &ask))
}

pub(super) async fn show(
    page: Page,
    Path((id, test)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let (head, _) = find(&page, &id).await?;
    let input = Input {
        path: &[("deliveryTest", &test)],
        ..Input::default()
    };
    let answer = page
        .call("getV1DeliverytestCheckDeliverytest", input)
        .await?;
    let outcome = match answer["status"].as_str() {
        Some("completed") => Outcome::Arrived {
            verdict: delivery_words::verdict(&answer),
            findings: delivery_words::findings(&answer),
            facts: delivery_words::facts(&answer),
        },
        Some("failed") => Outcome::Failed(answer["error"].as_str().unwrap_or_default().to_owned()),
        _ => Outcome::Pending {
            sent: answer["progress"] == "sent",
        },
    };
    Ok(page.render(&Shown {
        frame: frame(&page, &head),
        place: "delivery",
        id: test,
        outcome,
        head,
    }))
}
