//! Parses setting values that operators write in different ways: sizes, addresses, URLs, lists,
//! ranges and durations. An invalid value is refused with an example of a valid one.

use std::net::{Ipv4Addr, SocketAddr};

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de::Error};
use url::Url;

/// A list, or a text with commas as in an environment variable.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list, such as [\"a\", \"b\"], or comma-separated values")]
enum TextList {
    List(Vec<String>),
    Text(String),
}

impl TextList {
    /// The entries without surrounding white space, quotes and brackets.
    fn items(self) -> Vec<String> {
        match self {
            Self::List(items) => items,
            // Quotes and brackets can remain from a JSON-like list.
            Self::Text(text) => {
                let items =
                    text.split(',').map(|item| item.trim_matches([' ', '\t', '[', ']', '"', '\'']));
                items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
            }
        }
    }
}

/// A number of bytes, or a text with a unit such as `64 MiB`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a size, such as 64 MiB or 67108864")]
enum Size {
    Number(u64),
    Text(String),
}

impl Size {
    fn bytes<N: TryFrom<u64>, E: Error>(self) -> Result<N, E> {
        let bytes = match self {
            Self::Number(bytes) => Some(bytes),
            Self::Text(text) => text.parse().ok().map(|ByteSize(bytes)| bytes),
        };
        let fits = bytes.and_then(|bytes| N::try_from(bytes).ok());
        fits.ok_or_else(|| E::custom("expected a size, such as 64 MiB or 67108864"))
    }
}

/// Serde function for a size in bytes, of any integer type that it fits into.
pub(super) fn size<'de, N: TryFrom<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<N, D::Error> {
    Size::deserialize(deserializer)?.bytes()
}

/// Serde function for an optional size in bytes.
pub(super) fn optional_size<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    Option::<Size>::deserialize(deserializer)?.map(Size::bytes).transpose()
}

/// Parses a listen address: an IP address or `localhost`, with a port.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    match (text.parse(), local) {
        (Ok(address), _) => Ok(address),
        (Err(_), Some(port)) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        (Err(_), None) => Err(format!(
            "{text:?} is not ADDRESS:PORT. Use 127.0.0.1:3000 for this machine only, or \
             0.0.0.0:3000 for all networks"
        )),
    }
}

/// Normalises an origin to scheme, host and port, as browsers write it. Empty stays empty.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    const EXAMPLE: &str = "https://hooks.example.com";
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        return Err(format!(
            "public_url: {text:?} must begin with https:// or http:// and a host, such as {EXAMPLE}"
        ));
    };
    let is_bare =
        matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !is_bare || !url.username().is_empty() || url.password().is_some() {
        // The URL is not quoted, because it may contain a password.
        return Err(format!(
            "public_url: enter scheme and host only, without a path, such as {EXAMPLE}. The portal \
             is served at the root of a host"
        ));
    }
    Ok(url.origin().ascii_serialization())
}

/// Serde functions for a listen address.
pub(super) mod address {
    use std::net::SocketAddr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::engine::config::spelling::listen_address;

    pub fn serialize<S: Serializer>(
        address: &SocketAddr,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
        listen_address(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Serde functions for an optional listen address. Empty means none.
pub(super) mod optional_address {
    use std::net::SocketAddr;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::engine::config::spelling::listen_address;

    pub fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        address.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text =
            Option::<String>::deserialize(deserializer)?.filter(|text| !text.trim().is_empty());
        text.map(|text| listen_address(&text).map_err(D::Error::custom)).transpose()
    }
}

/// Serde functions for a list of texts.
pub(super) mod texts {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::engine::config::spelling::TextList;

    pub fn serialize<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        texts.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<String>, D::Error> {
        TextList::deserialize(deserializer).map(TextList::items)
    }
}

/// Serde functions for a list of IP ranges. A single address is a range of one.
pub(super) mod ranges {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::engine::config::spelling::TextList;

    pub fn serialize<S: Serializer>(ranges: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ranges)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
        let items = TextList::deserialize(deserializer)?.items();
        items.iter().map(|item| range(item).map_err(D::Error::custom)).collect()
    }

    /// Parses CIDR notation or a single address.
    fn range(text: &str) -> Result<IpNet, String> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| single()).map_err(|_| {
            format!(
                "{text:?} is not a range of IP addresses, such as 10.0.0.0/8 or fd00::/8 (several: \
                 10.0.0.0/8,192.168.0.0/16)"
            )
        })
    }
}

/// Serde functions for a list of durations, each written like a single one.
pub(super) mod durations {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::engine::config::spelling::TextList;

    #[derive(Serialize)]
    struct DurationText(#[serde(with = "humantime_serde")] Duration);

    pub fn serialize<S: Serializer>(list: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().copied().map(DurationText))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Duration>, D::Error> {
        let items = TextList::deserialize(deserializer)?.items();
        let duration = |item: &String| {
            let problem = |_| {
                format!("{item:?} is not a duration, such as 5s, 2m or 1h (several: 5s,30s,2m)")
            };
            humantime::parse_duration(item).map_err(problem).map_err(D::Error::custom)
        };
        items.iter().map(duration).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_address_is_an_ip_or_localhost_with_a_port() {
        for (text, address) in [
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("localhost:3999", "127.0.0.1:3999"),
            ("[::]:80", "[::]:80"),
        ] {
            assert_eq!(listen_address(text).unwrap().to_string(), address);
        }
        for text in [
            "3000",
            ":3000",
            "localhost",
            "localhost:x",
            "http://localhost:3000",
            "hooks.example.com:80",
        ] {
            let problem = listen_address(text).unwrap_err();
            assert!(problem.contains(text) && problem.contains("0.0.0.0:3000"), "{problem}");
        }
    }

    #[test]
    fn a_public_url_is_normalised_or_refused_with_an_example() {
        for (text, url) in [
            ("", ""),
            ("HTTPS://Hooks.Example.com", "https://hooks.example.com"),
            ("https://hooks.example.com/", "https://hooks.example.com"),
            ("https://hooks.example.com:443", "https://hooks.example.com"),
            (" http://localhost:3000 ", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(public_url(text).unwrap(), url, "{text}");
        }
        for text in [
            "hooks.example.com",
            "localhost:3000",
            "//hooks.example.com",
            "ftp://hooks.example.com",
            "https://",
            "https://hooks.example.com/portal",
            "https://hooks.example.com/?x",
            "https://hooks.example.com/#x",
            "https://ann:CANARY@hooks.example.com",
        ] {
            let problem = public_url(text).unwrap_err();
            assert!(
                problem.contains("https://hooks.example.com") && !problem.contains("CANARY"),
                "{problem}"
            );
        }
    }
}
