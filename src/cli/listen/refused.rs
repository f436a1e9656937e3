//! Refuses requests that are not deliveries. Any web page can make a browser send requests to this
//! machine; none of their content may be printed.

use axum::http::{HeaderMap, Method, StatusCode, header, uri::Authority};
use url::Host;

/// The response and the printed line. Neither contains anything of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: StatusCode,
    pub why: &'static str,
}

const fn refused(status: StatusCode, why: &'static str) -> Refused {
    Refused { status, why }
}

pub const TOO_LARGE: Refused =
    refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than any delivery");
pub const BROKEN: Refused = refused(StatusCode::BAD_REQUEST, "the body did not arrive completely");
const HOST: Refused = refused(StatusCode::FORBIDDEN, "the Host header does not name this computer");
const BROWSER: Refused = refused(StatusCode::FORBIDDEN, "the request comes from a web page");
const METHOD: Refused = refused(StatusCode::METHOD_NOT_ALLOWED, "deliveries are sent with POST");
const KIND: Refused = refused(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "deliveries have the content type application/json",
);

/// Checks a request's head before its body is read.
pub fn check(method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    // DNS rebinding: a page whose name resolves to this computer is same-origin for the browser.
    // Only the `Host` header reveals it.
    if !names_this_computer(headers) {
        return Err(HOST);
    }
    // Browsers set these and pages cannot remove them. The portal's deliveries have neither.
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Err(BROWSER);
    }
    if method != Method::POST {
        return Err(METHOD);
    }
    // Pages may send plain text and forms cross-origin without a CORS preflight, but not JSON.
    if !is_json(headers) { Err(KIND) } else { Ok(()) }
}

fn names_this_computer(headers: &HeaderMap) -> bool {
    let named =
        headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    match named.as_ref().map(|named| Host::parse(named.host())) {
        Some(Ok(Host::Domain(name))) => name == "localhost",
        Some(Ok(Host::Ipv4(address))) => address.is_loopback(),
        Some(Ok(Host::Ipv6(address))) => address.is_loopback(),
        Some(Err(_)) | None => false,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn outcome(method: Method, headers: &[(&'static str, &'static str)]) -> Result<(), u16> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        check(&method, &pairs.collect()).map_err(|refused| refused.status.as_u16())
    }

    #[test]
    fn only_a_delivery_to_this_computer_passes() {
        let json = ("content-type", "application/json");
        for host in ["localhost", "LOCALHOST:4000", "127.0.0.1:4000", "127.9.9.9", "[::1]:4000"] {
            assert_eq!(outcome(Method::POST, &[("host", host), json]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:4000",
            "10.0.0.1",
            "0.0.0.0",
            "[::]:4000",
            "",
            "a b",
        ] {
            assert_eq!(outcome(Method::POST, &[("host", host), json]), Err(403), "{host}");
        }
        assert_eq!(outcome(Method::POST, &[json]), Err(403));
        let here = ("host", "localhost:4000");
        for by_page in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "same-origin"),
        ] {
            assert_eq!(outcome(Method::POST, &[here, json, by_page]), Err(403), "{by_page:?}");
        }
        for method in [Method::GET, Method::OPTIONS, Method::PUT, Method::HEAD] {
            assert_eq!(outcome(method, &[here, json]), Err(405));
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "text/plain;application/json",
        ] {
            assert_eq!(outcome(Method::POST, &[here, ("content-type", kind)]), Err(415), "{kind}");
        }
        assert_eq!(outcome(Method::POST, &[here]), Err(415));
        for kind in ["application/json; charset=utf-8", "Application/JSON"] {
            assert_eq!(outcome(Method::POST, &[here, ("content-type", kind)]), Ok(()), "{kind}");
        }
    }
}
