//! One byte stream, plain or TLS.
//!
//! The TLS half drives a boxed [`rustls::ClientConnection`] itself. A ready-made wrapper keeps read and write buffers for life;
//! this one holds none of its own, so an idle connection costs what the TLS session itself needs.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ClientConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::error::NetError;
use crate::tls::TlsProfile;

/// The most that waits inside the TLS session to be sent, in bytes.
const TLS_BUFFER: usize = 16 * 1024;

/// A connection to a peer.
///
/// As with every buffered writer, what was written is only sure to be under way after a flush.
pub struct Stream {
    inner: Inner,
}

enum Inner {
    Plain(TcpStream),
    Tls(Tls),
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("peer", &self.tcp().peer_addr().ok())
            .field("tls", &self.is_tls())
            .finish()
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self {
            inner: Inner::Plain(tcp),
        }
    }
}

impl Stream {
    /// Whether the stream is encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self.inner, Inner::Tls(_))
    }

    /// The address at the other end: the proxy's, where there is one.
    ///
    /// # Errors
    /// The socket is no longer connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }

    /// Our own address.
    ///
    /// # Errors
    /// The socket is no longer connected.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }

    /// The negotiated TLS version, `TLSv1.2` or `TLSv1.3`; `None` on a plain stream.
    pub fn tls_version(&self) -> Option<&'static str> {
        match &self.inner {
            Inner::Plain(_) => None,
            Inner::Tls(tls) => match tls.session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
                Some(rustls::ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
                _ => None,
            },
        }
    }

    /// The application protocol agreed on in the TLS handshake (RFC 7301), if any.
    pub fn protocol(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::Plain(_) => None,
            Inner::Tls(tls) => tls.session.alpn_protocol(),
        }
    }

    /// Waits, without holding a buffer, until a read makes progress: data, end of stream or an error. TLS records that carry
    /// no data (tickets, key updates) are consumed on the way and do not end the wait.
    ///
    /// Cancel safe. There is no deadline: an idle wait belongs under the caller's own.
    ///
    /// # Errors
    /// The connection failed. The next read reports the same.
    pub async fn readable(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::Plain(tcp) => tcp.readable().await,
            Inner::Tls(tls) => std::future::poll_fn(|cx| tls.poll_plaintext(cx)).await,
        }
    }

    /// Starts TLS; on a stream that is TLS already (to a proxy) a second session runs inside the first. `host` is the name that is checked unless the profile names another.
    ///
    /// # Errors
    /// [`NetError::Tls`] when the handshake fails, [`NetError::Timeout`] when it does not end before `deadline`,
    /// [`NetError::TlsProfile`] when the profile is unusable.
    pub async fn start_tls(
        self,
        host: &str,
        profile: &TlsProfile,
        deadline: Duration,
    ) -> Result<Self, NetError> {
        let lower = match self.inner {
            Inner::Plain(tcp) => Lower::Tcp(tcp),
            Inner::Tls(tls) => Lower::Nested(Box::new(Self {
                inner: Inner::Tls(tls),
            })),
        };
        let config = profile.client_config()?;
        let name = profile.name_for(host)?;
        // Boxed: the handshake's state must not stay inside the future that later waits for mail.
        let handshake = Box::pin(async move {
            let session =
                ClientConnection::new(config, name).map_err(|error| tls_error(host, error))?;
            let mut tls = Tls::new(lower, session);
            std::future::poll_fn(|cx| tls.poll_handshake(cx))
                .await
                .map_err(|error| match error.kind() {
                    io::ErrorKind::InvalidData => tls_error(host, error),
                    // A cut line says nothing about TLS.
                    _ => NetError::Socket(error),
                })?;
            Ok(Self {
                inner: Inner::Tls(tls),
            })
        });
        match tokio::time::timeout(deadline, handshake).await {
            Ok(result) => result,
            Err(_) => Err(NetError::timeout(
                format!("TLS handshake with {host}"),
                deadline,
            )),
        }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match &self.inner {
            Inner::Plain(tcp) => tcp,
            Inner::Tls(tls) => tls.lower.tcp(),
        }
    }
}

fn tls_error(host: &str, error: impl std::fmt::Display) -> NetError {
    NetError::Tls {
        host: host.to_owned(),
        reason: error.to_string(),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Inner::Tls(tls) => tls.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Inner::Tls(tls) => tls.poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Inner::Tls(tls) => tls.poll_drain(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Inner::Tls(tls) => tls.poll_shutdown(cx),
        }
    }
}

/// What a TLS session runs over.
enum Lower {
    Tcp(TcpStream),
    /// TLS to a proxy, with another TLS session inside.
    Nested(Box<Stream>),
}

impl Lower {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
            Self::Nested(stream) => stream.tcp(),
        }
    }
}

/// Runs one poll function on whichever transport is below.
macro_rules! lower {
    ($lower:expr, $poll:ident $(, $argument:expr)*) => {
        match $lower {
            Lower::Tcp(tcp) => Pin::new(tcp).$poll($($argument),*),
            Lower::Nested(stream) => Pin::new(&mut **stream).$poll($($argument),*),
        }
    };
}

/// A TLS session and its transport.
struct Tls {
    session: Box<ClientConnection>,
    lower: Lower,
    /// Decrypted bytes that wait inside the session.
    plaintext: usize,
    /// The peer sent close_notify, or the socket ended.
    ended: bool,
    /// We sent close_notify.
    closing: bool,
}

impl Tls {
    fn new(lower: Lower, mut session: ClientConnection) -> Self {
        session.set_buffer_limit(Some(TLS_BUFFER));
        Self {
            session: Box::new(session),
            lower,
            plaintext: 0,
            ended: false,
            closing: false,
        }
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_drain(cx))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(self.poll_pump(cx))?;
        }
    }

    /// Takes one portion from the socket into the session.
    fn poll_pump(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut io = PollIo {
            lower: &mut self.lower,
            cx,
        };
        match self.session.read_tls(&mut io) {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        }
        match self.session.process_new_packets() {
            Ok(state) => {
                self.plaintext = state.plaintext_bytes_to_read();
                self.ended |= state.peer_has_closed();
            }
            Err(error) => {
                // Tell the peer why, as far as the socket takes it at once.
                self.drain_now();
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_plaintext(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.plaintext == 0 && !self.ended {
            self.drain_now();
            ready!(self.poll_pump(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_plaintext(cx))?;
        // A clean end reads 0 bytes; an end without close_notify is UnexpectedEof, as a cut line must not look like an end.
        let read = self.session.reader().read(buf.initialize_unfilled());
        match read {
            Ok(n) => {
                self.plaintext = self.plaintext.saturating_sub(n);
                buf.advance(n);
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.closing {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        loop {
            let taken = self.session.writer().write(buf)?;
            let drained = self.poll_drain(cx)?;
            if taken > 0 || buf.is_empty() {
                return Poll::Ready(Ok(taken));
            }
            ready!(drained);
        }
    }

    /// Sends what waits in the session.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let mut io = PollIo {
                lower: &mut self.lower,
                cx,
            };
            match self.session.write_tls(&mut io) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        lower!(&mut self.lower, poll_flush, cx)
    }

    /// Sends what the socket takes at once. Used by the reading side, which must not take the writer's place in the socket's
    /// waiting list; failures show up on the next read or write.
    fn drain_now(&mut self) {
        let Lower::Tcp(tcp) = &self.lower else {
            return; // The inner session's bytes go with the next write.
        };
        while self.session.wants_write() {
            match self.session.write_tls(&mut TryIo(tcp)) {
                Ok(n) if n > 0 => {}
                _ => return,
            }
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.session.send_close_notify();
            self.closing = true;
        }
        ready!(self.poll_drain(cx))?;
        match ready!(lower!(&mut self.lower, poll_shutdown, cx)) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            other => Poll::Ready(other),
        }
    }
}

/// The socket as the blocking traits that rustls takes; `WouldBlock` means the task has been registered to be woken.
struct PollIo<'a, 'b> {
    lower: &'a mut Lower,
    cx: &'a mut Context<'b>,
}

impl Read for PollIo<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        match lower!(&mut *self.lower, poll_read, self.cx, &mut buf) {
            Poll::Ready(result) => result.map(|()| buf.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for PollIo<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match lower!(&mut *self.lower, poll_write, self.cx, buf) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match lower!(&mut *self.lower, poll_write_vectored, self.cx, bufs) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The socket without waiting.
struct TryIo<'a>(&'a TcpStream);

impl Write for TryIo<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
