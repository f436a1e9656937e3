//! Resolves host names and filters the addresses through the SSRF guard. The dialler connects to
//! the addresses that are returned here and never resolves a name again, so a DNS server that
//! changes its answer (DNS rebinding) gains nothing. Forbidden addresses are dropped; a name
//! without any other address is refused.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use super::guard::Guard;
pub use super::lookup::{Lookup, LookupAnswer, LookupError, SystemLookup};
use crate::domain::endpoint::private_name;

/// Time limit for a [`Lookup`] that has none itself.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// Bounds of the TTL from DNS. The maximum makes a moved name effective within a minute; the
/// minimum avoids a lookup with every attempt for records with a TTL of 0.
pub const MAX_TTL: Duration = Duration::from_secs(60);
const MIN_TTL: Duration = Duration::from_secs(1);

/// Addresses that the guard allows, and how long they may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vetted {
    /// Never empty.
    pub addresses: Vec<IpAddr>,
    pub ttl: Duration,
}

/// The only way from a name to addresses that may be dialled.
#[derive(Clone)]
pub struct GuardedResolver {
    guard: Guard,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    pub fn new(guard: Guard, lookup: Arc<dyn Lookup>) -> Self {
        Self { guard, lookup }
    }

    /// The addresses of a name that may be dialled. `skip_cache` asks the name servers even if an
    /// answer is cached.
    pub async fn vetted(&self, name: &str, skip_cache: bool) -> Result<Vetted, LookupError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_private = private_name(&name).is_some();
        if is_private && !self.guard.allows_ranges() {
            return Err(LookupError::PrivateName);
        }
        if name == "localhost" {
            return self.localhost();
        }
        let answer = tokio::time::timeout(LOOKUP_TIMEOUT, self.lookup.lookup(&name, skip_cache))
            .await
            .map_err(|_| LookupError::TimedOut)??;
        // A name of a private network (such as `.internal`) may only resolve into a range that the
        // operator allowed.
        let may_dial = |address: &IpAddr| {
            if is_private {
                self.guard.is_allowed(*address)
            } else {
                self.guard.may_dial_resolved(*address)
            }
        };
        let (addresses, refused): (Vec<_>, Vec<_>) =
            answer.addresses.into_iter().partition(may_dial);
        match (addresses.is_empty(), refused.first()) {
            (false, _) => Ok(Vetted { addresses, ttl: answer.ttl.clamp(MIN_TTL, MAX_TTL) }),
            (true, Some(address)) => Err(LookupError::Refused {
                address: *address,
                why: self.guard.refusal_reason(*address),
            }),
            (true, None) => Err(LookupError::NoAddress),
        }
    }

    /// RFC 6761: `localhost` is the loopback address, without a lookup. Returns those of the two
    /// loopback addresses that the operator allowed.
    fn localhost(&self) -> Result<Vetted, LookupError> {
        let loopbacks = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let addresses: Vec<_> =
            loopbacks.into_iter().filter(|address| self.guard.is_allowed(*address)).collect();
        match addresses.is_empty() {
            true => Err(LookupError::PrivateName),
            false => Ok(Vetted { addresses, ttl: MAX_TTL }),
        }
    }
}
