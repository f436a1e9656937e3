//! SSRF guard: which IP addresses deliveries may connect to. Pure, and tested against an
//! independent table. By default only public unicast addresses are allowed. Operators add ranges,
//! never names.
//!
//! IPv6 uses an allow list (2000::/3, the only block that is assigned for global unicast) instead
//! of a deny list. So mapped, compatible, translated and NAT64 forms of IPv4 addresses are refused,
//! and so is every block that is assigned in future.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 blocks that are refused: the IANA special-purpose registry, and 168.63.129.16, Azure's wire
/// server, which no registry lists.
const NOT_PUBLIC_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([168, 63, 129, 16], 32),
];

/// Parts of 2000::/3 that are refused because they are not public unicast.
const NOT_PUBLIC_V6: &[([u16; 8], u8)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48),
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// The well-known NAT64 prefix (RFC 6052): name servers of IPv6-only networks embed IPv4 addresses
/// in it.
const NAT64: ([u16; 8], u8) = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Metadata services of cloud providers, which hand out credentials. An allowed range that contains
/// one of these blocks does not open it. Only a range inside of the block does.
const METADATA: &[&str] = &[
    "169.254.0.0/16",
    "169.254.169.254/32",
    "169.254.170.2/32",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "168.63.129.16/32",
    "fe80::/10",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
];

/// The policy of this server: the defaults and the ranges that the operator allowed.
#[derive(Clone, Debug)]
pub struct Guard {
    allowed: Vec<IpNet>,
    metadata: Vec<IpNet>,
}

impl Guard {
    pub fn new(allowed: &[IpNet]) -> Self {
        let metadata = METADATA
            .iter()
            .map(|block| block.parse().expect("the constant blocks are well formed"))
            .collect();
        Self { allowed: allowed.to_vec(), metadata }
    }

    /// Whether a connection to this address may be opened.
    pub fn may_dial(&self, address: IpAddr) -> bool {
        is_public(address) || self.is_allowed(address)
    }

    /// The same for an address that came from a name server. In an IPv6-only network that can be
    /// the receiver's IPv4 address embedded in [`NAT64`], which a gateway translates back. The
    /// embedded address must be public: ranges that the operator allowed are not reached through a
    /// gateway.
    pub fn may_dial_resolved(&self, address: IpAddr) -> bool {
        self.may_dial(address)
            || embedded_ipv4(address).is_some_and(|inner| is_public(inner.into()))
    }

    /// Why this address is refused, in a few words. They are stored in `detail`.
    pub fn refusal_reason(&self, address: IpAddr) -> &'static str {
        if self.metadata.iter().any(|block| block.contains(&address)) {
            return "link-local or a cloud's metadata";
        }
        match address {
            IpAddr::V4(address) if address.is_loopback() => "loopback",
            IpAddr::V4(address) if address.is_private() => "private",
            IpAddr::V4(address) if in_v4(address, [100, 64, 0, 0], 10) => {
                "a provider's own network"
            }
            IpAddr::V4(address) if address.is_multicast() => "multicast",
            IpAddr::V6(address) if address.is_loopback() => "loopback",
            IpAddr::V6(address) if address.is_unique_local() => "private",
            IpAddr::V6(address) if address.is_multicast() => "multicast",
            IpAddr::V6(_) if embedded_ipv4(address).is_some() => {
                "a forbidden IPv4 address behind NAT64"
            }
            _ => "reserved",
        }
    }

    /// Whether the operator allowed a range with this address.
    pub fn is_allowed(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|range| {
            let metadata = || self.metadata.iter().filter(|block| block.contains(&address));
            range.contains(&address) && metadata().all(|block| block.contains(range))
        })
    }

    /// Whether the operator allowed any range.
    pub fn allows_ranges(&self) -> bool {
        !self.allowed.is_empty()
    }
}

/// The IPv4 address that is embedded in a NAT64 address.
fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, d] = [12, 13, 14, 15].map(|at| address.octets()[at]);
    in_v6(address, NAT64.0, NAT64.1).then(|| Ipv4Addr::new(a, b, c, d))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !NOT_PUBLIC_V4.iter().any(|(network, length)| in_v4(address, *network, *length))
        }
        IpAddr::V6(address) => {
            address.segments()[0] & 0xe000 == 0x2000
                && !NOT_PUBLIC_V6.iter().any(|(network, length)| in_v6(address, *network, *length))
        }
    }
}

fn in_v4(address: Ipv4Addr, network: [u8; 4], length: u8) -> bool {
    Ipv4Net::new_assert(network.into(), length).contains(&address)
}

fn in_v6(address: Ipv6Addr, network: [u16; 8], length: u8) -> bool {
    Ipv6Net::new_assert(network.into(), length).contains(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        Guard::new(&allowed.iter().map(|range| range.parse().unwrap()).collect::<Vec<_>>())
    }

    fn may(guard: &Guard, address: &str) -> bool {
        guard.may_dial(address.parse().unwrap())
    }

    #[test]
    fn only_public_unicast_addresses_are_allowed() {
        let strict = guard(&[]);
        for public in [
            "8.8.8.8",
            "11.0.0.1",
            "100.128.0.1",
            "223.255.255.254",
            "172.32.0.1",
            "2001:200::1",
            "2606:4700::1",
        ] {
            assert!(may(&strict, public), "{public}");
        }
        let refused = [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2002:808:808::1",
            "2001:0:1::",
            "3fff::1",
            "4000::1",
            "5f00::1",
        ];
        for private in refused {
            assert!(!may(&strict, private), "{private}");
        }
    }

    /// Compares with the classification in the standard library, at the edges of every /16.
    #[test]
    fn every_ipv4_block_agrees_with_the_standard_library() {
        let strict = guard(&[]);
        for high in 0..=u16::MAX {
            for low in [0, 1, 0x7fff, u16::MAX] {
                let address = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
                let is_forbidden = address.is_private()
                    || address.is_loopback()
                    || address.is_link_local()
                    || address.is_multicast()
                    || address.is_broadcast()
                    || address.is_documentation()
                    || address.is_unspecified()
                    || address.octets()[0] >= 224;
                assert!(!is_forbidden || !strict.may_dial(address.into()), "{address}");
            }
        }
    }

    #[test]
    fn an_allowed_range_opens_only_itself() {
        let loopback = guard(&["127.0.0.0/8"]);
        assert!(may(&loopback, "127.0.0.1") && may(&loopback, "127.9.9.9"));
        assert!(
            !may(&loopback, "::1")
                && !may(&loopback, "10.0.0.1")
                && !may(&loopback, "::ffff:127.0.0.1")
        );
    }

    #[test]
    fn nat64_is_allowed_for_resolved_public_addresses_only() {
        for range in [&[][..], &["10.0.0.0/8", "127.0.0.0/8"]] {
            let guard = guard(range);
            let resolved = |address: &str| guard.may_dial_resolved(address.parse().unwrap());
            assert!(resolved("64:ff9b::808:808") && !may(&guard, "64:ff9b::808:808"));
            for forbidden in [
                "127.0.0.1",
                "10.0.0.1",
                "169.254.169.254",
                "168.63.129.16",
                "192.168.1.1",
                "0.0.0.0",
            ] {
                assert!(!resolved(&format!("64:ff9b::{forbidden}")), "{forbidden}");
            }
            for other in
                ["64:ff9b:1::808:808", "64:ff9b:0:0:1::808:808", "::ffff:8.8.8.8", "::8.8.8.8"]
            {
                assert!(!resolved(other), "{other}");
            }
        }
    }

    #[test]
    fn a_refusal_has_a_reason() {
        let strict = guard(&[]);
        let rows = [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("10.1.2.3", "private"),
            ("fd00::1", "private"),
            ("100.64.0.1", "a provider's own network"),
            ("169.254.169.254", "link-local or a cloud's metadata"),
            ("fe80::1", "link-local or a cloud's metadata"),
            ("ff02::1", "multicast"),
            ("64:ff9b::a00:1", "a forbidden IPv4 address behind NAT64"),
            ("240.0.0.1", "reserved"),
        ];
        for (address, why) in rows {
            assert_eq!(strict.refusal_reason(address.parse().unwrap()), why, "{address}");
        }
    }

    #[test]
    fn a_range_that_contains_a_metadata_block_does_not_open_it() {
        let wide = guard(&["0.0.0.0/0", "::/0"]);
        assert!(may(&wide, "10.0.0.1") && may(&wide, "fc00::1"));
        for metadata in [
            "169.254.169.254",
            "169.254.1.1",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "fe80::1",
        ] {
            assert!(!may(&wide, metadata), "{metadata}");
        }
        let link_local = guard(&["169.254.0.0/16"]);
        assert!(may(&link_local, "169.254.1.1") && !may(&link_local, "169.254.169.254"));
        assert!(may(&guard(&["169.254.169.254/32"]), "169.254.169.254"));
    }
}
