//! The HTTP client of the command line. It connects to the operator's own server, so it bypasses
//! the SSRF guard. Deliveries must not use it: they go out through [`dial`](super::dial) only.

use std::time::Duration;

use reqwest::redirect;

pub use super::tls::config as tls;

pub const USER_AGENT: &str = concat!("service-hooks/", env!("CARGO_PKG_VERSION"));

/// A client for a server that the operator chose. It follows no redirect and uses no proxy.
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
