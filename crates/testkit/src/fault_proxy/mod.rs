//! A TCP proxy on 127.0.0.1 that behaves like a bad network, switchable while connections are open.

mod lines;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::random::Random;
pub use lines::News;
use lines::{Idling, Lines};

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
    /// Flips one bit in about every so many bytes that the server says.
    Corrupt(usize),
    /// Leaves out news while the client idles. Only of a proxy that was started [plain](FaultProxy::start_plain).
    Forget(News),
}

/// The proxy. Stops listening and drops its connections when dropped.
pub struct FaultProxy {
    addr: SocketAddr,
    mode: watch::Sender<Mode>,
    generation: Arc<watch::Sender<u64>>,
    vanished: Arc<watch::Sender<u64>>,
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
        Self::listen(server, false).await
    }

    /// The same before an IMAP server that then seems to have no STARTTLS, so that the proxy sees lines.
    ///
    /// # Panics
    /// When 127.0.0.1 has no free port.
    pub async fn start_plain(server: SocketAddr) -> Self {
        Self::listen(server, true).await
    }

    async fn listen(server: SocketAddr, plain: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("no free port on 127.0.0.1");
        let addr = listener.local_addr().expect("a listener has an address");
        let mode = watch::Sender::new(Mode::Pass);
        let generation = Arc::new(watch::Sender::new(0));
        let vanished = Arc::new(watch::Sender::new(0));
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = {
            let modes = mode.subscribe();
            let (cuts, vanishings) = (Arc::clone(&generation), Arc::clone(&vanished));
            let (accepted, open) = (Arc::clone(&accepted), Arc::clone(&open));
            tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    let number = accepted.fetch_add(1, Ordering::SeqCst);
                    if *modes.borrow() == Mode::Refuse {
                        continue;
                    }
                    let connection = Connection {
                        modes: modes.clone(),
                        vanished: vanishings.subscribe(),
                        plain,
                        random: Random::new(number as u64),
                    };
                    let (mut cut, open) = (cuts.subscribe(), Arc::clone(&open));
                    tokio::spawn(async move {
                        open.fetch_add(1, Ordering::SeqCst);
                        tokio::select! {
                            _ = connection.run(client, server) => {}
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
            vanished,
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

    /// Makes all open connections half-open: the server is gone, and the client is not told. What it says is swallowed. New connections
    /// are as the mode says.
    pub fn vanish_all(&self) {
        self.vanished.send_modify(|number| *number += 1);
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

/// One connection through the proxy.
struct Connection {
    modes: watch::Receiver<Mode>,
    vanished: watch::Receiver<u64>,
    plain: bool,
    random: Random,
}

impl Connection {
    async fn run(self, client: TcpStream, server: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let idles = AtomicBool::new(false);
        let mut vanished = self.vanished;
        {
            let down = Down {
                modes: self.modes.clone(),
                lines: self.plain.then(Lines::default),
                random: self.random,
                idles: &idles,
            };
            let up = upwards(&mut from_client, to_server, self.modes, &idles);
            let both = async { tokio::try_join!(up, down.run(from_server, &mut to_client)) };
            tokio::select! {
                ended = both => return ended.map(|_| ()),
                _ = vanished.changed() => {}
            }
        }
        // The server is gone by now; the client is not told, so its side stays open as long as it likes.
        let mut buffer = vec![0; 16 * 1024];
        while from_client.read(&mut buffer).await? > 0 {}
        Ok(())
    }
}

/// What the client says.
async fn upwards(
    from: &mut OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
    idles: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let mut idling = Idling::default();
    loop {
        let read = from.read(&mut buffer).await?;
        if let Mode::Delay(time) = unblocked(&mut modes).await {
            tokio::time::sleep(time).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        if let Some(now) = idling.hear(&buffer[..read]) {
            idles.store(now, Ordering::SeqCst);
        }
        to.write_all(&buffer[..read]).await?;
    }
}

/// What the server says.
struct Down<'a> {
    modes: watch::Receiver<Mode>,
    lines: Option<Lines>,
    random: Random,
    idles: &'a AtomicBool,
}

impl Down<'_> {
    async fn run(mut self, mut from: OwnedReadHalf, to: &mut OwnedWriteHalf) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        let (mut passed, mut half_closed) = (0, false);
        loop {
            if *self.modes.borrow_and_update() == Mode::HalfClose && !half_closed {
                half_closed = true;
                to.shutdown().await?;
            }
            let read = tokio::select! {
                read = from.read(&mut buffer) => read?,
                changed = self.modes.changed() => {
                    changed.map_err(|_| io::ErrorKind::ConnectionAborted)?;
                    continue;
                }
            };
            let mode = unblocked(&mut self.modes).await;
            if read == 0 {
                return to.shutdown().await;
            }
            let piece = self.changed(&buffer[..read], mode);
            let mut piece = piece.as_slice();
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
                    passed += piece.len();
                    while let [byte, rest @ ..] = piece
                        && *self.modes.borrow() == mode
                    {
                        to.write_all(&[*byte]).await?;
                        tokio::time::sleep(pause).await;
                        piece = rest;
                    }
                    to.write_all(piece).await?;
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

    /// What becomes of this piece.
    fn changed(&mut self, piece: &[u8], mode: Mode) -> Vec<u8> {
        let mut piece = match &mut self.lines {
            Some(lines) => {
                let hide = match mode {
                    Mode::Forget(news) if self.idles.load(Ordering::SeqCst) => Some(news),
                    _ => None,
                };
                lines.pass(piece, hide)
            }
            None => piece.to_vec(),
        };
        if let Mode::Corrupt(every) = mode {
            for byte in &mut piece {
                if self.random.below(every) == 0 {
                    *byte ^= 1 << self.random.below(8);
                }
            }
        }
        piece
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
