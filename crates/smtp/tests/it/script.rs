//! A server that follows a script.

use std::sync::Arc;
use std::time::Duration;

use posthouse_net::tls::provider;
use posthouse_net::{Dial, Security, TlsProfile};
use posthouse_smtp::{ConnectOptions, Envelope, Session, SmtpError, Timeouts};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub enum Step {
    /// Sends this, adding the last line end.
    Say(&'static str),
    /// Reads a line that must be this.
    Hear(&'static str),
    /// Reads a message up to its final dot.
    Message,
    /// Reads this many bytes of a message.
    Part(usize),
    /// Starts TLS.
    Tls,
    /// Sends nothing and waits for the client to leave.
    Stall,
    /// Reads and sends nothing for a while.
    Deaf,
    /// Closes the connection at once, whatever is unread.
    Cut,
}
pub use Step::{Cut, Deaf, Hear, Message, Part, Say, Stall, Tls};

/// What the server received in `Message` and, after the script's end, until the client left.
#[derive(Debug, Default)]
pub struct Heard {
    pub message: Vec<u8>,
    pub rest: Vec<u8>,
}

pub struct Server {
    pub port: u16,
    pub heard: JoinHandle<Heard>,
}

trait Both: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Both for T {}

/// Plays the script for one client, then closes the connection.
pub async fn serve(script: Vec<Step>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut line = String::new();
        let mut stream: BufReader<Box<dyn Both>> = BufReader::new(Box::new(tcp));
        let mut heard = Heard::default();
        for step in script {
            match step {
                Say(text) => {
                    stream
                        .write_all(format!("{text}\r\n").as_bytes())
                        .await
                        .unwrap();
                    stream.flush().await.unwrap();
                }
                Hear(expected) => {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                    assert_eq!(line, format!("{expected}\r\n"));
                }
                Message => {
                    while !heard.message.ends_with(b"\r\n.\r\n") && heard.message != b".\r\n" {
                        let n = stream.read_until(b'\n', &mut heard.message).await.unwrap();
                        assert!(n > 0, "the client left inside the message");
                    }
                }
                Part(length) => {
                    let mut part = vec![0; length];
                    stream.read_exact(&mut part).await.unwrap();
                    heard.message.extend(part);
                }
                Tls => {
                    let tls = acceptor().accept(stream.into_inner()).await.unwrap();
                    stream = BufReader::new(Box::new(tls));
                }
                Deaf => tokio::time::sleep(Duration::from_secs(3)).await,
                Cut => return heard,
                Stall => {
                    stream.read_to_end(&mut heard.rest).await.ok();
                    return heard;
                }
            }
        }
        // A closed socket with unread input resets the connection and may destroy the last answer: read, but briefly.
        let leave = stream.read_to_end(&mut heard.rest);
        tokio::time::timeout(Duration::from_millis(50), leave)
            .await
            .ok();
        heard
    });
    Server { port, heard }
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der())),
        )
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

pub fn options(port: u16) -> ConnectOptions {
    let dial = Dial {
        tls: TlsProfile::insecure(),
        deadline: Duration::from_secs(5),
        ..Dial::new("127.0.0.1", port, Security::Plain)
    };
    ConnectOptions {
        timeouts: Timeouts::all(Duration::from_secs(1)),
        ..ConnectOptions::new(dial, "me.example")
    }
}

pub async fn connect(server: &Server) -> Result<Session, SmtpError> {
    Session::connect(&options(server.port)).await
}

/// Greeting and EHLO with these extensions, then `more`.
pub async fn serve_after(ehlo: &'static str, more: Vec<Step>) -> Server {
    let mut script = vec![Say("220 hi"), Hear("EHLO me.example"), Say(ehlo)];
    script.extend(more);
    serve(script).await
}

pub async fn session(ehlo: &'static str, more: Vec<Step>) -> (Session, Server) {
    let server = serve_after(ehlo, more).await;
    (connect(&server).await.unwrap(), server)
}

pub fn envelope(to: &[&str]) -> Envelope {
    Envelope {
        from: "me@example.com".into(),
        to: to.iter().map(|&address| address.into()).collect(),
        ..Envelope::default()
    }
}
