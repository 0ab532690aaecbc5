//! A small HTTP client for calls to a server under test: one connection per call, no TLS, no redirects.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::{
    answer_check,
    http::{self, Headers, Message},
};

/// Calls one server, with one access token or none. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    addr: SocketAddr,
    token: Option<String>,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Body, without transfer coding.
    pub body: Vec<u8>,
    headers: Headers,
    call: String,
}

impl Client {
    /// A client without a token.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, token: None }
    }

    /// The same server, called with this token as bearer.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            addr: self.addr,
            token: Some(token.to_owned()),
        }
    }

    /// `http://IP:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], None).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], None).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body).await
    }

    /// `PUT path` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.json("PUT", path, body).await
    }

    async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("Content-Type", "application/json")];
        self.request(method, path, &headers, Some(body.to_string().into_bytes()))
            .await
    }

    /// Any call, with headers of its own.
    ///
    /// # Panics
    /// When there is no whole answer; [`Self::try_request`] says why instead.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        match self.try_request(method, path, headers, body).await {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {path} at {}: {error}", self.addr),
        }
    }

    /// Any call, where no answer is a result too (a server that is killed, a connection that is cut).
    ///
    /// # Panics
    /// When the answer is not what the OpenAPI document says of it.
    ///
    /// # Errors
    /// No connection, a cut, something that is not HTTP, or no whole answer within 60 s.
    pub async fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> io::Result<Answer> {
        let exchange = self.exchange(method, path, headers, body);
        match tokio::time::timeout(Duration::from_secs(60), exchange).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "no whole answer within 60 s",
            )),
        }
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> io::Result<Answer> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.addr
        );
        let own = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if let Some(token) = self.token.as_deref().filter(|_| !own("authorization")) {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body
            .as_ref()
            .filter(|_| !own("content-length") && !own("transfer-encoding"))
        {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.as_deref().unwrap_or_default());

        let mut stream = BufReader::new(TcpStream::connect(self.addr).await?);
        // A server may answer (413, 401) and close before it has read the whole body: then writing fails, and the answer is there.
        let written = stream.write_all(&bytes).await;
        let message = loop {
            match read_response(&mut stream, method).await? {
                Some(message) if message.start.contains(" 100 ") => {}
                Some(message) => break message,
                None => {
                    written?;
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "closed without an answer",
                    ));
                }
            }
        };
        let status = message
            .start
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        let status = status
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, message.start.clone()))?;
        answer_check::check(method, path, status, &message.body);
        Ok(Answer {
            status,
            body: message.body,
            headers: message.headers,
            call: format!("{method} {path}"),
        })
    }
}

async fn read_response(
    stream: &mut BufReader<TcpStream>,
    method: &str,
) -> io::Result<Option<Message>> {
    let Some((start, headers)) = http::read_head(stream).await? else {
        return Ok(None);
    };
    let status = start.split(' ').nth(1).unwrap_or_default();
    let empty = method == "HEAD" || status.starts_with('1') || status == "204" || status == "304";
    let body = if empty {
        Vec::new()
    } else {
        http::read_body(stream, &headers, true).await?
    };
    Ok(Some(Message {
        start,
        headers,
        body,
    }))
}

impl Answer {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{} answered {} with no JSON ({error}): {}",
                self.call,
                self.status,
                self.text()
            )
        })
    }

    /// The JSON of an answer that must be a 200.
    ///
    /// # Panics
    /// With the whole answer when the status is another.
    pub fn ok(&self) -> Value {
        self.expect(200)
    }

    /// The JSON of an answer that must have this status.
    ///
    /// # Panics
    /// With the whole answer when the status is another.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "{} answered {}: {}",
            self.call,
            self.status,
            self.text()
        );
        self.json()
    }
}
