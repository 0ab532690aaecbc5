//! A proxy that works: SOCKS4, SOCKS4a, SOCKS5 (RFC 1928, 1929) and HTTP CONNECT on one port, told apart by the first byte.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A way that the proxy was asked to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// `socks4`, `socks4a`, `socks5` or `http`.
    pub kind: &'static str,
    /// Host and port, the host as it was given: a name or an address.
    pub target: String,
    /// `user:password`, or the user alone with SOCKS4.
    pub credentials: Option<String>,
    /// Where the client came from.
    pub client: SocketAddr,
}

/// The proxy. Stops when dropped; ways that are open stay open.
pub struct ProxyServer {
    addr: SocketAddr,
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<()>,
}

impl ProxyServer {
    /// Listens on a free port of 127.0.0.1. With `credentials` (`user:password`) it lets nobody through who has others; of
    /// SOCKS4, which knows no passwords, it wants the user.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(credentials: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("no free port");
        let addr = listener.local_addr().expect("a listener has an address");
        let visits: Arc<Mutex<Vec<Visit>>> = Arc::default();
        let book = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            while let Ok((stream, client)) = listener.accept().await {
                let book = Arc::clone(&book);
                tokio::spawn(async move {
                    let _ = serve(stream, client, credentials, &book).await;
                });
            }
        });
        Self { addr, visits, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The ways that were asked for so far, refused ones too.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        self.visits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    wanted: Option<&str>,
    book: &Mutex<Vec<Visit>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let first = stream.read_u8().await?;
    let (kind, target, credentials) = match first {
        4 => socks4(&mut stream).await?,
        5 => socks5(&mut stream, wanted.is_some()).await?,
        _ => http(&mut stream).await?,
    };
    let admitted = match (wanted, kind) {
        (None, _) => true,
        (Some(wanted), "socks4" | "socks4a") => credentials.as_deref() == wanted.split(':').next(),
        (Some(wanted), _) => credentials.as_deref() == Some(wanted),
    };
    let visit = Visit {
        kind,
        target,
        credentials,
        client,
    };
    let target = visit.target.clone();
    book.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(visit);
    let upstream = if admitted {
        TcpStream::connect(target).await.ok()
    } else {
        None
    };
    let (yes, no): (&[u8], &[u8]) = match kind {
        "http" => (b"HTTP/1.1 200 Open\r\n\r\n", b"HTTP/1.1 407 No\r\n\r\n"),
        "socks5" => (
            &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0],
        ),
        _ => (&[0, 90, 0, 0, 0, 0, 0, 0], &[0, 91, 0, 0, 0, 0, 0, 0]),
    };
    let Some(mut upstream) = upstream else {
        return stream.write_all(no).await;
    };
    stream.write_all(yes).await?;
    copy_bidirectional(&mut stream, &mut upstream)
        .await
        .map(drop)
}

type Asked = (&'static str, String, Option<String>);

async fn socks4(stream: &mut BufReader<TcpStream>) -> io::Result<Asked> {
    if stream.read_u8().await? != 1 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let port = stream.read_u16().await?;
    let address = Ipv4Addr::from(stream.read_u32().await?);
    let user = until_nul(stream).await?;
    let user = (!user.is_empty()).then_some(user);
    // 0.0.0.x says that a name follows.
    let [a, b, c, d] = address.octets();
    if [a, b, c] == [0, 0, 0] && d != 0 {
        let name = until_nul(stream).await?;
        return Ok(("socks4a", format!("{name}:{port}"), user));
    }
    Ok(("socks4", format!("{address}:{port}"), user))
}

async fn until_nul(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = Vec::new();
    stream.read_until(0, &mut text).await?;
    text.pop();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn socks5(stream: &mut BufReader<TcpStream>, with_password: bool) -> io::Result<Asked> {
    let methods = short(stream).await?;
    let method = u8::from(with_password) * 2;
    if !methods.contains(&method) {
        stream.write_all(&[5, 255]).await?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.write_all(&[5, method]).await?;
    let mut credentials = None;
    if with_password {
        stream.read_u8().await?;
        let (user, password) = (short(stream).await?, short(stream).await?);
        let (user, password) = (
            String::from_utf8_lossy(&user),
            String::from_utf8_lossy(&password),
        );
        credentials = Some(format!("{user}:{password}"));
        // Whether they are the right ones shows in the answer to the request.
        stream.write_all(&[1, 0]).await?;
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => Ipv4Addr::from(stream.read_u32().await?).to_string(),
        3 => String::from_utf8_lossy(&short(stream).await?).into_owned(),
        _ => format!("[{}]", Ipv6Addr::from(stream.read_u128().await?)),
    };
    let port = stream.read_u16().await?;
    Ok(("socks5", format!("{host}:{port}"), credentials))
}

/// Bytes after a byte that says how many.
async fn short(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn http(stream: &mut BufReader<TcpStream>) -> io::Result<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut credentials = None;
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("proxy-authorization") {
            let token = value.strip_prefix("Basic ").unwrap_or_default();
            let bytes = BASE64_STANDARD.decode(token).unwrap_or_default();
            credentials = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(("http", target, credentials))
}
