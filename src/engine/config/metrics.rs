//! The section `metrics`: where `/metrics` is served, and what it shows.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// A separate listen address for `/metrics`, for example one that only the monitoring can
    /// reach. `/metrics` is then not served at the portal's address.
    #[serde(with = "super::spelling::optional_address")]
    pub listen: Option<SocketAddr>,
    /// Label accepted events with their type. Off by default, because it reveals what happens in
    /// the contact centre and how often.
    pub event_types: bool,
}
