//! Names to addresses, through the guard: only what was vetted here is dialled, so a second answer
//! that differs from the first is never used. Of a name's addresses those that are forbidden are
//! left out; a name with no other is refused.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use super::guard::Guard;
pub use super::lookup::{Found, Lookup, LookupError, SystemLookup};
use crate::domain::endpoint::private_name;

/// How long a look-up may take that does not limit itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// Addresses are good for as long as DNS says, but a name that is moved is followed within a
/// minute, and one whose records are good for no time at all is not asked for again with every
/// attempt.
pub const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);

/// Addresses that may be dialled, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vetted {
    /// Never empty.
    pub addresses: Vec<IpAddr>,
    pub lasts: Duration,
}

/// The one way from a name to addresses.
#[derive(Clone)]
pub struct GuardedResolver {
    guard: Guard,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    pub fn new(guard: Guard, lookup: Arc<dyn Lookup>) -> Self {
        Self { guard, lookup }
    }

    /// The addresses a name may be dialled at. `afresh` asks the name servers although an answer
    /// may be remembered.
    pub async fn vetted(&self, name: &str, afresh: bool) -> Result<Vetted, LookupError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_private = private_name(&name).is_some();
        if is_private && !self.guard.allows_ranges() {
            return Err(LookupError::PrivateName);
        }
        if name == "localhost" {
            return self.localhost();
        }
        let found = tokio::time::timeout(PATIENCE, self.lookup.lookup(&name, afresh))
            .await
            .map_err(|_| LookupError::TimedOut)??;
        // A name of the operator's own network is good only where it leads into a range they
        // opened.
        let may = |address: &IpAddr| {
            if is_private {
                self.guard.is_allowed(*address)
            } else {
                self.guard.may_dial_resolved(*address)
            }
        };
        let (addresses, refused): (Vec<_>, Vec<_>) = found.addresses.into_iter().partition(may);
        match (addresses.is_empty(), refused.first()) {
            (false, _) => Ok(Vetted { addresses, lasts: found.lasts.clamp(SHORTEST, LONGEST) }),
            (true, Some(address)) => {
                Err(LookupError::Refused { address: *address, why: self.guard.why_not(*address) })
            }
            (true, None) => Err(LookupError::NoAddress),
        }
    }

    /// RFC 6761: `localhost` is loopback and no name server is asked. Of the two loopbacks those
    /// that are allowed.
    fn localhost(&self) -> Result<Vetted, LookupError> {
        let loopbacks = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let addresses: Vec<_> =
            loopbacks.into_iter().filter(|address| self.guard.is_allowed(*address)).collect();
        match addresses.is_empty() {
            true => Err(LookupError::PrivateName),
            false => Ok(Vetted { addresses, lasts: LONGEST }),
        }
    }
}
