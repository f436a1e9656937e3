//! Names to addresses, through the guard: the client dials exactly what was vetted here, so a second answer that
//! differs from the first is never used. One forbidden address in an answer refuses the whole name.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{
    guard::Guard,
    phases::{Mark, mark},
};
use crate::domain::endpoint::private_name;

/// How long a name may take. Part of an attempt's deadline, and short: DNS answers fast or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a name did not become addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("the name does not resolve")]
    NotFound,
    #[error("the name server did not answer in time")]
    TimedOut,
    #[error("the name resolves to an address that is not allowed")]
    Refused,
}

/// Asks for the addresses of a name; the tests bring their own.
pub trait Lookup: Send + Sync + 'static {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>>;
}

/// The system's name servers and hosts file.
pub struct SystemLookup(TokioResolver);

impl SystemLookup {
    /// Reads the system's configuration once.
    pub fn new() -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the system's name servers cannot be read: {error}");
        let builder = TokioResolver::builder_tokio().map_err(|error| failed(&error))?;
        Ok(Self(builder.build().map_err(|error| failed(&error))?))
    }
}

impl Lookup for SystemLookup {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        Box::pin(async move {
            // The trailing dot keeps the resolver from trying the machine's search domains.
            let answer = self.0.lookup_ip(format!("{name}.")).await.map_err(|_| LookupError::NotFound)?;
            Ok(answer.iter().collect())
        })
    }
}

/// What the one client resolves with.
#[derive(Clone)]
pub struct GuardedResolver {
    guard: Guard,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    pub fn new(guard: Guard, lookup: Arc<dyn Lookup>) -> Self {
        Self { guard, lookup }
    }

    /// The addresses a name may be dialled at; never an empty list.
    pub async fn vetted(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_private = private_name(&name).is_some();
        if is_private && !self.guard.allows_ranges() {
            return Err(LookupError::Refused);
        }
        if name == "localhost" {
            return self.localhost();
        }
        let addresses =
            tokio::time::timeout(PATIENCE, self.lookup.lookup(&name)).await.map_err(|_| LookupError::TimedOut)??;
        if addresses.is_empty() {
            return Err(LookupError::NotFound);
        }
        // A name of the operator's own network is good only where it leads into a range they opened.
        let may = |address: &IpAddr| {
            if is_private { self.guard.is_allowed(*address) } else { self.guard.may_dial(*address) }
        };
        if addresses.iter().all(may) { Ok(addresses) } else { Err(LookupError::Refused) }
    }

    /// RFC 6761: `localhost` is loopback and no name server is asked. Of the two loopbacks those that are allowed.
    fn localhost(&self) -> Result<Vec<IpAddr>, LookupError> {
        let loopbacks = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let allowed: Vec<_> = loopbacks.into_iter().filter(|address| self.guard.is_allowed(*address)).collect();
        if allowed.is_empty() { Err(LookupError::Refused) } else { Ok(allowed) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            mark(Mark::LookingUp);
            let addresses = resolver.vetted(name.as_str()).await?;
            mark(Mark::LookedUp);
            // Port 0: the client puts the URL's own port there.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
