//! HTTP/2 where the server speaks it, over one connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use posthouse_net::EgressClient;
use posthouse_net::http::ClientOptions;
use tokio::net::TcpListener;

use crate::certs::{Authority, with_protocols};
use crate::http::post;

/// Answers with the version and the length of the request.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = match request.version() {
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    let length = request
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .len();
    Ok(Response::new(Full::from(format!("{version} {length}"))))
}

/// A server over TLS; its port and the connections it has had.
async fn server(authority: &Authority) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = authority.acceptor.clone();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let tls = TokioIo::new(acceptor.accept(tcp).await.unwrap());
                let served = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                served.serve_connection(tls, service_fn(answer)).await.ok();
            });
        }
    });
    (port, connections)
}

#[tokio::test]
async fn the_best_protocol_that_both_speak_is_taken_and_one_connection_of_http_2_carries_all() {
    for (offered, expected) in [
        (&["h2", "http/1.1"][..], "2 6"),
        (&["http/1.1"], "1.1 6"),
        (&[], "1.1 6"),
    ] {
        let authority = with_protocols(offered);
        let (port, connections) = server(&authority).await;
        let client = EgressClient::new(ClientOptions {
            tls: authority.profile.clone(),
            max_idle_per_host: 16,
            ..ClientOptions::default()
        })
        .unwrap();
        let url = format!("https://localhost:{port}/");
        let first = post(&client, &url).await.unwrap();
        assert_eq!(&first.body_head[..], expected.as_bytes());
        let all = (0..8).map(|_| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move { post(&client, &url).await.unwrap() })
        });
        for task in all.collect::<Vec<_>>() {
            assert_eq!(&task.await.unwrap().body_head[..], expected.as_bytes());
        }
        let made = connections.load(Ordering::SeqCst);
        assert_eq!(made == 1, expected.starts_with("2 "), "{offered:?}: {made}");
    }
}
