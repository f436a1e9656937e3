//! A hook prepared for sending: everything that is the same for all of its attempts (headers,
//! signer, destination, masks) is computed once. The lane builds a new target when the hook
//! changes.

use std::{
    cell::OnceCell,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use rustls::pki_types::ServerName;
use url::Position;

use super::{
    client,
    guard::Guard,
    masking::Masks,
    signing::{self, Signer},
};
use crate::{
    domain::{
        endpoint::{self, Host, UrlProblem},
        hook::Hook,
        time::Timestamp,
    },
    engine::store::{hooks::Secrets, open::Open},
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const EVENT: HeaderName = HeaderName::from_static("x-service-hook-event");
const TEST: HeaderName = HeaderName::from_static("x-service-hook-test");
const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A hook with its prepared request parts.
pub struct Target {
    pub hook: Hook,
    /// Headers of every request.
    headers: HeaderMap,
    signer: Signer,
    masks: Masks,
    /// Computed with the first attempt, because the guard is not known before.
    destination: OnceLock<Result<Destination, UrlProblem>>,
}

/// Masks the hook's secrets in a response. Some receivers echo the request they got.
pub struct EchoMasker<'a> {
    target: &'a Target,
    open: &'a Open,
    sent_at: Timestamp,
    /// Masks for the attempt's signature. Computed lazily, because few responses are long enough to
    /// contain one.
    signature_masks: OnceCell<Masks>,
}

/// Where a hook's callback URL points to.
pub struct Destination {
    pub dial_host: DialHost,
    pub port: u16,
    /// For TLS: the name that the receiver's certificate must have. `None` for plain HTTP.
    pub tls: Option<ServerName<'static>>,
    /// Scheme, host and port. A connection is reused only for the same origin.
    pub origin: Arc<str>,
    host_header: HeaderValue,
    path: Uri,
}

/// The host of a callback URL.
pub enum DialHost {
    Address(IpAddr),
    Name(String),
}

impl Target {
    /// `None` if the stored key or secret is malformed. This program never stores such values.
    pub fn new(hook: Hook, secrets: &Secrets) -> Option<Self> {
        let mut api_key = HeaderValue::from_str(secrets.api_key.expose()).ok()?;
        api_key.set_sensitive(true);
        let signer = Signer::new(&secrets.signing_secret)?;
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("*/*")),
            (USER_AGENT, HeaderValue::from_static(client::USER_AGENT)),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (API_KEY, api_key),
        ]);
        // The prefix of a signing secret is public.
        let bare = secrets.signing_secret.strip_prefix(signing::PREFIX).unwrap_or_default();
        let masks = Masks::new(&[secrets.api_key.expose(), bare]);
        Some(Self { hook, headers, signer, masks, destination: OnceLock::new() })
    }

    /// The parsed callback URL. An IP address in it is checked by the guard here, because it never
    /// reaches the resolver. The guard and `allow_http` are fixed while the program runs, so the
    /// first result stays valid.
    pub fn destination(&self, guard: &Guard, allow_http: bool) -> Result<&Destination, UrlProblem> {
        let parsed = self
            .destination
            .get_or_init(|| Destination::new(&self.hook.callback_url, guard, allow_http));
        parsed.as_ref().map_err(|problem| *problem)
    }

    /// Masks for the response to an attempt. `sent_at` is the time that the request was signed
    /// with.
    pub fn echo_masker<'a>(&'a self, open: &'a Open, sent_at: Timestamp) -> EchoMasker<'a> {
        EchoMasker { target: self, open, sent_at, signature_masks: OnceCell::new() }
    }

    fn signature(&self, open: &Open, now: Timestamp) -> String {
        self.signer.sign(
            &open.event.webhook_id(open.is_test),
            &now.seconds().to_string(),
            &open.body,
        )
    }

    /// The request for a delivery, signed with the time `now`.
    pub fn request(
        &self,
        destination: &Destination,
        open: &Open,
        now: Timestamp,
    ) -> Request<Full<Bytes>> {
        let id = open.event.webhook_id(open.is_test);
        let seconds = now.seconds().to_string();
        let signature = self.signature(open, now);
        let text = |value: String| {
            HeaderValue::from_maybe_shared(Bytes::from(value))
                .expect("ids, numbers and base64 are visible ASCII")
        };
        let mut headers = self.headers.clone();
        headers.reserve(6);
        headers.insert(HOST, destination.host_header.clone());
        headers.insert(EVENT, HeaderValue::from_static(open.event_type.key()));
        headers.insert(ID, text(id));
        headers.insert(TIMESTAMP, text(seconds));
        headers.insert(SIGNATURE, text(signature));
        if open.is_test {
            headers.insert(TEST, HeaderValue::from_static("true"));
        }
        let mut request = Request::new(Full::new(open.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = destination.path.clone();
        *request.headers_mut() = headers;
        request
    }
}

impl EchoMasker<'_> {
    /// Masks the API key, the signing secret and the signature. `is_cut`: the text is truncated and
    /// may end in the middle of one.
    pub fn mask(&self, text: &mut String, is_cut: bool) {
        self.target.masks.mask(text, is_cut);
        if is_cut || text.len() >= signing::MIN_ENCODED_LEN {
            let masks = self.signature_masks.get_or_init(|| {
                let signature = self.target.signature(self.open, self.sent_at);
                Masks::new(&[signature.trim_start_matches("v1,")])
            });
            masks.mask(text, is_cut);
        }
    }
}

impl Destination {
    fn new(callback_url: &str, guard: &Guard, allow_http: bool) -> Result<Self, UrlProblem> {
        let endpoint =
            endpoint::parse(callback_url, allow_http, |address| guard.may_dial(address))?;
        let (url, port) = (&endpoint.url, endpoint.port);
        let path = url[Position::BeforePath..Position::AfterQuery]
            .parse()
            .map_err(|_| UrlProblem::Parse)?;
        let host_header = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
            .map_err(|_| UrlProblem::Parse)?;
        let (name, dial_host) = match &endpoint.host {
            Host::Ip(address) => (ServerName::from(*address), DialHost::Address(*address)),
            Host::Name { name, .. } => {
                let expected = ServerName::try_from(name.clone()).map_err(|_| UrlProblem::Parse)?;
                (expected, DialHost::Name(name.clone()))
            }
        };
        let tls = (url.scheme() == "https").then_some(name);
        let origin = endpoint.origin().into();
        Ok(Self { dial_host, port, tls, origin, host_header, path })
    }
}
