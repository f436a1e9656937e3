//! The section `egress`: which receivers deliveries may connect to.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// By default only public addresses and `https://`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Private IP ranges that deliveries may connect to, also through names that resolve to them.
    #[serde(with = "super::spelling::ranges")]
    pub allow_cidrs: Vec<IpNet>,
    /// Accept `http://` callback URLs.
    pub allow_http: bool,
}
