//! The one HTTP client of the house. Everything a webhook sender must not do is switched off here, in one place:
//! redirects (the key would travel), proxies from the environment, decompression, hidden retries, HTTP/2.

use std::{
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use reqwest::redirect;
use rustls::{
    ClientConfig, NamedGroup, RootCertStore,
    client::{
        ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
    },
    pki_types::ServerName,
};
use tower::{Service, layer::layer_fn};

use super::{
    phases::{Mark, mark},
    resolver::GuardedResolver,
};
use crate::engine::config::Delivery;

pub const USER_AGENT: &str = concat!("service-hooks/", env!("CARGO_PKG_VERSION"));

/// TLS sessions that are remembered, in all.
const SESSIONS: usize = 256;

/// Builds the client that all attempts share, so that connections are kept and used again.
pub fn build(settings: &Delivery, resolver: GuardedResolver) -> Result<reqwest::Client, String> {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of the HTTP client")]
    let builder = reqwest::Client::builder();
    builder
        .user_agent(USER_AGENT)
        .dns_resolver(resolver)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .connect_timeout(settings.connect_timeout)
        // Many hooks can lead to one host; what is not used for half a minute is closed all the same.
        .pool_max_idle_per_host(settings.in_flight)
        .pool_idle_timeout(Duration::from_secs(30))
        .tcp_nodelay(true)
        .connector_layer(layer_fn(Dialler))
        .tls_backend_preconfigured(tls()?)
        .build()
        .map_err(|error| format!("the HTTP client cannot be built: {error}"))
}

/// The command line's own client: it speaks to the operator's server, where nothing needs guarding.
pub fn plain_client() -> Result<reqwest::Client, String> {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of the HTTP client")]
    let builder = reqwest::Client::builder();
    builder
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(60))
        .tls_backend_preconfigured(tls()?)
        .build()
        .map_err(|error| format!("the HTTP client cannot be built: {error}"))
}

/// The machine's certificates, so that an organisation's own authority works, and Mozilla's where the machine has none.
fn tls() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let system = rustls_native_certs::load_native_certs();
    let (_added, _malformed) = roots.add_parsable_certificates(system.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::store(Arc::new(Sessions(ClientSessionMemoryCache::new(SESSIONS))));
    Ok(config)
}

/// Makes connections, and marks when it began and when one was there.
#[derive(Clone)]
struct Dialler<S>(S);

impl<S, R> Service<R> for Dialler<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            mark(Mark::Dialling);
            let connected = connecting.await?;
            mark(Mark::Connected);
            Ok(connected)
        })
    }
}

/// TLS sessions to resume, as rustls keeps them by default. Asking for one is how a handshake begins, and nothing else
/// of it can be seen from outside.
#[derive(Debug)]
struct Sessions(ClientSessionMemoryCache);

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        mark(Mark::ShakingHands);
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        mark(Mark::ShakingHands);
        self.0.take_tls13_ticket(server_name)
    }
}
