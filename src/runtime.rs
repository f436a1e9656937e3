//! Starts and stops the program. Shutdown order: the listener closes and requests in progress
//! finish; the engine starts no new attempts and waits for those in flight; the store closes. The
//! total time is limited by the settings: an attempt that is cut off is found and repeated after
//! the next start. A second signal stops at once. Acknowledged events are never lost.

mod descriptors;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Dispatcher, config::Settings, dispatcher::Config, store::error::chain},
    http::{self, accept},
    portal::{ctx::Portal, ops, store},
    runtime::descriptors::Descriptors,
    telemetry,
};

/// The part of the shutdown timeout for requests in progress; the rest is for deliveries and the
/// database.
fn drain_timeout(limit: Duration) -> Duration {
    limit * 2 / 5
}

/// A running portal.
pub struct Running {
    pub address: SocketAddr,
    /// Address of the separate metrics listener, if configured.
    pub metrics_address: Option<SocketAddr>,
    pub portal: Arc<Portal>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// Starts the engine and the listeners.
pub async fn start(mut config: Config) -> Result<Running, String> {
    telemetry::collect();
    let descriptors = Descriptors::raise();
    config.expiring = store::EXPIRING;
    let in_flight = &mut config.settings.delivery.in_flight;
    if *in_flight > descriptors.deliveries() {
        let (asked, given) = (*in_flight, descriptors.deliveries());
        tracing::warn!(
            asked,
            given,
            "fewer concurrent attempts than configured; raise the limit of open files"
        );
        *in_flight = given;
    }
    let settings = config.settings.clone();
    // Bind before the engine starts: a server that cannot listen must not deliver.
    let listener = listen(settings.listen, "SERVICE_HOOKS_LISTEN or --listen")?;
    let metrics = match settings.metrics.listen {
        Some(address) => Some(listen(address, "SERVICE_HOOKS_METRICS__LISTEN")?),
        None => None,
    };
    let dispatcher = Dispatcher::start(config).await.map_err(|error| chain(&error))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let portal = Portal::new(dispatcher, settings);
    let stop = portal.stopping.clone();
    let drain = drain_timeout(portal.settings.shutdown_timeout);
    let metrics_address = metrics.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = metrics {
        let router = http::metrics_router(portal.clone());
        let stop = stop.clone();
        tokio::spawn(async move {
            accept::serve(listener, router, stop, drain, METRICS_CONNECTIONS, &[]).await
        });
    }
    let (router, connections) = (http::router(portal.clone()), descriptors.connections());
    let (stopped, proxies) = (stop.clone(), portal.settings.trusted_proxies.clone());
    let serving = tokio::spawn(async move {
        accept::serve(listener, router, stopped, drain, connections, &proxies).await;
    });
    Ok(Running { address, metrics_address, portal, stop, serving })
}

/// Maximum connections of the separate metrics listener.
const METRICS_CONNECTIONS: usize = 16;

fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    http::accept::listen(address).map_err(|error| {
        format!("Can't listen on {address}: {error}. Choose another address with {setting}.")
    })
}

impl Running {
    /// Stops in the order that the module describes.
    pub async fn shutdown(self) {
        let (limit, watch) =
            (self.portal.settings.shutdown_timeout, self.portal.clock().stopwatch());
        self.stop.cancel();
        let _panicked = self.serving.await;
        self.portal.dispatcher.clone().shutdown_within(limit.saturating_sub(watch.elapsed())).await;
    }
}

/// Serves until a signal arrives, or until an engine task has ended that only a restart brings
/// back. Prints the set-up link if there is no user yet.
pub async fn serve(settings: Settings) -> Result<(), String> {
    let public_url = settings.public_url();
    let running = start(Config::new(settings)).await?;
    tracing::info!(address = %running.address, "listening; open {public_url}");
    match ops::setup::open(&running.portal).await {
        Ok(Some(word)) => eprintln!(
            "\nCreate the administrator account here. The link works once, for 24 hours:\n\n    \
             {public_url}/setup?token={word}\n"
        ),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "failed to create the setup link"),
    }
    let ended = tokio::select! {
        () = signal() => None,
        part = running.portal.dispatcher.ended() => Some(part),
    };
    match ended {
        None => tracing::info!("stopping; press Ctrl+C again to stop immediately"),
        Some(part) => tracing::error!(
            "{part} has ended unexpectedly; stopping, so that the supervisor restarts the server"
        ),
    }
    tokio::select! {
        () = running.shutdown() => tracing::info!("stopped"),
        () = signal() => {}
    }
    ended.map_or(Ok(()), |part| {
        Err(format!(
            "{part} ended unexpectedly. No acknowledged event is lost. Restart the server; its log \
             has the cause."
        ))
    })
}

/// Waits for SIGINT or SIGTERM.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the default action ends the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
