//! The listener: limits, deadlines, drain.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use posthouse_app::App;
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ApiConfig,
    pipeline::{Pipeline, adapt},
};

/// How long accepting pauses when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound listener that serves the API.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Listens on an address; nothing is answered before [`Self::serve`].
    ///
    /// # Errors
    /// The address is taken, or not one of this machine.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` is cancelled; then stops accepting, lets requests in flight finish for
    /// [`ApiConfig::drain`], cuts what is left and returns. `pages` answers what the API does not claim; its
    /// requests carry a [`Visitor`](posthouse_app::Visitor).
    pub async fn serve(
        self,
        app: App,
        config: ApiConfig,
        pages: Router,
        shutdown: CancellationToken,
    ) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            // hyper wants at least 8 KiB.
            .max_buf_size(config.max_header_size.max(8192));
        let slots = Arc::new(Semaphore::new(
            config.max_connections.min(Semaphore::MAX_PERMITS),
        ));
        let drain = config.drain;
        let pipeline = Pipeline::new(app.clone(), config, pages);
        let graceful = GracefulShutdown::new();
        let cut = CancellationToken::new();

        loop {
            let slot = tokio::select! {
                () = shutdown.cancelled() => break,
                slot = Arc::clone(&slots).acquire_owned() => slot,
            };
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Of one connection, or of all: then the system needs a moment.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                    }
                }
            };
            let connection = connect(&http, pipeline.clone(), stream, peer);
            let connection = graceful.watch(connection);
            let cut = cut.clone();
            tokio::spawn(async move {
                tokio::select! {
                    result = connection => if let Err(error) = result {
                        tracing::debug!(%error, %peer, "a connection ended early");
                    },
                    () = cut.cancelled() => {}
                }
                drop(slot);
            });
        }

        drop(self.listener);
        // Nobody waits for streams that never end by themselves.
        app.close_streams();
        let open = graceful.count();
        let start = Instant::now();
        if tokio::time::timeout(drain, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests were cut: they did not finish within {drain:?}");
        }
        cut.cancel();
        tracing::debug!(
            connections = open,
            ms = start.elapsed().as_millis(),
            "drained"
        );
    }
}

fn connect(
    http: &http1::Builder,
    pipeline: Pipeline,
    stream: TcpStream,
    peer: SocketAddr,
) -> http1::Connection<
    TokioIo<TcpStream>,
    impl hyper::service::Service<
        hyper::Request<hyper::body::Incoming>,
        Response = axum::response::Response,
        Error = Infallible,
        Future: Send,
    > + use<>,
> {
    // Answers go out in one piece anyway; a failure costs a little time, nothing else.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let pipeline = pipeline.clone();
        async move { Ok::<_, Infallible>(pipeline.answer(peer.ip(), adapt(request)).await) }
    });
    http.serve_connection(TokioIo::new(stream), service)
}
