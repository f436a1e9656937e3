//! Refuses hooks whose callback URL is the portal's own address. If a name or a proxy hides that,
//! the portal refuses the delivery when it arrives (see `http::origin`). A failed delivery creates
//! no event, so there is no endless loop.

use std::net::IpAddr;

use url::Url;

use crate::{
    domain::{
        endpoint::{Endpoint, Host},
        invalid::Invalid,
    },
    engine::config::Settings,
};

const WORDS: &str =
    "This is the address of this server. Enter the URL of the system that receives the events.";

/// Refuses an endpoint at one of the portal's own addresses.
pub fn refuse(settings: &Settings, endpoint: Endpoint) -> Result<Endpoint, Invalid> {
    if is_reached_by_name(settings, &endpoint.url) || listens_at(settings, &endpoint) {
        return Err(Invalid::one("callback_url", "own-address", WORDS));
    }
    Ok(endpoint)
}

/// Whether the URL has the origin of the public URL, or another host name of the portal with the
/// public or the listening port.
fn is_reached_by_name(settings: &Settings, url: &Url) -> bool {
    let Ok(public) = Url::parse(&settings.public_url()) else { return false };
    let ports = [public.port_or_known_default(), Some(settings.listen.port())];
    let is_our_name =
        url.host_str().is_some_and(|host| settings.hosts.iter().any(|own| own == host));
    url.origin() == public.origin() || (is_our_name && ports.contains(&url.port_or_known_default()))
}

/// Whether the endpoint is an address that the portal listens on.
fn listens_at(settings: &Settings, endpoint: &Endpoint) -> bool {
    let ours = |listen: IpAddr, address: Option<IpAddr>| match address {
        Some(address) => {
            let (address, listen) = (address.to_canonical(), listen.to_canonical());
            address == listen || (address.is_loopback() && listen.is_unspecified())
        }
        // `localhost` stands for any loopback address.
        None => listen.is_loopback() || listen.is_unspecified(),
    };
    let address = match &endpoint.host {
        Host::Ip(address) => Some(*address),
        Host::Name { name, .. } if name == "localhost" || name.ends_with(".localhost") => None,
        Host::Name { .. } => return false,
    };
    let listens = [Some(settings.listen), settings.metrics.listen];
    let mut listens = listens.into_iter().flatten();
    listens.any(|listen| {
        endpoint.url.port_or_known_default() == Some(listen.port()) && ours(listen.ip(), address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint;

    fn is_refused(settings: &Settings, url: &str) -> bool {
        refuse(settings, endpoint::parse(url, true, |_| true).unwrap()).is_err()
    }

    #[test]
    fn own_addresses_are_refused_and_neighbours_are_not() {
        let public =
            Settings { public_url: "https://hooks.example.com".into(), ..Settings::default() };
        let internal = Settings { hosts: vec!["hooks.internal.example".into()], ..public.clone() };
        let everywhere =
            Settings { listen: "0.0.0.0:3000".parse().unwrap(), ..Settings::default() };
        for (settings, url) in [
            (&public, "https://hooks.example.com/api/v1/events"),
            (&public, "https://hooks.example.com:443/"),
            (&public, "http://127.0.0.1:3000/x"),
            (&public, "http://localhost:3000/"),
            (&public, "http://[::ffff:127.0.0.1]:3000/"),
            (&internal, "https://hooks.internal.example/"),
            (&internal, "http://HOOKS.internal.example:3000/"),
            (&everywhere, "http://127.0.0.1:3000/"),
            (&everywhere, "http://[::1]:3000/"),
        ] {
            assert!(is_refused(settings, url), "{url}");
        }
        for url in [
            "https://other.example.com/",
            "http://127.0.0.1:4000/",
            "http://10.0.0.1:3000/",
            "https://127.0.0.1/",
        ] {
            assert!(!is_refused(&public, url), "{url}");
        }
        assert!(
            !is_refused(&internal, "https://hooks.internal.example:8443/"),
            "another service of that machine"
        );
    }
}
