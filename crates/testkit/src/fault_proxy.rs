//! A TCP proxy on 127.0.0.1 that behaves like a bad network, switchable while connections are open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does with what passes. A change takes effect at the next piece of data, or at once where nothing was forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forwards everything at once.
    Pass,
    /// Forwards each piece this much later, in both directions.
    Delay(Duration),
    /// Closes a connection once this many bytes came from the server on it (whole connection, also before the switch).
    CutAfter(usize),
    /// Tells the client that the server has nothing more to say (FIN), and goes on forwarding what the client sends.
    HalfClose,
    /// Forwards what the server says byte by byte, with this pause after each.
    Dribble(Duration),
    /// Accepts and keeps connections but forwards nothing: the peer that vanished. What comes meanwhile is forwarded after the next switch.
    Blackhole,
    /// Closes each new connection at once; open ones go on.
    Refuse,
}

/// The proxy. Stops listening and drops its connections when dropped.
pub struct FaultProxy {
    addr: SocketAddr,
    mode: watch::Sender<Mode>,
    generation: Arc<watch::Sender<u64>>,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts on a free port before this server, in [`Mode::Pass`].
    ///
    /// # Panics
    /// When 127.0.0.1 has no free port.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("no free port on 127.0.0.1");
        let addr = listener.local_addr().expect("a listener has an address");
        let mode = watch::Sender::new(Mode::Pass);
        let generation = Arc::new(watch::Sender::new(0));
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = {
            let (modes, cuts, accepted, open) = (
                mode.subscribe(),
                Arc::clone(&generation),
                Arc::clone(&accepted),
                Arc::clone(&open),
            );
            tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    accepted.fetch_add(1, Ordering::SeqCst);
                    if *modes.borrow() == Mode::Refuse {
                        continue;
                    }
                    let (modes, mut cut, open) =
                        (modes.clone(), cuts.subscribe(), Arc::clone(&open));
                    tokio::spawn(async move {
                        open.fetch_add(1, Ordering::SeqCst);
                        tokio::select! {
                            _ = connection(client, server, modes) => {}
                            _ = cut.changed() => {}
                        }
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            })
        };
        Self {
            addr,
            mode,
            generation,
            accepted,
            open,
            task,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Switches all connections, open and to come.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Closes all open connections now.
    pub fn cut_all(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Connections accepted so far, refused ones included.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut_all();
    }
}

async fn connection(
    client: TcpStream,
    server: SocketAddr,
    modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(
        upwards(from_client, to_server, modes.clone()),
        downwards(from_server, to_client, modes)
    )
    .map(|_| ())
}

/// What the client says.
async fn upwards(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if let Mode::Delay(time) = unblocked(&mut modes).await {
            tokio::time::sleep(time).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

/// What the server says.
async fn downwards(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let (mut passed, mut half_closed) = (0, false);
    loop {
        if *modes.borrow_and_update() == Mode::HalfClose && !half_closed {
            half_closed = true;
            to.shutdown().await?;
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            changed = modes.changed() => {
                changed.map_err(|_| io::ErrorKind::ConnectionAborted)?;
                continue;
            }
        };
        let mode = unblocked(&mut modes).await;
        if read == 0 {
            return to.shutdown().await;
        }
        let mut piece = &buffer[..read];
        match mode {
            Mode::Delay(time) => tokio::time::sleep(time).await,
            Mode::CutAfter(limit) => {
                let left = limit.saturating_sub(passed);
                if piece.len() >= left {
                    piece = &piece[..left];
                    to.write_all(piece).await?;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
            Mode::Dribble(pause) => {
                for byte in piece {
                    to.write_all(&[*byte]).await?;
                    tokio::time::sleep(pause).await;
                }
                passed += piece.len();
                continue;
            }
            _ => {}
        }
        passed += piece.len();
        if !half_closed {
            to.write_all(piece).await?;
        }
    }
}

/// Waits while nothing may be forwarded.
async fn unblocked(modes: &mut watch::Receiver<Mode>) -> Mode {
    match modes.wait_for(|mode| *mode != Mode::Blackhole).await {
        Ok(mode) => *mode,
        // The proxy is gone, and so will be the connection.
        Err(_) => Mode::Pass,
    }
}
