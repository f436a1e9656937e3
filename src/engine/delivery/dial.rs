//! New connections to receivers: look-up, guard, TCP, TLS, HTTP/1. There is no other way out for a
//! delivery, and so none that follows a redirect, uses a proxy of the environment, or unpacks what
//! it gets.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    connections::{Connection, Made},
    fault::Fault,
    phases::{Mark, Phases},
    resolver::{GuardedResolver, LONGEST, Vetted},
    target::{Destination, Place},
    tls::{self, Learned},
    wire::{Line, Stream, Tcp},
};
use crate::{domain::delivery::Answer, engine::clock::Clock};

/// The next address of a name is tried when the one before has not answered for this long (RFC
/// 8305).
const NEXT: Duration = Duration::from_millis(250);
/// Addresses of a name that are tried.
const TRIED: usize = 8;

/// Header lines and bytes of an answer's head: as many as any honest receiver sends, and no more
/// than can be borne of many at once.
const HEADERS: usize = 256;
const HEAD: usize = 128 * 1024;

/// Makes connections. All clones are one.
#[derive(Clone)]
pub struct Dialler(Arc<Inner>);

struct Inner {
    resolver: GuardedResolver,
    connector: TlsConnector,
    http: http1::Builder,
    /// How long TCP and TLS may take together.
    patience: Duration,
    clock: Clock,
}

impl Dialler {
    pub fn new(
        resolver: GuardedResolver,
        patience: Duration,
        clock: Clock,
    ) -> Result<Self, String> {
        let connector = TlsConnector::from(Arc::new(tls::config()?));
        Ok(Self(Arc::new(Inner { resolver, connector, http: tolerant(), patience, clock })))
    }

    /// A new connection to a place. `afresh`: name servers are asked even if an answer is
    /// remembered.
    pub async fn dial(
        &self,
        to: &Destination,
        afresh: bool,
        phases: &mut Phases,
    ) -> Result<Connection, Fault> {
        phases.mark(Mark::Dialling);
        let age = self.0.clock.stopwatch();
        let found = self.addresses(to, afresh, phases).await?;
        let addresses: Vec<_> =
            found.addresses.iter().map(|address| SocketAddr::new(*address, to.port)).collect();
        let made =
            tokio::time::timeout(self.0.patience, self.connect(to, &addresses, phases)).await;
        let made = made.unwrap_or_else(|_| Err(Fault::new(Answer::Timeout, phases.under_way())));
        let (stream, line, learned, peer) = made?;
        phases.mark(Mark::Connected);
        let shaken = self.0.http.handshake(TokioIo::new(stream)).await;
        let (request, driver) =
            shaken.map_err(|error| Fault::new(Answer::BrokenAnswer, error.to_string()))?;
        let made = Made { line, learned, peer, origin: to.origin.clone(), age, lasts: found.lasts };
        Ok(Connection::new(request, driver, made))
    }

    async fn addresses(
        &self,
        to: &Destination,
        afresh: bool,
        phases: &mut Phases,
    ) -> Result<Vetted, Fault> {
        match &to.place {
            Place::Address(address) => Ok(Vetted { addresses: vec![*address], lasts: LONGEST }),
            Place::Name(name) => {
                phases.mark(Mark::LookingUp);
                let found = self.0.resolver.vetted(name, afresh).await.map_err(Fault::lookup)?;
                phases.mark(Mark::LookedUp);
                Ok(found)
            }
        }
    }

    async fn connect(
        &self,
        to: &Destination,
        addresses: &[SocketAddr],
        phases: &mut Phases,
    ) -> Result<(Stream, Arc<Line>, Learned, SocketAddr), Fault> {
        let (stream, peer) = reach(addresses).await.map_err(|error| Fault::connect(&error))?;
        let tcp = Tcp::new(stream);
        let line = tcp.line();
        let Some(name) = to.tls.clone() else {
            return Ok((tcp.into(), line, Learned::default(), peer));
        };
        phases.mark(Mark::ShakingHands);
        let (stream, learned) = self.secure(name, tcp).await;
        let stream = stream.map_err(|error| Fault::handshake(&error, &learned, &line))?;
        Ok((stream, line, learned, peer))
    }

    async fn secure(&self, name: ServerName<'static>, tcp: Tcp) -> (io::Result<Stream>, Learned) {
        let (stream, learned) = tls::handshake(&self.0.connector, name, tcp).await;
        (stream.map(Stream::from), learned)
    }
}

/// HTTP/1 that bears with what other clients bear with: a space before a colon, folded lines, lines
/// that are no headers.
fn tolerant() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .max_headers(HEADERS)
        .max_buf_size(HEAD);
    http
}

/// The first of these addresses that accepts a connection: each is given a moment before the next
/// is tried as well.
pub async fn reach(addresses: &[SocketAddr]) -> io::Result<(TcpStream, SocketAddr)> {
    let mut rest = in_turns(addresses).into_iter().take(TRIED);
    let mut trying = FuturesUnordered::new();
    let mut worst: Option<io::Error> = None;
    loop {
        let is_last = match rest.next() {
            Some(address) => {
                trying.push(connect(address));
                false
            }
            None => true,
        };
        let mut moment = pin!(tokio::time::sleep(NEXT));
        // Until one is there, one more is to be tried, or none is left.
        loop {
            tokio::select! {
                tried = trying.next() => match tried {
                    Some(Ok(connected)) => return Ok(connected),
                    Some(Err(error)) => {
                        worst = Some(worst.filter(|before| weight(before) >= weight(&error))
                            .unwrap_or(error));
                        if !is_last {
                            break;
                        }
                    }
                    None if is_last => return Err(worst
                        .unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())),
                    None => break,
                },
                () = &mut moment, if !is_last => break,
            }
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let connected = TcpStream::connect(address).await;
    let stream = connected.map_err(|error| match error.kind() {
        // What a machine without IPv6 says of every IPv6 address: that is no lack of ports.
        io::ErrorKind::AddrNotAvailable if address.is_ipv6() => {
            io::ErrorKind::NetworkUnreachable.into()
        }
        _ => error,
    })?;
    stream.set_nodelay(true)?;
    Ok((stream, address))
}

/// Of several failures the one that says most: a host that refuses is there, one that cannot be
/// reached may be meant for others.
fn weight(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => 0,
        io::ErrorKind::TimedOut => 1,
        _ => 2,
    }
}

/// The two families by turns, beginning with the one that was named first.
fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_six = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == is_six);
    let mut second = second.into_iter();
    let mut turns: Vec<_> =
        first.into_iter().flat_map(|address| [Some(address), second.next()]).flatten().collect();
    turns.extend(second);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_get_their_turn() {
        let parse = |list: &[&str]| {
            list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>()
        };
        let turns = in_turns(&parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]));
        assert_eq!(turns, parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]));
        let turns = in_turns(&parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
        assert_eq!(turns, parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
        assert_eq!(in_turns(&[]), []);
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_keep_the_next_from_being_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let closed =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(reach(&[closed, good]).await.unwrap().1, good);
        assert_eq!(
            reach(&[closed, closed]).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert!(reach(&[]).await.is_err());
    }
}
