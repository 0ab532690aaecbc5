//! Waiting for something that another task or process does.

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Asks `probe` every 20 ms until it gives a value, and returns that.
///
/// # Panics
/// When it gave none within `limit`; `what` goes into the message.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A port of 127.0.0.1 that was free a moment ago. For child processes, which cannot be handed a listener.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("no free port on 127.0.0.1");
    listener
        .local_addr()
        .expect("a listener has an address")
        .port()
}
