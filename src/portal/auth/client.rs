//! The client's address: the peer address of the connection or, behind a trusted proxy, the one
//! that the proxy reports. Used by rate limits and the audit log.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The peer address of the TCP connection. `http::accept` adds it to every request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

pub const FORWARDED: &str = "x-forwarded-for";

/// The client's address. Each proxy appends the address of its client to `X-Forwarded-For`, so the
/// header is read from the right, up to the first address that is not a trusted proxy. Everything
/// to the left of that may be forged. Bytes there that are not valid text must not affect the
/// result.
pub fn address(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|range| range.contains(address));
    let mut client =
        extensions.get::<Peer>().map_or(Ipv6Addr::UNSPECIFIED.into(), |peer| peer.0.to_canonical());
    let forwarded: Vec<&[u8]> = headers
        .get_all(FORWARDED)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .collect();
    for entry in forwarded.into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        let Some(address) = std::str::from_utf8(entry).ok().and_then(|text| parse(text.trim()))
        else {
            break;
        };
        client = address;
    }
    client
}

/// Parses an IP address; some proxies append a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(text, |(address, _)| address);
    let with_port = || text.parse::<std::net::SocketAddr>().map(|address| address.ip());
    bare.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|address| address.to_canonical())
}

/// The network that rate limits count a client under: the IPv4 address, or the /64 prefix of an
/// IPv6 address, because a client chooses the remaining 64 bits freely.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// The /48 prefix of an IPv6 address. Providers assign up to a /48 per customer, which is 65,536
/// networks of /64.
pub fn site(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => {
            Some(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client_of(peer: &str, lines: &[&str]) -> String {
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        extensions.insert(Peer(peer.parse().unwrap()));
        for line in lines {
            headers.append(FORWARDED, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        address(&extensions, &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_may_report_the_client_address() {
        assert_eq!(client_of("203.0.113.9", &[]), "203.0.113.9");
        assert_eq!(
            client_of("203.0.113.9", &["198.51.100.1"]),
            "203.0.113.9",
            "made up by a stranger"
        );
        assert_eq!(client_of("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client_of("::ffff:10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client_of("fd00::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(
            client_of("10.0.0.1", &["1.2.3.4, 198.51.100.1, 10.0.0.2"]),
            "198.51.100.1",
            "two proxies"
        );
        assert_eq!(
            client_of("10.0.0.1", &["1.2.3.4", "198.51.100.1"]),
            "198.51.100.1",
            "two lines"
        );
        assert_eq!(
            client_of("10.0.0.1", &["\u{e9}, 198.51.100.1"]),
            "198.51.100.1",
            "a stranger's bytes before the proxy's own"
        );
        assert_eq!(
            client_of("10.0.0.1", &["1.2.3.4, unknown"]),
            "10.0.0.1",
            "what is no address ends it"
        );
        assert_eq!(client_of("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn one_ipv6_network_counts_as_one_client() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
    }
}
