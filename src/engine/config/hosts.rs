//! Host names that the portal accepts in `Host`: protection against DNS rebinding. An attacker who
//! owns a public name could point it at this server and read the portal's pages with scripts of
//! that origin. So public names must be configured.

use std::net::{IpAddr, Ipv6Addr};

/// Whether this `Host` is accepted: the host of the public URL, configured names, and names that
/// cannot be registered publicly: IP addresses, `localhost`, and names without a dot.
pub(super) fn is_known(host: &str, public_url: &str, configured: &[String]) -> bool {
    let Some(name) = host_name(host) else { return false };
    let is_address = name.parse::<IpAddr>().is_ok();
    let is_local = !name.contains('.') || name.ends_with(".localhost");
    let public = public_url.split_once("://").and_then(|(_, host)| host_name(host));
    let mut known = configured.iter().map(String::as_str).chain(public);
    is_address || is_local || known.any(|known| known.eq_ignore_ascii_case(name))
}

/// The name in a host without port, brackets and trailing dot. `None` if it is malformed.
fn host_name(host: &str) -> Option<&str> {
    if let Some(bracketed) = host.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        return (is_port(port) && address.parse::<Ipv6Addr>().is_ok()).then_some(address);
    }
    let (name, port) = host.find(':').map_or((host, ""), |colon| host.split_at(colon));
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_name_char = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_name_char) && is_port(port)).then_some(name)
}

/// Whether the text is empty, or a colon with an optional port.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

/// Validates configured names. They must not have a scheme or port.
pub(super) fn validated(hosts: Vec<String>) -> Result<Vec<String>, String> {
    let mut known = Vec::new();
    for host in hosts {
        match host_name(&host) {
            Some(name) if name.len() == host.trim_end_matches('.').len() => {
                known.push(name.to_ascii_lowercase())
            }
            _ => {
                return Err(format!(
                    "hosts: {host:?} is not a host name such as hooks.internal.example.com"
                ));
            }
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_hosts_are_accepted() {
        let configured = validated(vec!["Hooks.Internal".into()]).unwrap();
        let is_known = |host| is_known(host, "https://hooks.example.com", &configured);
        for host in [
            "hooks.example.com",
            "HOOKS.example.com:443",
            "hooks.example.com.",
            "hooks.internal:3000",
            "localhost",
            "a.localhost:3000",
            "127.0.0.1:3000",
            "10.1.2.3",
            "[::1]:3000",
            "service-hooks:3000",
        ] {
            assert!(is_known(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "evil.example",
            "hooks.example.com.evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "user@hooks.example.com",
            "hooks.example.com:99999",
            "hooks.example.com/x",
            "[::1",
            "[::1]x",
            "[evil.example]",
            "a b",
        ] {
            assert!(!is_known(host), "{host}");
        }
    }

    #[test]
    fn a_configured_name_with_scheme_or_port_is_refused() {
        for bad in ["https://a.example", "a.example:80", "", "a b"] {
            assert!(validated(vec![bad.into()]).unwrap_err().contains("such as"), "{bad}");
        }
    }
}
