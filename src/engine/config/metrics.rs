//! Where `/metrics` is served, and what it tells.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// A separate address for `/metrics`, such as one that only the monitoring reaches. The
    /// portal's own address then has none.
    #[serde(with = "super::spelling::optional_address")]
    pub listen: Option<SocketAddr>,
    /// Counts events by type. Off by default, because readers learn what happens in the contact
    /// centre, and how often.
    pub event_types: bool,
}
