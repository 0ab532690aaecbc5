//! An IMAP server for measuring clients with very many accounts: every user exists, with some folders and a few messages, in memory.
//!
//! `imap-stub [--listen 127.0.0.1:3144] [--messages 3] [--plain]`
//!
//! It speaks what a client that follows mailboxes needs: LOGIN and PLAIN (any password), LIST with SPECIAL-USE and STATUS, SELECT, FETCH,
//! SEARCH, STORE, APPEND, COPY, MOVE, EXPUNGE, IDLE, UIDPLUS, and CONDSTORE unless `--plain`. An idle connection holds no buffer.
//! It is no model of a real server: use Dovecot and Cyrus to find out what is right.
#![allow(clippy::expect_used, clippy::panic)]

mod fetch;
mod mailbox;
mod messages;
mod parse;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;

use mailbox::Store;
use tokio::net::TcpListener;

fn main() {
    let mut listen = "127.0.0.1:3144".to_owned();
    let (mut messages, mut condstore) = (3, true);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{word} needs a value"))
        };
        match word.as_str() {
            "--listen" => listen = value(),
            "--messages" => messages = value().parse().expect("--messages needs a number"),
            "--plain" => condstore = false,
            other => panic!("unknown option {other}"),
        }
    }
    let addr: SocketAddr = listen.parse().expect("--listen needs IP:PORT");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("no runtime")
        .block_on(serve(addr, Store::new(messages, condstore)));
}

async fn serve(addr: SocketAddr, store: Store) {
    let listener = TcpListener::bind(addr)
        .await
        .unwrap_or_else(|error| panic!("{addr}: {error}"));
    println!(
        "{}",
        listener.local_addr().expect("a listener has an address")
    );
    let store = Arc::new(store);
    loop {
        // Out of file descriptors: those that are open go on.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let store = Arc::clone(&store);
        // An error is the end of a connection, whatever it was.
        tokio::spawn(async move { session::run(stream, store).await.ok() });
    }
}
