//! A stretch of the way between two mail servers: it names the client that a message comes from, and may change the message.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Longest line that is passed on whole, bytes.
const LINE: u64 = 1 << 20;

/// Hands SMTP connections on to a server that expects a line of the PROXY protocol, version 1. Stops when dropped.
pub struct MailRelay {
    addr: SocketAddr,
    way: Arc<Mutex<Way>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Way {
    to: SocketAddr,
    client: Ipv4Addr,
    change: Option<(String, String)>,
}

impl MailRelay {
    /// Listens on a free port of 127.0.0.1; the server at `to` takes connections for ones from `client`.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(to: SocketAddr, client: Ipv4Addr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("no free port");
        let addr = listener.local_addr().expect("a listener has an address");
        let way = Arc::new(Mutex::new(Way {
            to,
            client,
            change: None,
        }));
        let current = Arc::clone(&way);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let way = current
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                tokio::spawn(async move {
                    let _ = carry(stream, way).await;
                });
            }
        });
        Self { addr, way, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on the client is this one.
    pub fn come_from(&self, client: Ipv4Addr) {
        self.way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .client = client;
    }

    /// From now on `old` becomes `new` in each line of what the client says.
    pub fn change(&self, old: &str, new: &str) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.change = Some((old.to_owned(), new.to_owned()));
    }
}

impl Drop for MailRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, way: Way) -> io::Result<()> {
    let server = TcpStream::connect(way.to).await?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let named = format!("PROXY TCP4 {} 127.0.0.1 40000 25\r\n", way.client);
    to_server.write_all(named.as_bytes()).await?;
    let said = async {
        let mut lines = BufReader::new(from_client);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut lines).take(LINE).read_until(b'\n', &mut line).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            match (&way.change, std::str::from_utf8(&line)) {
                (Some((old, new)), Ok(text)) if text.contains(old.as_str()) => {
                    to_server
                        .write_all(text.replace(old, new).as_bytes())
                        .await?;
                }
                _ => to_server.write_all(&line).await?,
            }
        }
    };
    tokio::try_join!(said, async {
        copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    })?;
    Ok(())
}
