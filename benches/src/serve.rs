//! Serves a baseline like the binary serves a node: the same connections, threads and allocator.

use std::net::SocketAddr;

use axum::Router;
use earmark_gateway::{HttpServer, Settings};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Worker threads, as many as the server has.
const WORKERS_MAX: usize = 4;

/// Serves until a signal stops it.
pub fn serve(routes: Router, listen: SocketAddr) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.thread_name("connections");
    let runtime = builder.worker_threads(cores.clamp(2, WORKERS_MAX)).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let bound = HttpServer::new(routes, Settings::default()).bind(listen).await;
        let bound = bound.map_err(Failure::new)?;
        println!("listening on http://{}", bound.local_addr);
        let stopped = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        bound.serve(stopped).await;
        Ok(())
    })
}
