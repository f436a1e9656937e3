//! What the engine may dial.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Strict unless the operator says otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Ranges that may be dialled although they are private. Names that resolve into them become
    /// acceptable.
    #[serde(with = "super::spelling::ranges")]
    pub allow_cidrs: Vec<IpNet>,
    /// Accept `http://` callback URLs.
    pub allow_http: bool,
}
