//! Host names that the portal answers to. Names that anybody can register must be configured:
//! whoever owns such a name could point it here and read the portal's pages as their own site's
//! (DNS rebinding).

use std::net::{IpAddr, Ipv6Addr};

/// Is this `Host` one of ours? Yes for the host of the public URL, for configured names, and for
/// what no stranger can register: IP addresses, `localhost`, and names without a dot.
pub(super) fn answers(host: &str, public_url: &str, configured: &[String]) -> bool {
    let Some(name) = name_of(host) else { return false };
    let is_address = name.parse::<IpAddr>().is_ok();
    let is_local = !name.contains('.') || name.ends_with(".localhost");
    let public = public_url.split_once("://").and_then(|(_, rest)| name_of(rest));
    let mut known = configured.iter().map(String::as_str).chain(public);
    is_address || is_local || known.any(|known| known.eq_ignore_ascii_case(name))
}

/// A host without its port, brackets and final dot; `None` if it is malformed.
fn name_of(host: &str) -> Option<&str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return (is_port(port) && address.parse::<Ipv6Addr>().is_ok()).then_some(address);
    }
    let (name, port) = host.find(':').map_or((host, ""), |colon| host.split_at(colon));
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_plain) && is_port(port)).then_some(name)
}

/// Nothing, or a colon and a port.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

/// Checks configured names: without scheme and port.
pub(super) fn validated(hosts: Vec<String>) -> Result<Vec<String>, String> {
    let mut known = Vec::new();
    for host in hosts {
        match name_of(&host) {
            Some(name) if name.len() == host.trim_end_matches('.').len() => {
                known.push(name.to_ascii_lowercase())
            }
            _ => {
                return Err(format!(
                    "hosts: {host:?} is not a name, such as hooks.internal.example.com"
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
    fn foreign_names_are_told_from_our_own() {
        let configured = validated(vec!["Hooks.Internal".into()]).unwrap();
        let answers = |host| answers(host, "https://hooks.example.com", &configured);
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
            assert!(answers(host), "{host}");
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
            assert!(!answers(host), "{host}");
        }
    }

    #[test]
    fn a_name_is_set_without_scheme_and_port() {
        for bad in ["https://a.example", "a.example:80", "", "a b"] {
            assert!(validated(vec![bad.into()]).unwrap_err().contains("such as"), "{bad}");
        }
    }
}
