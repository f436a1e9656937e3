//! Reads settings from `SERVICE_HOOKS_` variables. Variables with this prefix also come from
//! Kubernetes, which names them after a Service, and from users of the command line; those are
//! ignored. An empty variable means unset.

use std::collections::HashSet;

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    providers::Env,
    value::{Dict, Map, Value},
};

pub const PREFIX: &str = "SERVICE_HOOKS_";

/// Variables for the command line, not for the server.
const CLIENT_VARIABLES: &[&str] = &["server", "token"];
/// Prefix of variables that only tests read.
const TEST_PREFIX: &str = "test_";
/// Settings that are always text. figment would parse a directory called `2024` as a number.
const TEXT_SETTINGS: &[&str] =
    &["database_url", "listen", "data_dir", "public_url", "hosts", "master_key_file"];
const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Adds the environment to `base`, and overrides it.
pub(super) fn merge(base: Figment) -> Figment {
    let prefixed = Env::prefixed(PREFIX);
    let settings: HashSet<String> = prefixed
        .iter()
        .filter(|(name, value)| is_setting(name.as_str(), value))
        .map(|(name, _)| name.to_string())
        .collect();
    let texts = prefixed.iter().filter(|(name, _)| {
        settings.contains(name.as_str()) && TEXT_SETTINGS.contains(&name.as_str())
    });
    let texts =
        Texts(texts.map(|(name, value)| (name.to_string(), value.trim().to_owned())).collect());
    let others = prefixed.clone().filter(move |name| {
        let name = name.as_str().to_ascii_lowercase();
        settings.contains(&name) && !TEXT_SETTINGS.contains(&name.as_str())
    });
    base.merge(others.split("__")).merge(texts)
}

/// Variables whose values are not parsed.
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

/// Whether a variable is a setting of the server. `name` is without the prefix and in lower case.
fn is_setting(name: &str, value: &str) -> bool {
    !(value.trim().is_empty()
        || CLIENT_VARIABLES.contains(&name)
        || name.starts_with(TEST_PREFIX)
        || is_service_link(name, value))
}

/// Whether Kubernetes set the variable: it sets these in every container for each Service called
/// `service-hooks` or `service-hooks-...`.
fn is_service_link(name: &str, value: &str) -> bool {
    let ends_in = |word: &str| name == word || name.ends_with(&format!("_{word}"));
    let is_url = PROTOCOLS.iter().any(|protocol| value.starts_with(&format!("{protocol}://")));
    ends_in("service_host")
        || ends_in("service_port")
        || name.starts_with("service_port_")
        || name.contains("_service_port_")
        || (ends_in("port") && is_url)
        || name.match_indices("port_").any(|(at, word)| names_a_port(&name[at + word.len()..]))
}

/// Whether a suffix has the form `3000_tcp`, `3000_tcp_addr`, ...
fn names_a_port(suffix: &str) -> bool {
    let protocol = suffix.trim_start_matches(|digit: char| digit.is_ascii_digit());
    protocol.len() < suffix.len()
        && PROTOCOLS.iter().any(|known| {
            let end = protocol.strip_prefix('_').and_then(|protocol| protocol.strip_prefix(known));
            end.is_some_and(|end| end.is_empty() || end.starts_with('_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_service_variables_are_distinguished_from_settings() {
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
        for (name, value, is_link) in rows {
            assert_eq!(is_service_link(name, value), is_link, "{name}={value}");
        }
    }
}
