//! Builds the running program and takes it down again. Shutdown, in order: the listener closes and
//! requests under way finish; the engine starts nothing more and waits for what is in flight; the
//! store closes. All of it takes no longer than the settings allow: what is cut is found or
//! repeated after the next start. A second signal ends it at once. Nothing acknowledged is lost by
//! either.

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

/// The part of a shutdown's time that requests under way may take; the rest is for deliveries and
/// the database.
fn for_requests(limit: Duration) -> Duration {
    limit * 2 / 5
}

/// A portal that listens.
pub struct Running {
    pub address: SocketAddr,
    /// Where the figures are read, if not there.
    pub figures_address: Option<SocketAddr>,
    pub portal: Arc<Portal>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// Starts the engine and listens.
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
            "fewer attempts run at once than the settings allow: raise the limit of open files"
        );
        *in_flight = given;
    }
    let settings = config.settings.clone();
    // Before the engine: a server that cannot listen must not begin to deliver.
    let listener = listen(settings.listen, "SERVICE_HOOKS_LISTEN or --listen")?;
    let figures = match settings.metrics.listen {
        Some(address) => Some(listen(address, "SERVICE_HOOKS_METRICS__LISTEN")?),
        None => None,
    };
    let dispatcher = Dispatcher::start(config).await.map_err(|error| chain(&error))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let portal = Portal::new(dispatcher, settings);
    let stop = portal.stopping.clone();
    let drain = for_requests(portal.settings.shutdown_timeout);
    let figures_address = figures.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = figures {
        let router = http::figures_router(portal.clone());
        let stop = stop.clone();
        tokio::spawn(async move {
            accept::serve(listener, router, stop, drain, FIGURES_CONNECTIONS, &[]).await
        });
    }
    let (router, connections) = (http::router(portal.clone()), descriptors.connections());
    let (stopped, proxies) = (stop.clone(), portal.settings.trusted_proxies.clone());
    let serving = tokio::spawn(async move {
        accept::serve(listener, router, stopped, drain, connections, &proxies).await;
    });
    Ok(Running { address, figures_address, portal, stop, serving })
}

/// Connections that may read the figures at once, where they have a port of their own.
const FIGURES_CONNECTIONS: usize = 16;

fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    http::accept::listen(address).map_err(|error| {
        format!("cannot listen on {address}: {error}. Choose another with {setting}.")
    })
}

impl Running {
    /// See the module.
    pub async fn shutdown(self) {
        let (limit, watch) =
            (self.portal.settings.shutdown_timeout, self.portal.clock().stopwatch());
        self.stop.cancel();
        let _panicked = self.serving.await;
        self.portal.dispatcher.clone().shutdown_within(limit.saturating_sub(watch.elapsed())).await;
    }
}

/// Serves until a signal, or until a part of the engine has ended that only a new process brings
/// back. Says where, and how to make the first administrator when there is none.
pub async fn serve(settings: Settings) -> Result<(), String> {
    let public_url = settings.public_url();
    let running = start(Config::new(settings)).await?;
    tracing::info!(address = %running.address, "listening; open {public_url}");
    match ops::setup::open(&running.portal).await {
        Ok(Some(word)) => eprintln!(
            "\nNobody can sign in yet. Make the first administrator here (once, within a \
             day):\n\n    {public_url}/setup?token={word}\n"
        ),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the set-up link could not be made"),
    }
    let ended = tokio::select! {
        () = signal() => None,
        part = running.portal.dispatcher.ended() => Some(part),
    };
    match ended {
        None => tracing::info!("stopping; press again to stop at once"),
        Some(part) => tracing::error!(
            "{part} has ended unexpectedly; stopping, so that the server is started again"
        ),
    }
    tokio::select! {
        () = running.shutdown() => tracing::info!("stopped"),
        () = signal() => {}
    }
    ended.map_or(Ok(()), |part| {
        Err(format!(
            "{part} ended unexpectedly. Nothing acknowledged is lost. Start the server again; its \
             log says why."
        ))
    })
}

/// Waits for an interrupt or a request to terminate.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the system's own take the process down.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
