//! The threads that wait for the network. Nothing outside this folder knows that what happens here is asynchronous.

use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::{DataError, ErrorKind};

/// Threads: they wait, and copy what arrives.
const THREADS: usize = 2;
/// Requests that are under way at once.
const AT_ONCE: usize = 8;

/// Runs requests, so many at a time.
pub(super) struct Network {
    /// There until it is dropped.
    runtime: Option<Runtime>,
    permits: Semaphore,
}

impl Network {
    pub(super) fn start() -> Result<Self, DataError> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("ocelli-network").enable_all().build();
        let runtime = runtime.map_err(|error| {
            DataError::about(ErrorKind::Unavailable, "network", format!("no thread can be started: {error}"))
        })?;
        Ok(Self { runtime: Some(runtime), permits: Semaphore::new(AT_ONCE) })
    }

    /// Begins something; whoever waits for it is told by itself.
    pub(super) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(work);
        }
    }

    /// Waits for something, on a thread that may itself be one of another runtime.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, DataError> {
        let (done, result) = mpsc::sync_channel(1);
        self.begin(async move {
            // Nobody may be waiting any more.
            let _ = done.send(work.await);
        });
        result.recv().map_err(|_| given_up())
    }

    /// Does something of which others wait for the result: should it panic, they are told so.
    pub(super) async fn guarded<T: Send + 'static>(
        work: impl Future<Output = Result<T, DataError>> + Send + 'static,
    ) -> Result<T, DataError> {
        tokio::spawn(work).await.unwrap_or_else(|_| Err(given_up()))
    }

    /// Makes a request when it is its turn.
    pub(super) async fn in_turn<T>(&self, request: impl Future<Output = T>) -> T {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        request.await
    }

    pub(super) async fn pause(duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn given_up() -> DataError {
    DataError::about(ErrorKind::Panicked, "network", "a request was given up: this is a bug")
}

impl Drop for Network {
    /// Ends the threads without waiting for them: this may be one of another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
