//! Connections: taken, bounded in number and time, and brought to an end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::ServeOptions;
use crate::http::Client;
use crate::watched::Watched;

/// Most bytes of a request's line and headers.
const MAX_HEAD: usize = 64 << 10;
/// How long to wait where the system has no more sockets.
const NO_SOCKETS: Duration = Duration::from_millis(100);

/// What listens, and what it does with connections.
pub(super) struct Connections {
    listener: TcpListener,
    tls: Option<Arc<Watched<TlsAcceptor>>>,
    router: Router,
    http: http1::Builder,
    /// How long the beginning of a connection may take.
    patience: Duration,
    places: Arc<Semaphore>,
    graceful: GracefulShutdown,
}

impl Connections {
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<Arc<Watched<TlsAcceptor>>>,
        router: Router,
        options: &ServeOptions,
    ) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(options.header_timeout).max_buf_size(MAX_HEAD);
        let places = Arc::new(Semaphore::new(options.connections));
        let graceful = GracefulShutdown::new();
        Self { listener, tls, router, http, patience: options.header_timeout, places, graceful }
    }

    /// Takes connections until something else is done; nobody can connect afterwards.
    pub(super) async fn accept_until(self, done: impl Future<Output = ()>) -> Open {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                () = &mut done => break,
                () = self.accept() => {}
            }
        }
        Open(self.graceful)
    }

    async fn accept(&self) {
        let Ok(place) = self.places.clone().acquire_owned().await else { return };
        match self.listener.accept().await {
            Ok((stream, client)) => self.open(stream, client, place),
            // A client that has gone already, or no sockets left: the next may be there later.
            Err(_) => tokio::time::sleep(NO_SOCKETS).await,
        }
    }

    fn open(&self, stream: TcpStream, client: SocketAddr, place: OwnedSemaphorePermit) {
        // Answers are written at once: there is nothing to gather them with.
        let _ = stream.set_nodelay(true);
        let routes = (self.router.clone(), client);
        let (http, watcher, patience) = (self.http.clone(), self.graceful.watcher(), self.patience);
        let tls = self.tls.as_ref().map(|tls| tls.get());
        tokio::spawn(async move {
            let _place = place;
            let Some(tls) = tls else { return serve(http, stream, routes, watcher).await };
            if let Ok(Ok(stream)) = tokio::time::timeout(patience, tls.accept(stream)).await {
                serve(http, stream, routes, watcher).await;
            }
        });
    }
}

/// Answers a connection's requests until it ends.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    http: http1::Builder,
    stream: S,
    (router, client): (Router, SocketAddr),
    watcher: Watcher,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Client(client));
        router.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // What ends a connection early is its client's affair: the request's line in the log says what became of it.
    let _ = watcher.watch(connection).await;
}

/// Connections that are still open.
pub(super) struct Open(GracefulShutdown);

impl Open {
    /// Waits until what has begun is answered, but not longer than that.
    pub(super) async fn finish(self, grace: Duration) {
        // What is left is cut off.
        let _ = tokio::time::timeout(grace, self.0.shutdown()).await;
    }
}
