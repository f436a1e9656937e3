//! Opens connections to receivers: DNS lookup, SSRF guard, TCP, TLS, HTTP/1. Every delivery goes
//! out through this module. It follows no redirects, uses no proxy from the environment and does
//! not decompress responses.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    connections::{Connection, ConnectionParts},
    fault::Fault,
    phases::{Mark, Phases},
    resolver::{GuardedResolver, MAX_TTL, Vetted},
    target::{Destination, DialHost},
    tls::{self, HandshakeFindings},
    wire::{Socket, Stream, Tcp},
};
use crate::{domain::delivery::Answer, engine::clock::Clock};

/// Happy Eyeballs (RFC 8305) connection attempt delay: the next address is tried in parallel when
/// the previous one has not answered for this long.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Maximum number of addresses that are tried for a host name.
const MAX_ADDRESSES: usize = 8;

/// Maximum header lines and bytes of a response's head. They are generous for real receivers, and
/// bound the memory that many hostile ones can use at the same time.
const MAX_HEADERS: usize = 256;
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// Opens connections. Clones share one configuration and the cache of TLS sessions.
#[derive(Clone)]
pub struct Dialler(Arc<Inner>);

struct Inner {
    resolver: GuardedResolver,
    connector: TlsConnector,
    http: http1::Builder,
    /// Time limit for TCP and TLS together.
    connect_timeout: Duration,
    clock: Clock,
}

impl Dialler {
    pub fn new(
        resolver: GuardedResolver,
        connect_timeout: Duration,
        clock: Clock,
    ) -> Result<Self, String> {
        let connector = TlsConnector::from(Arc::new(tls::config()?));
        Ok(Self(Arc::new(Inner {
            resolver,
            connector,
            http: lenient_http1(),
            connect_timeout,
            clock,
        })))
    }

    /// Opens a connection to `destination`. `skip_cache` asks the name servers even if an answer is
    /// cached.
    pub async fn dial(
        &self,
        destination: &Destination,
        skip_cache: bool,
        phases: &mut Phases,
    ) -> Result<Connection, Fault> {
        phases.mark(Mark::DialStarted);
        let dial_started = self.0.clock.stopwatch();
        let vetted = self.addresses(destination, skip_cache, phases).await?;
        let addresses: Vec<_> =
            vetted.addresses.iter().map(|ip| SocketAddr::new(*ip, destination.port)).collect();
        let opening = self.open_stream(destination, &addresses, phases);
        let opened = tokio::time::timeout(self.0.connect_timeout, opening).await;
        let opened =
            opened.unwrap_or_else(|_| Err(Fault::new(Answer::Timeout, phases.current_phase())));
        let (stream, socket, findings, peer) = opened?;
        phases.mark(Mark::Connected);
        let http = self.0.http.handshake(TokioIo::new(stream)).await;
        let (request, driver) =
            http.map_err(|error| Fault::new(Answer::InvalidResponse, error.to_string()))?;
        let (origin, address_ttl) = (destination.origin.clone(), vetted.ttl);
        let parts = ConnectionParts { socket, findings, peer, origin, dial_started, address_ttl };
        Ok(Connection::new(request, driver, parts))
    }

    async fn addresses(
        &self,
        destination: &Destination,
        skip_cache: bool,
        phases: &mut Phases,
    ) -> Result<Vetted, Fault> {
        match &destination.dial_host {
            DialHost::Address(address) => Ok(Vetted { addresses: vec![*address], ttl: MAX_TTL }),
            DialHost::Name(name) => {
                phases.mark(Mark::LookupStarted);
                let vetted =
                    self.0.resolver.vetted(name, skip_cache).await.map_err(Fault::lookup)?;
                phases.mark(Mark::LookupDone);
                Ok(vetted)
            }
        }
    }

    async fn open_stream(
        &self,
        destination: &Destination,
        addresses: &[SocketAddr],
        phases: &mut Phases,
    ) -> Result<(Stream, Arc<Socket>, HandshakeFindings, SocketAddr), Fault> {
        let (stream, peer) =
            connect_any(addresses).await.map_err(|error| Fault::connect(&error))?;
        let tcp = Tcp::new(stream);
        let socket = tcp.socket();
        let Some(name) = destination.tls.clone() else {
            return Ok((tcp.into(), socket, HandshakeFindings::default(), peer));
        };
        phases.mark(Mark::TlsStarted);
        let (stream, findings) = self.start_tls(name, tcp).await;
        let stream = stream.map_err(|error| Fault::handshake(&error, &findings, &socket))?;
        Ok((stream, socket, findings, peer))
    }

    async fn start_tls(
        &self,
        name: ServerName<'static>,
        tcp: Tcp,
    ) -> (io::Result<Stream>, HandshakeFindings) {
        let (stream, findings) = tls::handshake(&self.0.connector, name, tcp).await;
        (stream.map(Stream::from), findings)
    }
}

/// An HTTP/1 client as lenient as common clients: it accepts a space before a header's colon,
/// folded header lines, and skips lines that are not headers.
fn lenient_http1() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES);
    http
}

/// Connects to the first address that accepts (Happy Eyeballs): a new attempt starts every
/// [`ATTEMPT_DELAY`], or as soon as one fails. If all fail, returns the most specific error.
pub async fn connect_any(addresses: &[SocketAddr]) -> io::Result<(TcpStream, SocketAddr)> {
    let mut untried = interleave_families(addresses).into_iter().take(MAX_ADDRESSES);
    let mut connecting = FuturesUnordered::new();
    let mut best_error: Option<io::Error> = None;
    loop {
        let is_last = match untried.next() {
            Some(address) => {
                connecting.push(connect(address));
                false
            }
            None => true,
        };
        let mut delay = pin!(tokio::time::sleep(ATTEMPT_DELAY));
        // Ends when one connects, when the next address is due, or when all have failed.
        loop {
            tokio::select! {
                outcome = connecting.next() => match outcome {
                    Some(Ok(connected)) => return Ok(connected),
                    Some(Err(error)) => {
                        best_error = Some(best_error
                            .filter(|before| specificity(before) >= specificity(&error))
                            .unwrap_or(error));
                        if !is_last {
                            break;
                        }
                    }
                    None if is_last => return Err(best_error
                        .unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())),
                    None => break,
                },
                () = &mut delay, if !is_last => break,
            }
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let connected = TcpStream::connect(address).await;
    let stream = connected.map_err(|error| match error.kind() {
        // A machine without IPv6 reports this for every IPv6 address. It must not be mistaken for
        // exhausted local ports, which have the same error kind.
        io::ErrorKind::AddrNotAvailable if address.is_ipv6() => {
            io::ErrorKind::NetworkUnreachable.into()
        }
        _ => error,
    })?;
    stream.set_nodelay(true)?;
    Ok((stream, address))
}

/// Ranks errors, so that the most specific one is reported: a refusal shows that the host
/// exists; an unreachable address may belong to a network that this machine does not have.
fn specificity(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => 0,
        io::ErrorKind::TimedOut => 1,
        _ => 2,
    }
}

/// Alternates IPv6 and IPv4 addresses, starting with the family of the first address.
fn interleave_families(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let starts_with_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == starts_with_ipv6);
    let mut second = second.into_iter();
    let mut interleaved: Vec<_> =
        first.into_iter().flat_map(|address| [Some(address), second.next()]).flatten().collect();
    interleaved.extend(second);
    interleaved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate() {
        let parse = |list: &[&str]| {
            list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>()
        };
        let order = interleave_families(&parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]));
        assert_eq!(order, parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]));
        let order = interleave_families(&parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
        assert_eq!(order, parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
        assert_eq!(interleave_families(&[]), []);
    }

    #[tokio::test]
    async fn a_refused_address_does_not_prevent_the_next_from_being_tried() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let closed =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(connect_any(&[closed, good]).await.unwrap().1, good);
        assert_eq!(
            connect_any(&[closed, closed]).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert!(connect_any(&[]).await.is_err());
    }
}
