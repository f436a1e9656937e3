//! Validates callback URLs: when a hook is saved, and again before every attempt, because the rules
//! may have changed since. `engine::delivery::guard` decides which IP *addresses* are allowed.
//!
//! The order of the checks matters. URL parsers silently repair their input (they drop tabs,
//! convert backslashes, and turn `0x7f.1` into 127.0.0.1), so the raw text is checked first and the
//! parsed form is compared with it.

mod problem;

use std::net::IpAddr;

use url::Url;

pub use problem::UrlProblem;

/// Longest URL, in bytes.
pub const MAX_URL: usize = 2048;

/// Ports above 1023 that browsers block (WHATWG Fetch, "bad port").
const BAD_PORTS: &[u16] = &[
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 10080,
];

/// Top-level labels that never name a public host.
const SPECIAL_LABELS: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "arpa",
    "onion",
    "test",
    "invalid",
    "example",
    "alt",
    "consul",
    "svc",
];

/// The host of a callback URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An IP address in its canonical form.
    Ip(IpAddr),
    /// A name in lower case and punycode, without a trailing dot. `private` if it can exist only in
    /// a private network; it is accepted only if it resolves to an allowed range.
    Name { name: String, private: Option<PrivateName> },
}

/// Why a name can't be public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateName {
    Special,
    SingleLabel,
}

/// A valid callback URL in its canonical form, which is stored and called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub url: Url,
    pub host: Host,
    pub port: u16,
}

impl Endpoint {
    /// Scheme, host and port. An API key is bound to it.
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.url.scheme(), self.url.host_str().unwrap_or_default(), self.port)
    }
}

/// Parses a callback URL. `allow_http` is a setting; `vet` tells whether an IP address is allowed.
///
/// A blocked address is reported as blocked in every spelling; an unusual spelling is reported only
/// for allowed addresses.
pub fn parse(
    raw: &str,
    allow_http: bool,
    vet: impl Fn(IpAddr) -> bool,
) -> Result<Endpoint, UrlProblem> {
    let authority = check_raw(raw)?;
    let parsed = Url::parse(raw);
    let host_text = host_of(authority);
    let mut url = match parsed {
        Ok(url) => url,
        Err(_) if is_bad_ascii_name(host_text) => return Err(UrlProblem::BadName),
        Err(_) => return Err(UrlProblem::Parse),
    };
    if raw.contains('#') {
        return Err(UrlProblem::Fragment);
    }
    if url.scheme() == "http" && !allow_http {
        return Err(UrlProblem::HttpsOnly);
    }
    let port = url.port_or_known_default().ok_or(UrlProblem::Parse)?;
    let host = match url.host() {
        Some(url::Host::Ipv4(address)) => {
            check_ip(IpAddr::V4(address), host_text, &address.to_string(), &vet)?
        }
        Some(url::Host::Ipv6(address)) => {
            check_ip(IpAddr::V6(address), host_text, &format!("[{address}]"), &vet)?
        }
        Some(url::Host::Domain(name)) => check_name(name)?,
        None => return Err(UrlProblem::Parse),
    };
    if !(port == 80 || port == 443 || port >= 1024) || BAD_PORTS.contains(&port) {
        return Err(UrlProblem::Port);
    }
    if let Host::Name { name, .. } = &host {
        url.set_host(Some(name)).map_err(|_| UrlProblem::Parse)?;
    }
    if url.as_str().len() > MAX_URL {
        return Err(UrlProblem::TooLong);
    }
    Ok(Endpoint { url, host, port })
}

/// Checks the raw text, before a parser repairs it. Returns the authority.
fn check_raw(raw: &str) -> Result<&str, UrlProblem> {
    if raw.is_empty() {
        return Err(UrlProblem::Required);
    }
    if raw.len() > MAX_URL {
        return Err(UrlProblem::TooLong);
    }
    if raw.bytes().any(|byte| byte < 0x21 || byte == 0x7f) {
        return Err(UrlProblem::ControlOrSpace);
    }
    if raw.contains('\\') {
        return Err(UrlProblem::Backslash);
    }
    let scheme_end = raw.find("://").ok_or(UrlProblem::SchemeOrForm)?;
    let (scheme, after_scheme) = (&raw[..scheme_end], &raw[scheme_end + 3..]);
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlProblem::SchemeOrForm);
    }
    if after_scheme.is_empty() || after_scheme.starts_with(['/', '?', '#']) {
        return Err(UrlProblem::SchemeOrForm);
    }
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlProblem::UserInfo);
    }
    if authority.contains('%') {
        return Err(UrlProblem::PercentInHost);
    }
    Ok(authority)
}

/// The authority without its port.
fn host_of(authority: &str) -> &str {
    match authority.rfind(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn check_ip(
    address: IpAddr,
    typed: &str,
    canonical: &str,
    vet: impl Fn(IpAddr) -> bool,
) -> Result<Host, UrlProblem> {
    if !vet(address) {
        return Err(UrlProblem::IpRange);
    }
    if !typed.eq_ignore_ascii_case(canonical) {
        return Err(UrlProblem::IpNonCanonical);
    }
    Ok(Host::Ip(address))
}

fn check_name(name: &str) -> Result<Host, UrlProblem> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(UrlProblem::BadName);
    }
    Ok(Host::Name { name: name.to_owned(), private: private_name(name) })
}

/// Can this name (in lower case) exist only in a private network?
pub fn private_name(name: &str) -> Option<PrivateName> {
    let last = name.rsplit('.').next().unwrap_or(name);
    if SPECIAL_LABELS.contains(&last) {
        Some(PrivateName::Special)
    } else if !name.contains('.') {
        Some(PrivateName::SingleLabel)
    } else {
        None
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// For a text that the parser rejected: is it an ASCII host name with a malformed label (and not
/// broken punycode)?
fn is_bad_ascii_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let labels = || host.split('.');
    host.bytes().all(plain)
        && !labels().any(|label| label.eq_ignore_ascii_case("xn--"))
        && labels().any(|label| !is_label(&label.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(raw: &str) -> Result<String, UrlProblem> {
        parse(raw, true, |_| true).map(|endpoint| endpoint.url.to_string())
    }

    #[test]
    fn the_stored_form_is_canonical() {
        assert_eq!(
            parsed("https://Example.COM./Hook?a=B"),
            Ok("https://example.com/Hook?a=B".into())
        );
        assert_eq!(parsed("https://fa\u{df}.de/"), Ok("https://xn--fa-hia.de/".into()));
        assert_eq!(parsed("https://example.com:443"), Ok("https://example.com/".into()));
    }

    #[test]
    fn plain_http_is_the_operators_choice() {
        assert_eq!(
            parse("http://example.com/", false, |_| true).unwrap_err(),
            UrlProblem::HttpsOnly
        );
        assert!(parse("https://example.com/", false, |_| true).is_ok());
    }

    #[test]
    fn a_forbidden_address_is_named_as_such_however_it_is_spelled() {
        assert_eq!(parse("http://0x7f.1/", true, |_| false).unwrap_err(), UrlProblem::IpRange);
        assert_eq!(parsed("http://0x08080808/"), Err(UrlProblem::IpNonCanonical));
        assert_eq!(parsed("http://8.8.8.8/"), Ok("http://8.8.8.8/".into()));
    }

    #[test]
    fn names_that_only_work_inside_a_network_are_marked() {
        let host = |raw| parse(raw, true, |_| true).unwrap().host;
        let private = |raw| match host(raw) {
            Host::Name { private, .. } => private,
            Host::Ip(_) => None,
        };
        assert_eq!(private("http://localhost:4000/"), Some(PrivateName::Special));
        assert_eq!(private("http://redis/"), Some(PrivateName::SingleLabel));
        assert_eq!(private("http://hooks.example.com/"), None);
    }

    #[test]
    fn length_is_counted_in_bytes_of_what_is_stored() {
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        assert_eq!(parsed(&long), Err(UrlProblem::TooLong));
        let grows = format!("https://example.com/{}", "\u{e9}".repeat(900));
        assert_eq!(parsed(&grows), Err(UrlProblem::TooLong));
    }
}
