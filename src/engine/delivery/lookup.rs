//! What name servers say, and what their silence means. An answer that a name has no address is
//! remembered for seconds only, so that a record that was just made works at once. Trouble with
//! this machine's own name servers is told apart from trouble with the name: only the second is the
//! receiver's.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::future::BoxFuture;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};

use super::exhausted::exhausted;
use crate::engine::clock::Clock;

/// How long a name may take. Part of an attempt's deadline, and short: DNS answers fast or not at
/// all. One question may go unanswered in it.
const PATIENCE: Duration = Duration::from_secs(2);
const QUESTION: Duration = Duration::from_millis(950);
/// How long a name server may take to show that it answers at all.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);
/// How long answers are remembered at most: what there is, and what there is not.
const REMEMBERED: Duration = Duration::from_secs(60);
const MISSING: Duration = Duration::from_secs(5);

/// Why a name did not become addresses. `domain::failure` knows these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    #[error("the name does not resolve: it does not exist (NXDOMAIN)")]
    NotFound,
    #[error("the name does not resolve: it has no address record (A or AAAA)")]
    NoAddress,
    #[error("the domain's name servers failed (SERVFAIL)")]
    ServerFailed,
    #[error("the domain's name servers did not answer in time")]
    Silent,
    #[error("this machine's name server refused the question (REFUSED)")]
    ServerRefused,
    #[error("this machine's name server did not answer in time")]
    TimedOut,
    #[error("this machine's name server cannot be reached")]
    Unreachable,
    /// Descriptors, memory or ports of this machine are used up.
    #[error("{0}")]
    Exhausted(&'static str),
    #[error("the name only works inside a private network, which is not allowed")]
    PrivateName,
    #[error("the name resolves to {address}, which is not allowed: {why}")]
    Refused { address: IpAddr, why: &'static str },
}

impl LookupError {
    /// Is it this machine's trouble, and not the receiver's?
    pub fn is_ours(self) -> bool {
        matches!(
            self,
            Self::ServerRefused | Self::TimedOut | Self::Unreachable | Self::Exhausted(_)
        )
    }
}

/// The addresses of a name, and for how long DNS says they are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub addresses: Vec<IpAddr>,
    pub lasts: Duration,
}

/// Asks for the addresses of a name; the tests bring their own. `afresh`: nothing that is
/// remembered counts.
pub trait Lookup: Send + Sync + 'static {
    fn lookup<'a>(
        &'a self,
        name: &'a str,
        afresh: bool,
    ) -> BoxFuture<'a, Result<Found, LookupError>>;
}

/// The system's name servers and hosts file.
pub struct SystemLookup {
    remembering: TokioResolver,
    forgetful: TokioResolver,
}

impl SystemLookup {
    /// Reads the system's configuration once.
    pub fn new() -> Result<Self, String> {
        let failed = |error: NetError| format!("the system's name servers cannot be read: {error}");
        let (config, options) =
            hickory_resolver::system_conf::read_system_conf().map_err(failed)?;
        Self::with(config, options).map_err(failed)
    }

    /// Asks one name server instead of the system's.
    pub fn asking(server: SocketAddr) -> Result<Self, String> {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        Self::with(config, ResolverOpts::default()).map_err(|error| error.to_string())
    }

    fn with(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, NetError> {
        options.timeout = QUESTION;
        options.attempts = 1;
        options.positive_max_ttl = Some(REMEMBERED);
        options.negative_max_ttl = Some(MISSING);
        let resolver = |options: ResolverOpts| {
            let builder =
                TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::default());
            builder.with_options(options).build()
        };
        let remembering = resolver(options.clone())?;
        options.cache_size = 0;
        Ok(Self { remembering, forgetful: resolver(options)? })
    }

    async fn ask(&self, name: &str, afresh: bool) -> Result<Found, LookupError> {
        let resolver = if afresh { &self.forgetful } else { &self.remembering };
        // The trailing dot keeps the resolver from trying the machine's search domains.
        let asked = tokio::time::timeout(PATIENCE, resolver.lookup_ip(format!("{name}."))).await;
        let found = match asked {
            Ok(Ok(found)) => found,
            Ok(Err(NetError::Timeout)) | Err(_) if self.is_alive().await => {
                return Err(LookupError::Silent);
            }
            Ok(Err(error)) => return Err(reason(&error)),
            Err(_) => return Err(LookupError::TimedOut),
        };
        if afresh {
            // What is remembered may be what there was before.
            self.remembering.clear_cache();
        }
        let lasts = Clock::System.stopwatch().until(found.valid_until());
        Ok(Found { addresses: found.iter().collect(), lasts })
    }

    /// Does a name server answer anything at all? Asked only after it was silent about a name.
    async fn is_alive(&self) -> bool {
        let asked =
            tokio::time::timeout(SIGN_OF_LIFE, self.forgetful.lookup(Name::root(), RecordType::NS))
                .await;
        matches!(asked, Ok(Ok(_) | Err(NetError::Dns(_))))
    }
}

impl Lookup for SystemLookup {
    fn lookup<'a>(
        &'a self,
        name: &'a str,
        afresh: bool,
    ) -> BoxFuture<'a, Result<Found, LookupError>> {
        Box::pin(self.ask(name, afresh))
    }
}

fn reason(error: &NetError) -> LookupError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if none.response_code == ResponseCode::NXDomain =>
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
