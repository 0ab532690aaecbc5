//! What an idle connection costs: opens many, lets them all wait in IDLE, prints memory per
//! connection. `cargo run -p posthouse-imap --example idle_memory -- 127.0.0.1:3143 1000 [tls]`
//! against a server that takes any user with the password `pass`.

use std::time::Duration;

use posthouse_imap::{Connection, Options};
use posthouse_net::{Stream, TlsProfile};
use tokio::net::TcpStream;
use tokio::time::Instant;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:3143".into());
    let count: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let tls = args.next().as_deref() == Some("tls");
    // One first, so that what every process needs once is not counted.
    let first = Box::pin(open(&address, 0, tls)).await?;
    tokio::spawn(watch(first));
    let before = resident()?;
    for n in 1..=count {
        let connection = Box::pin(open(&address, n, tls)).await?;
        tokio::spawn(watch(connection));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = resident()?;
    let each = after.saturating_sub(before) / count as u64;
    println!(
        "{count} idle connections (tls: {tls}): {each} bytes resident each ({before} -> {after})"
    );
    Ok(())
}

async fn open(address: &str, n: usize, tls: bool) -> Result<Connection<Stream>, Failure> {
    let io = Stream::from(TcpStream::connect(address).await?);
    let mut connection = Connection::open(io, Options::default()).await?;
    if tls {
        let profile = TlsProfile::insecure();
        let limit = Duration::from_secs(30);
        connection = connection
            .starttls(async |s: Stream| s.start_tls("localhost", &profile, limit).await)
            .await?;
    }
    connection.login(&format!("idle{n}"), "pass").await?;
    connection.select("INBOX", true).await?;
    connection.idle_start().await?;
    Ok(connection)
}

async fn watch(mut connection: Connection<Stream>) {
    loop {
        let until = Instant::now() + Duration::from_secs(540);
        if connection.idle_wait(until).await.is_err() {
            return;
        }
    }
}

fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    let kib: u64 = line
        .and_then(|l| l.split_ascii_whitespace().nth(1))
        .ok_or("no VmRSS")?
        .parse()?;
    Ok(kib * 1024)
}
