//! What may be typed as a callback URL. Checked when it is saved and again before every send,
//! because rules and stored rows outlive each other. Which *addresses* may be dialled is
//! `engine::delivery::guard`'s question, not this file's.
//!
//! The order of the checks matters: URL parsers quietly repair what people and attackers type (tabs
//! vanish, backslashes turn, `0x7f.1` becomes 127.0.0.1), so the raw text is judged first and the
//! parsed form is compared with it.

use std::net::IpAddr;

use url::Url;

/// Longest URL, in bytes.
pub const MAX_URL: usize = 2048;

/// Ports above 1023 that browsers refuse to talk to (WHATWG Fetch, "bad port").
const BAD_PORTS: &[u16] = &[
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 10080,
];

/// Last labels that never name a public host.
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

/// Where a callback goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Spelled as an address, in its canonical spelling.
    Ip(IpAddr),
    /// A name, lower case, punycode, without a trailing dot. `private` when it can only mean
    /// something inside the operator's own network; such a name is acceptable only where it
    /// resolves into an allowed range.
    Name { name: String, private: Option<PrivateName> },
}

/// Why a name cannot be a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateName {
    Special,
    SingleLabel,
}

/// A callback URL that passed the rules of spelling, in the one form that is stored and sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub url: Url,
    pub host: Host,
    pub port: u16,
}

impl Endpoint {
    /// The scheme, host and port: what an API key is bound to.
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.url.scheme(), self.url.host_str().unwrap_or_default(), self.port)
    }
}

/// Why a callback URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlProblem {
    Required,
    TooLong,
    ControlOrSpace,
    Backslash,
    SchemeOrForm,
    HttpsOnly,
    UserInfo,
    PercentInHost,
    Parse,
    Fragment,
    Port,
    BadName,
    SpecialName,
    SingleLabel,
    IpRange,
    IpNonCanonical,
}

impl UrlProblem {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::TooLong => "too-long",
            Self::ControlOrSpace => "ctl-or-space",
            Self::Backslash => "backslash",
            Self::SchemeOrForm => "scheme-or-form",
            Self::HttpsOnly => "https-only",
            Self::UserInfo => "userinfo",
            Self::PercentInHost => "pct-in-host",
            Self::Parse => "parse",
            Self::Fragment => "fragment",
            Self::Port => "port",
            Self::BadName => "bad-name",
            Self::SpecialName => "special-name",
            Self::SingleLabel => "single-label",
            Self::IpRange => "ip-range",
            Self::IpNonCanonical => "ip-noncanonical",
        }
    }

    /// What was wrong and what to do.
    pub fn message(self) -> &'static str {
        match self {
            Self::Required => "Enter the URL that is called when the event happens.",
            Self::TooLong => "Enter a URL of at most 2,048 bytes.",
            Self::ControlOrSpace => {
                "Remove spaces, tabs, line breaks and control characters from the URL."
            }
            Self::Backslash => "Use forward slashes: a URL cannot contain a backslash.",
            Self::SchemeOrForm => {
                "Enter a complete URL that starts with https://, such as https://example.com/hook."
            }
            Self::HttpsOnly => {
                "Enter a URL that starts with https://. The operator has not allowed plain http."
            }
            Self::UserInfo => {
                "Remove the user name and password: the URL may not contain @ before the path."
            }
            Self::PercentInHost => "Write the host without percent signs.",
            Self::Parse => "Enter a valid URL: its host or port cannot be understood.",
            Self::Fragment => "Remove the part from # on: a fragment is never sent.",
            Self::Port => {
                "Use port 80, 443 or one from 1024 that is not reserved for another protocol."
            }
            Self::BadName => {
                "Enter a valid host name: parts of 1 to 63 letters, digits and inner hyphens, \
                 joined by dots."
            }
            Self::SpecialName => {
                "Enter a public host name: this one only works inside a private network, which the \
                 operator has not allowed."
            }
            Self::SingleLabel => {
                "Enter a full host name with a dot: short names only work inside a private \
                 network, which the operator has not allowed."
            }
            Self::IpRange => {
                "Enter a public address: private, loopback, link-local and metadata addresses are \
                 not allowed unless the operator allows their range."
            }
            Self::IpNonCanonical => "Write the address in its usual form, such as 8.8.8.8.",
        }
    }
}

/// Judges the spelling of a callback URL. `allow_http` is the operator's choice.
///
/// An address that is spelled unusually is returned as refused only when `vet` accepts it: a
/// forbidden address is reported as such however it is spelled.
pub fn parse(
    raw: &str,
    allow_http: bool,
    vet: impl Fn(IpAddr) -> bool,
) -> Result<Endpoint, UrlProblem> {
    let authority = judge_raw(raw)?;
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
            judge_ip(IpAddr::V4(address), host_text, &address.to_string(), &vet)?
        }
        Some(url::Host::Ipv6(address)) => {
            judge_ip(IpAddr::V6(address), host_text, &format!("[{address}]"), &vet)?
        }
        Some(url::Host::Domain(name)) => judge_name(name)?,
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

/// The checks that must see the text before any parser repaired it. Returns the authority.
fn judge_raw(raw: &str) -> Result<&str, UrlProblem> {
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
    let (scheme, rest) = (&raw[..scheme_end], &raw[scheme_end + 3..]);
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlProblem::SchemeOrForm);
    }
    if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        return Err(UrlProblem::SchemeOrForm);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
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

fn judge_ip(
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

fn judge_name(name: &str) -> Result<Host, UrlProblem> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(UrlProblem::BadName);
    }
    Ok(Host::Name { name: name.to_owned(), private: private_name(name) })
}

/// Is this (lower-case) name one that can only mean something inside the operator's network?
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

/// For a text the parser refused: is it a plain host name with a malformed label (and not broken
/// punycode)?
fn is_bad_ascii_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let labels = || host.split('.');
    host.bytes().all(plain)
        && !labels().any(|label| label.eq_ignore_ascii_case("xn--"))
        && labels().any(|label| !is_label(&label.to_ascii_lowercase()))
}

impl PrivateName {
    /// The problem it is where no allowed range makes the name acceptable.
    pub fn problem(self) -> UrlProblem {
        match self {
            Self::Special => UrlProblem::SpecialName,
            Self::SingleLabel => UrlProblem::SingleLabel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(raw: &str) -> Result<String, UrlProblem> {
        parse(raw, true, |_| true).map(|endpoint| endpoint.url.to_string())
    }

    #[test]
    fn the_stored_form_is_canonical() {
        assert_eq!(
            judge("https://Example.COM./Hook?a=B"),
            Ok("https://example.com/Hook?a=B".into())
        );
        assert_eq!(judge("https://fa\u{df}.de/"), Ok("https://xn--fa-hia.de/".into()));
        assert_eq!(judge("https://example.com:443"), Ok("https://example.com/".into()));
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
        assert_eq!(judge("http://0x08080808/"), Err(UrlProblem::IpNonCanonical));
        assert_eq!(judge("http://8.8.8.8/"), Ok("http://8.8.8.8/".into()));
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
        assert_eq!(judge(&long), Err(UrlProblem::TooLong));
        let grows = format!("https://example.com/{}", "\u{e9}".repeat(900));
        assert_eq!(judge(&grows), Err(UrlProblem::TooLong));
    }
}
