//! As much of HTTP/1.1 (RFC 9112) as a test needs: reads a request or a response with its body.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// No test has a line or a body beyond this.
const LIMIT: usize = 256 * 1024 * 1024;

/// A request or a response.
pub(crate) struct Message {
    /// Request line or status line.
    pub start: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// In the order they came, names as they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers(pub Vec<(String, String)>);

impl Headers {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.get(name).is_some_and(|value| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        })
    }

    pub fn closes(&self) -> bool {
        self.has_token("connection", "close")
    }
}

/// Start line and headers; `None` when the peer closed before the first byte.
pub(crate) async fn read_head(
    reader: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<Option<(String, Headers)>> {
    let Some(start) = read_line(reader).await? else {
        return Ok(None);
    };
    let mut headers = Headers::default();
    loop {
        let line = read_line(reader).await?.ok_or_else(cut)?;
        if line.is_empty() {
            return Ok(Some((start, headers)));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
        headers.0.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// The body that the headers announce. `until_close`: without any announcement it goes on until the peer closes (responses only).
pub(crate) async fn read_body(
    reader: &mut (impl AsyncBufRead + Unpin),
    headers: &Headers,
    until_close: bool,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if headers.has_token("transfer-encoding", "chunked") {
        loop {
            let line = read_line(reader).await?.ok_or_else(cut)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| invalid(&line))?;
            if size == 0 {
                while !read_line(reader).await?.ok_or_else(cut)?.is_empty() {}
                return Ok(body);
            }
            read_exactly(reader, size, &mut body).await?;
            read_line(reader).await?;
        }
    }
    if let Some(length) = headers.get("content-length") {
        let length = length.parse().map_err(|_| invalid(length))?;
        read_exactly(reader, length, &mut body).await?;
    } else if until_close {
        reader.read_to_end(&mut body).await?;
    }
    Ok(body)
}

async fn read_exactly(
    reader: &mut (impl AsyncBufRead + Unpin),
    size: usize,
    into: &mut Vec<u8>,
) -> io::Result<()> {
    if into.len() + size > LIMIT {
        return Err(invalid("body too long"));
    }
    let start = into.len();
    into.resize(start + size, 0);
    reader.read_exact(&mut into[start..]).await?;
    Ok(())
}

async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(cut());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn cut() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the peer closed in the middle of a message",
    )
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not HTTP/1.1: {what:?}"),
    )
}
