//! A server that follows a script.

use posthouse_imap::driver::Connection;
use posthouse_imap::{Options, Timeouts};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// One step of the server.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Waits for exactly this line of the client.
    Expect(&'static str),
    /// Waits for this many bytes and checks them.
    Body(&'static [u8]),
    /// Sends.
    Send(&'static str),
    /// Sends bytes.
    Raw(&'static [u8]),
    /// Waits.
    Pause(u64),
    /// Says nothing more, keeps the line open.
    Hang,
}

/// Deadlines short enough for tests.
pub fn options() -> Options {
    Options {
        timeouts: Timeouts {
            greeting: Duration::from_secs(2),
            command: Duration::from_millis(400),
            total: Duration::from_secs(5),
            closing: Duration::from_millis(400),
        },
        ..Options::default()
    }
}

/// Starts a server that follows the script and then hangs up.
pub fn serve(steps: Vec<Step>) -> DuplexStream {
    // Narrow, so that writing has to wait for reading.
    let (client, server) = tokio::io::duplex(64);
    tokio::spawn(follow(server, steps));
    client
}

async fn follow(mut io: DuplexStream, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Expect(expected) => {
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    match io.read_u8().await {
                        Ok(b) => line.push(b),
                        Err(_) => return,
                    }
                }
                let line = String::from_utf8_lossy(&line);
                if line.trim_end() != expected {
                    let answer = format!("* BYE script expected {expected:?}, got {line:?}\r\n");
                    let _ = io.write_all(answer.as_bytes()).await;
                    return;
                }
            }
            Step::Body(expected) => {
                let mut got = vec![0; expected.len()];
                if io.read_exact(&mut got).await.is_err() {
                    return;
                }
                if got != expected {
                    let _ = io.write_all(b"* BYE script expected other bytes\r\n").await;
                    return;
                }
            }
            Step::Send(text) => {
                if io.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Step::Raw(bytes) => {
                if io.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Step::Pause(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Hang => {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
    }
}

/// Opens a connection to a server that greets with `* {greeting} hi`.
pub async fn open(greeting: &str, steps: Vec<Step>) -> Connection<DuplexStream> {
    let line: &'static str = Box::leak(format!("* {greeting} hi\r\n").into_boxed_str());
    let mut all = vec![Step::Send(line)];
    all.extend(steps);
    Connection::open(serve(all), options()).await.unwrap()
}
