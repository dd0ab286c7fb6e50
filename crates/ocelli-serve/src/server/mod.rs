//! The server: sockets, threads, the beginning and the end.

mod connections;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::engine::{Registry, Shared};
use crate::http::{App, Places, router};
use crate::metrics::Metrics;
use crate::security::{Keys, acceptor};
use crate::watched::Watched;
use crate::{ServeError, ServeOptions, TlsFiles, log};
use connections::Connections;

/// Threads that wait for sockets: they decode nothing and run no network.
const WAITING_THREADS: usize = 2;

/// How long a thread that has nothing to decode waits for more.
const KEPT: Duration = Duration::from_secs(3600);

/// How often a body is held at the most: JSON, its texts, and what they stand for.
const TIMES: usize = 3;

/// A server that answers, until it is stopped. One that is dropped stops at once.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    address: SocketAddr,
    is_tls: bool,
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Server {
    /// Loads the models, listens, and begins to answer.
    ///
    /// # Errors
    /// A model cannot be loaded, an option cannot be, a file of keys or certificates cannot be used, or the address is taken.
    pub fn start(options: ServeOptions) -> Result<Self, ServeError> {
        check(&options)?;
        let keys = options.keys.clone().map(watched_keys).transpose()?;
        let tls = options.tls.clone().map(watched_tls).transpose()?.map(Arc::new);
        let places = Places::new(&options.fetch)?;
        let metrics = Arc::new(Metrics::new());
        let shared = Shared::new(&options, metrics.clone())
            .map_err(|error| ServeError::Threads(std::io::Error::other(error)))?;
        let registry = Registry::load(&options.models, shared)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WAITING_THREADS)
            .thread_name("serve")
            // Those that decode stay: what a thread had of memory is not all given back when it ends.
            .thread_keep_alive(KEPT)
            .enable_all()
            .build()
            .map_err(ServeError::Threads)?;
        let address = options.address;
        let cannot = |source| ServeError::Listen { address, source };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let app = Arc::new(App {
            registry,
            metrics,
            keys,
            places,
            requests: Arc::new(Semaphore::new(options.concurrency)),
            room: Arc::new(Semaphore::new(options.max_bodies)),
            stopping: AtomicBool::new(false),
            options,
        });
        let is_tls = tls.is_some();
        let connections = Connections::new(listener, tls.clone(), router(app.clone())?, &app.options);
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        runtime.spawn(reload(app.clone(), tls));
        runtime.spawn(async move {
            serve(app, connections, stopped).await;
            // Nobody may be waiting.
            let _ = end.send(());
        });
        Ok(Self { runtime, address, is_tls, stop, ended })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, for a browser.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Stops: `/readyz` says so at once; for [`ServeOptions::drain`] requests are still taken, then no more; those that have begun are
    /// answered, as long as [`ServeOptions::grace`] lets them.
    pub fn stop(self) {
        // Both fail only where the server has ended by itself.
        let _ = self.stop.send(());
        let _ = self.runtime.block_on(self.ended);
        self.runtime.shutdown_timeout(Duration::ZERO);
    }

    /// Answers until Ctrl-C or SIGTERM, then stops as [`stop`](Server::stop) does.
    ///
    /// # Errors
    /// Signals cannot be listened to.
    pub fn run_until_signal(self) -> Result<(), ServeError> {
        self.runtime.block_on(signal()).map_err(ServeError::Threads)?;
        log::line("info", "stopping", serde_json::json!({}));
        self.stop();
        Ok(())
    }
}

/// Waits for Ctrl-C, or SIGTERM where there is one.
async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix;
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

async fn serve(app: Arc<App>, connections: Connections, stopped: oneshot::Receiver<()>) {
    let (drain, grace) = (app.options.drain, app.options.grace);
    let draining = async {
        // A server that is dropped without a stop has nothing to wait for either.
        if stopped.await.is_ok() {
            app.stopping.store(true, Ordering::Relaxed);
            tokio::time::sleep(drain).await;
        }
    };
    connections.accept_until(draining).await.finish(grace).await;
}

fn watched_keys(path: PathBuf) -> Result<Watched<Keys>, ServeError> {
    Watched::new("keys", &[&path.clone()], move || Keys::read(&path))
}

fn watched_tls(files: TlsFiles) -> Result<Watched<TlsAcceptor>, ServeError> {
    let TlsFiles { certificates, key } = files.clone();
    Watched::new("certificates", &[&certificates, &key], move || acceptor(&files))
}

/// Looks at the files of models, keys and certificates from time to time.
async fn reload(app: Arc<App>, tls: Option<Arc<Watched<TlsAcceptor>>>) {
    let every = app.options.reload;
    if every.is_zero() {
        return;
    }
    loop {
        tokio::time::sleep(every).await;
        let (app, tls) = (app.clone(), tls.clone());
        let look = move || {
            // First, as they are read in no time.
            app.keys.iter().for_each(Watched::look);
            tls.iter().for_each(|tls| tls.look());
            app.registry.look();
        };
        // Only a panic while loading fails, and the next look may go well.
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

fn check(options: &ServeOptions) -> Result<(), ServeError> {
    let counts = [
        ("threads", options.threads),
        ("max_batch", options.max_batch),
        ("queue", options.queue),
        ("concurrency", options.concurrency),
        ("connections", options.connections),
        ("max_body", options.max_body),
    ];
    // What semaphores count to.
    let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
    if let Some((name, found)) = counts.into_iter().find(|(_, count)| *count == 0 || *count > most) {
        return Err(ServeError::option(name, found, "at least 1 and less than 2^29"));
    }
    let bodies = options.max_bodies;
    if bodies < options.max_body.saturating_mul(TIMES) || bodies > Semaphore::MAX_PERMITS {
        let needed = "at least three times max_body, as JSON is held thrice while it is taken apart";
        return Err(ServeError::option("max_bodies", bodies, needed));
    }
    Ok(())
}
