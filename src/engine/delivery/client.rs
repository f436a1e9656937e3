//! The one HTTP client of the house. Everything a webhook sender must not do is switched off here, in one place:
//! redirects (the key would travel), proxies from the environment, decompression, hidden retries, HTTP/2.

use std::{sync::Arc, time::Duration};

use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore};

use super::resolver::GuardedResolver;
use crate::engine::config::Delivery;

pub const USER_AGENT: &str = concat!("service-hooks/", env!("CARGO_PKG_VERSION"));

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
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
