//! Who may read the figures, and what they tell.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// An address of their own for `/metrics`, such as one that only the monitoring reaches; the portal's own then has none.
    #[serde(with = "super::spelling::optional_address")]
    pub listen: Option<SocketAddr>,
    /// Count events by their types: whoever reads the figures learns what happens in the contact centre, and how often.
    pub event_types: bool,
}
