//! A console on a fresh store, and a browser without a screen: cookies, forms, no scripts.

use std::{collections::BTreeMap, net::IpAddr, sync::Mutex, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use posthouse_app::{App, AppConfig, CallInput, ReplyBody, Visitor};
use posthouse_contract::{RawInput, operation};
use posthouse_model::{ApiError, Caller};
use posthouse_store::{Store, StoreConfig};
use serde_json::Value;
use tower::ServiceExt;
use url::form_urlencoded;

/// A browser on a console.
pub struct Console {
    pub app: App,
    router: Router,
    cookies: Mutex<BTreeMap<String, String>>,
    /// Address of the browser; of this machine unless changed.
    pub address: IpAddr,
    /// Host and port that the browser asks for.
    pub host: &'static str,
    folder: Option<tempfile::TempDir>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// Where it redirects to.
    pub fn location(&self) -> &str {
        self.headers
            .get(header::LOCATION)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The text, after the status was as expected.
    pub fn expect(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        &self.text
    }

    pub fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

impl Console {
    /// On a fresh embedded store; nobody has set a password, the browser runs on the same machine.
    pub async fn start() -> Self {
        Self::with(AppConfig::default()).await
    }

    pub async fn with(config: AppConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("web.db").display());
        let store = Store::open(StoreConfig::new(url.parse().unwrap()))
            .await
            .unwrap();
        let app = App::start(store, config).await.unwrap();
        let mut console = Self::on(app);
        console.folder = Some(folder);
        console
    }

    /// On an app that runs already.
    pub fn on(app: App) -> Self {
        Self {
            router: posthouse_web::router(app.clone()),
            app,
            cookies: Mutex::default(),
            address: IpAddr::from([127, 0, 0, 1]),
            host: "127.0.0.1:3000",
            folder: None,
        }
    }

    /// Calls an operation of the API with all rights.
    pub async fn call(
        &self,
        id: &str,
        path: &[(&str, &str)],
        body: Value,
    ) -> Result<Value, ApiError> {
        let operation = operation(id).unwrap();
        let path: Vec<_> = path
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let input = RawInput {
            path: &path,
            query: &[],
            header: &|_| None,
            body: (!body.is_null()).then_some(body),
        };
        let input = CallInput {
            valid: operation.validate(input).unwrap(),
            timeout: Duration::from_secs(10),
            idempotency_key: None,
            claimed: None,
            lifted: posthouse_app::Lifted::default(),
        };
        let reply = self.app.call(operation, &Caller::system(), input).await?;
        let ReplyBody::Json(json) = reply.body else {
            panic!("no JSON")
        };
        Ok(serde_json::from_slice(&json).unwrap())
    }

    /// Another browser on the same console.
    pub fn another(&self) -> Self {
        Self::on(self.app.clone())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    /// Sends a form as our own page would, with the crumb.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let crumb = self.crumb().await;
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("crumb", &crumb);
        body.extend_pairs(fields);
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body.finish()))
            .unwrap();
        self.send(request).await
    }

    /// Sends JSON as a script of ours would.
    pub async fn json(&self, path: &str, body: &Value) -> Answer {
        let crumb = self.crumb().await;
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-csrf-token", crumb)
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    /// The crumb of this browser, got from a page if need be.
    pub async fn crumb(&self) -> String {
        if self.cookie("crumb").is_none() {
            self.get("/").await;
        }
        self.cookie("crumb").unwrap()
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.lock().unwrap();
        cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Sends any request with the browser's cookies, and keeps those of the answer.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let cookies = {
            let cookies = self.cookies.lock().unwrap();
            let pairs: Vec<_> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            pairs.join("; ")
        };
        let headers = request.headers_mut();
        if !cookies.is_empty() && !headers.contains_key(header::COOKIE) {
            headers.insert(header::COOKIE, cookies.parse().unwrap());
        }
        if !headers.contains_key(header::HOST) {
            headers.insert(header::HOST, self.host.parse().unwrap());
        }
        let host = headers[header::HOST].to_str().unwrap().to_owned();
        request.extensions_mut().insert(Visitor {
            peer: self.address,
            address: self.address,
            proven: self.address,
            origin: format!("http://{host}"),
        });
        let head = request.method() == Method::HEAD;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all(header::SET_COOKIE) {
            let value = value.to_str().unwrap();
            let (pair, attributes) = value.split_once(';').unwrap_or((value, ""));
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if attributes.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = to_bytes(body, 16 << 20).await.unwrap();
        assert!(!head || bytes.is_empty());
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}
