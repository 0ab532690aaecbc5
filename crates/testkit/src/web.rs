//! A web server for documents: by host, path and method, over any stream.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::http;

/// A document or another answer.
#[derive(Clone, Debug)]
pub struct Page {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
    delay: Duration,
}

impl Page {
    /// 200 with this body.
    #[must_use]
    pub fn of(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            location: None,
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self {
            status,
            location: Some(location.to_owned()),
            ..Self::of("")
        }
    }

    /// Any status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The answer starts this much later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A request that arrived whole.
#[derive(Clone, Debug)]
pub struct WebRequest {
    /// In upper case.
    pub method: String,
    /// From the `Host` field, without the port.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The whole head, as it came.
    pub head: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The pages and what was asked of them. Handles share both.
#[derive(Clone, Default)]
pub struct Website(Arc<Site>);

#[derive(Default)]
struct Site {
    /// By method, host and path.
    pages: Mutex<HashMap<(String, String, String), Page>>,
    requests: Mutex<Vec<WebRequest>>,
}

/// A website that listens. Stops when dropped.
pub struct WebServer {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Website {
    /// Puts a page up, over what was there. The path comes without its query.
    pub fn put(&self, method: &str, host: &str, path: &str, page: Page) {
        let key = (method.to_owned(), host.to_owned(), path.to_owned());
        lock(&self.0.pages).insert(key, page);
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<WebRequest> {
        lock(&self.0.requests).clone()
    }

    /// Listens for plain HTTP on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn listen(&self) -> WebServer {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("no free port");
        let addr = listener.local_addr().expect("a listener has an address");
        let site = self.clone();
        let task = tokio::spawn(async move {
            // Dropped with this task: a server that is away does not go on answering over connections that clients keep.
            let mut visits = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let site = site.clone();
                visits.spawn(async move {
                    let _ = site.serve(stream).await;
                });
            }
        });
        WebServer { addr, task }
    }

    /// Answers on one connection until its peer closes.
    ///
    /// # Errors
    /// The connection fails, or what comes is not HTTP/1.1.
    pub async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some((start, head)) = http::read_head(&mut stream).await? {
            let body = http::read_body(&mut stream, &head, false).await?;
            let mut words = start.split(' ');
            let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let host = head.get("host").unwrap_or_default();
            let host = host.split(':').next().unwrap_or_default();
            let request = WebRequest {
                method: method.to_owned(),
                host: host.to_owned(),
                path: path.to_owned(),
                head: head.0.clone(),
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            let bare = path.split('?').next().unwrap_or_default();
            let key = (method.to_owned(), host.to_owned(), bare.to_owned());
            lock(&self.0.requests).push(request);
            let page = lock(&self.0.pages).get(&key).cloned();
            let page = page.unwrap_or_else(|| Page::of("nothing here").status(404));
            tokio::time::sleep(page.delay).await;
            let location = page.location.map(|to| format!("Location: {to}\r\n"));
            let answer = format!(
                "HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n{}\r\n",
                page.status,
                page.body.len(),
                location.unwrap_or_default()
            );
            stream.write_all(answer.as_bytes()).await?;
            stream.write_all(&page.body).await?;
            stream.flush().await?;
        }
        Ok(())
    }
}

impl WebServer {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
