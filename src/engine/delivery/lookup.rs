//! DNS lookups with the system's name servers, and the classification of their failures. Negative
//! answers are cached for a few seconds only, so that a new record works almost immediately. A
//! failure of this machine's name servers is distinguished from a failure of the looked-up domain:
//! only the second counts against the receiver.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::future::BoxFuture;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    lookup_ip::LookupIp,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};

use super::exhausted::exhausted;
use crate::engine::clock::Clock;

/// Time limit for a lookup, and for one query to a name server. The lookup counts towards the
/// attempt's deadline. Within the limit one query can be lost and the next still be answered.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
const QUERY_TIMEOUT: Duration = Duration::from_millis(950);
/// Time limit for the query that tests whether a name server responds at all.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// Maximum cache lifetime of positive and of negative answers.
const MAX_POSITIVE_TTL: Duration = Duration::from_secs(60);
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(5);

/// Why a name has no usable address. The sentences are stored in `detail` and
/// `view::words::failure` matches them: their bytes must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("the name does not resolve: it does not exist (NXDOMAIN)")]
    NotFound,
    #[error("the name does not resolve: it has no address record (A or AAAA)")]
    NoAddress,
    #[error("the domain's name servers failed (SERVFAIL)")]
    ServerFailed,
    #[error("the domain's name servers did not answer in time")]
    NoResponse,
    #[error("this machine's name server refused the question (REFUSED)")]
    ServerRefused,
    #[error("this machine's name server did not answer in time")]
    TimedOut,
    #[error("this machine's name server cannot be reached")]
    Unreachable,
    /// This machine has no file descriptors, memory or ports left.
    #[error("{0}")]
    Exhausted(&'static str),
    #[error("the name only works inside a private network, which is not allowed")]
    PrivateName,
    #[error("the name resolves to {address}, which is not allowed: {why}")]
    Refused { address: IpAddr, why: &'static str },
}

impl LookupError {
    /// Whether this machine or its name server failed, rather than the receiver's domain.
    pub fn is_ours(self) -> bool {
        matches!(
            self,
            Self::ServerRefused | Self::TimedOut | Self::Unreachable | Self::Exhausted(_)
        )
    }
}

/// The addresses of a name, and the remaining TTL of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupAnswer {
    pub addresses: Vec<IpAddr>,
    pub ttl: Duration,
}

/// Looks up the addresses of a name. Tests have their own implementation. `skip_cache` requires a
/// new query.
pub trait Lookup: Send + Sync + 'static {
    fn lookup<'a>(
        &'a self,
        name: &'a str,
        skip_cache: bool,
    ) -> BoxFuture<'a, Result<LookupAnswer, LookupError>>;
}

/// The system's name servers and hosts file.
pub struct SystemLookup {
    cached: TokioResolver,
    uncached: TokioResolver,
}

impl SystemLookup {
    /// Reads the system's configuration. Later changes of it need a restart.
    pub fn new() -> Result<Self, String> {
        let failed = |error: NetError| format!("the system's name servers cannot be read: {error}");
        let (config, options) =
            hickory_resolver::system_conf::read_system_conf().map_err(failed)?;
        Self::with_options(config, options).map_err(failed)
    }

    /// Asks one given name server instead of the system's.
    pub fn with_name_server(server: SocketAddr) -> Result<Self, String> {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        Self::with_options(config, ResolverOpts::default()).map_err(|error| error.to_string())
    }

    fn with_options(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, NetError> {
        options.timeout = QUERY_TIMEOUT;
        options.attempts = 1;
        options.positive_max_ttl = Some(MAX_POSITIVE_TTL);
        options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
        let resolver = |options: ResolverOpts| {
            let builder =
                TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::default());
            builder.with_options(options).build()
        };
        let cached = resolver(options.clone())?;
        options.cache_size = 0;
        Ok(Self { cached, uncached: resolver(options)? })
    }

    async fn query(&self, name: &str, skip_cache: bool) -> Result<LookupAnswer, LookupError> {
        let resolver = if skip_cache { &self.uncached } else { &self.cached };
        // The trailing dot keeps the resolver from trying the machine's search domains.
        let lookup = resolver.lookup_ip(format!("{name}."));
        let answer = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(NetError::Timeout)) | Err(_) if self.name_server_responds().await => {
                return Err(LookupError::NoResponse);
            }
            Ok(Err(error)) => return Err(classify(&error)),
            Err(_) => return Err(LookupError::TimedOut),
        };
        if skip_cache {
            self.forget(&answer);
        }
        let ttl = Clock::System.stopwatch().until(answer.valid_until());
        Ok(LookupAnswer { addresses: answer.iter().collect(), ttl })
    }

    /// Removes the cached answers for a name that was just looked up, and for the aliases on the
    /// way to its addresses. Answers for other names stay: their deliveries must not wait for the
    /// name server because someone tests another hook.
    fn forget(&self, fresh: &LookupIp) {
        let lookup = fresh.as_lookup();
        let names = lookup.answers().iter().map(|record| &record.name);
        for name in names.chain([lookup.query().name()]) {
            for kind in [RecordType::A, RecordType::AAAA] {
                self.cached.clear_lookup_cache(name.clone(), kind);
            }
        }
    }

    /// Whether the name server responds to a query for the root zone. Called only after a lookup
    /// timed out: if it responds, the domain's own servers are the problem.
    async fn name_server_responds(&self) -> bool {
        let probe = self.uncached.lookup(Name::root(), RecordType::NS);
        let response = tokio::time::timeout(PROBE_TIMEOUT, probe).await;
        matches!(response, Ok(Ok(_) | Err(NetError::Dns(_))))
    }
}

impl Lookup for SystemLookup {
    fn lookup<'a>(
        &'a self,
        name: &'a str,
        skip_cache: bool,
    ) -> BoxFuture<'a, Result<LookupAnswer, LookupError>> {
        Box::pin(self.query(name, skip_cache))
    }
}

fn classify(error: &NetError) -> LookupError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(negative))
            if negative.response_code == ResponseCode::NXDomain =>
        {
            LookupError::NotFound
        }
        NetError::Dns(DnsError::NoRecordsFound(_)) => LookupError::NoAddress,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => LookupError::ServerRefused,
        NetError::Dns(_) | NetError::Proto(_) => LookupError::ServerFailed,
        NetError::Timeout => LookupError::TimedOut,
        NetError::Io(error) => {
            exhausted(error).map_or(LookupError::Unreachable, LookupError::Exhausted)
        }
        _ => LookupError::Unreachable,
    }
}
