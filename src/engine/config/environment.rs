//! The environment's part of the settings. It is shared with the platform and with the command
//! line: what either of them sets is passed over, and an empty variable means unset.

use std::collections::HashSet;

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    providers::Env,
    value::{Dict, Map, Value},
};

pub const PREFIX: &str = "SERVICE_HOOKS_";

/// Variables with our prefix that speak to the command line, not to the server.
const CLIENT: &[&str] = &["server", "token"];
/// Variables with our prefix that only the tests read.
const TESTS: &str = "test_";
/// Settings that are text however it looks: `2024` is a folder, not a number.
const TEXTS: &[&str] =
    &["database_url", "listen", "data_dir", "public_url", "hosts", "master_key_file"];
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Lays the environment over what was read before.
pub(super) fn merge(before: Figment) -> Figment {
    let prefixed = Env::prefixed(PREFIX);
    let ours: HashSet<String> = prefixed
        .iter()
        .filter(|(name, value)| is_ours(name.as_str(), value))
        .map(|(name, _)| name.to_string())
        .collect();
    let texts = prefixed
        .iter()
        .filter(|(name, _)| ours.contains(name.as_str()) && TEXTS.contains(&name.as_str()));
    let texts =
        Texts(texts.map(|(name, value)| (name.to_string(), value.trim().to_owned())).collect());
    let others = prefixed.clone().filter(move |name| {
        let name = name.as_str().to_ascii_lowercase();
        ours.contains(&name) && !TEXTS.contains(&name.as_str())
    });
    before.merge(others.split("__")).merge(texts)
}

/// Variables whose value is taken as it is written.
struct Texts(Vec<(String, String)>);

impl Provider for Texts {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variable(s)")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let dict: Dict = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        Ok(Profile::Default.collect(dict))
    }
}

/// Is a variable (without the prefix, in lower case) meant for the settings?
fn is_ours(name: &str, value: &str) -> bool {
    !(value.trim().is_empty()
        || CLIENT.contains(&name)
        || name.starts_with(TESTS)
        || is_of_platform(name, value))
}

/// Kubernetes sets these in every container for each Service called `service-hooks` or
/// `service-hooks-...`.
fn is_of_platform(name: &str, value: &str) -> bool {
    let ends_in = |word: &str| name == word || name.ends_with(&format!("_{word}"));
    let is_link = PROTOCOLS.iter().any(|protocol| value.starts_with(&format!("{protocol}://")));
    ends_in("service_host")
        || ends_in("service_port")
        || name.starts_with("service_port_")
        || name.contains("_service_port_")
        || (ends_in("port") && is_link)
        || name.match_indices("port_").any(|(at, word)| names_a_port(&name[at + word.len()..]))
}

/// `3000_tcp`, `3000_tcp_addr`, ...
fn names_a_port(rest: &str) -> bool {
    let protocol = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
    protocol.len() < rest.len()
        && PROTOCOLS.iter().any(|known| {
            let end = protocol.strip_prefix('_').and_then(|protocol| protocol.strip_prefix(known));
            end.is_some_and(|end| end.is_empty() || end.starts_with('_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_platform_sets_for_a_service_is_told_from_a_setting() {
        let rows = [
            ("port", "tcp://10.96.0.12:3000", true),
            ("port", "8080", false),
            ("port_3000_tcp", "tcp://10.96.0.12:3000", true),
            ("port_3000_tcp_proto", "tcp", true),
            ("port_3000_tcp_port", "3000", true),
            ("port_3000_tcp_addr", "10.96.0.12", true),
            ("port_53_udp_addr", "10.96.0.12", true),
            ("service_host", "10.96.0.12", true),
            ("service_port", "3000", true),
            ("service_port_http", "3000", true),
            ("metrics_service_host", "10.96.0.13", true),
            ("metrics_service_port_http", "9090", true),
            ("metrics_port", "tcp://10.96.0.13:9090", true),
            ("metrics_port_9090_tcp_addr", "10.96.0.13", true),
            ("listn", "127.0.0.1:1", false),
            ("port_x_tcp", "1", false),
            ("port_3000", "1", false),
            ("egress__allow_http", "true", false),
        ];
        for (name, value, is_platforms) in rows {
            assert_eq!(is_of_platform(name, value), is_platforms, "{name}={value}");
        }
    }
}
