//! A hook, ready to be sent to: everything that is the same for all its attempts is worked out
//! once.

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

/// See the module.
pub struct Target {
    pub hook: Hook,
    /// What every request carries.
    headers: HeaderMap,
    signer: Signer,
    masks: Masks,
    /// Judged at the first attempt: what may be dialled is not known here.
    destination: OnceLock<Result<Destination, UrlProblem>>,
}

/// Some receivers answer with the request they got: this masks what of it is secret.
pub struct Echo<'a> {
    target: &'a Target,
    open: &'a Open,
    sent_at: Timestamp,
    /// Signed again when the first text comes that can hold a signature: nearly none can.
    signature: OnceCell<Masks>,
}

/// Where a hook leads.
pub struct Destination {
    pub place: Place,
    pub port: u16,
    /// For TLS: whose certificate is expected.
    pub tls: Option<ServerName<'static>>,
    /// Scheme, host and port: what a connection can be used again for.
    pub origin: Arc<str>,
    host: HeaderValue,
    path: Uri,
}

/// A host that is dialled.
pub enum Place {
    Address(IpAddr),
    Name(String),
}

impl Target {
    /// Fails only for a stored key or secret that this program never stores.
    pub fn new(hook: Hook, secrets: &Secrets) -> Option<Self> {
        let mut api_key = HeaderValue::from_str(&secrets.api_key).ok()?;
        api_key.set_sensitive(true);
        let signer = Signer::new(&secrets.signing_secret)?;
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("*/*")),
            (USER_AGENT, HeaderValue::from_static(client::USER_AGENT)),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (API_KEY, api_key),
        ]);
        // What stands before it in the signing secret is no secret.
        let bare = secrets.signing_secret.strip_prefix(signing::PREFIX).unwrap_or_default();
        let masks = Masks::new(&[&secrets.api_key, bare]);
        Some(Self { hook, headers, signer, masks, destination: OnceLock::new() })
    }

    /// Where it leads, judged by the rules of spelling and, for an address, by the guard: it never
    /// reaches the resolver. Both are fixed while the program runs, so once is as good as before
    /// each attempt.
    pub fn destination(&self, guard: &Guard, allow_http: bool) -> Result<&Destination, UrlProblem> {
        let judged = self
            .destination
            .get_or_init(|| Destination::new(&self.hook.callback_url, guard, allow_http));
        judged.as_ref().map_err(|problem| *problem)
    }

    /// What must not be kept with the answer to an attempt. `sent_at` is when it was signed.
    pub fn echo<'a>(&'a self, open: &'a Open, sent_at: Timestamp) -> Echo<'a> {
        Echo { target: self, open, sent_at, signature: OnceCell::new() }
    }

    fn signature(&self, open: &Open, now: Timestamp) -> String {
        self.signer.sign(
            &open.event.webhook_id(open.is_test),
            &now.seconds().to_string(),
            &open.body,
        )
    }

    /// One delivery, signed now.
    pub fn request(&self, to: &Destination, open: &Open, now: Timestamp) -> Request<Full<Bytes>> {
        let id = open.event.webhook_id(open.is_test);
        let seconds = now.seconds().to_string();
        let signature = self.signature(open, now);
        let text = |value: String| {
            HeaderValue::from_maybe_shared(Bytes::from(value))
                .expect("ids, numbers and base64 are visible ASCII")
        };
        let mut headers = self.headers.clone();
        headers.reserve(6);
        headers.insert(HOST, to.host.clone());
        headers.insert(EVENT, HeaderValue::from_static(open.event_type.key()));
        headers.insert(ID, text(id));
        headers.insert(TIMESTAMP, text(seconds));
        headers.insert(SIGNATURE, text(signature));
        if open.is_test {
            headers.insert(TEST, HeaderValue::from_static("true"));
        }
        let mut request = Request::new(Full::new(open.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.path.clone();
        *request.headers_mut() = headers;
        request
    }
}

impl Echo<'_> {
    pub fn mask(&self, text: &mut String, is_cut: bool) {
        self.target.masks.mask(text, is_cut);
        if is_cut || text.len() >= signing::SHORTEST_SPELLING {
            let masks = self.signature.get_or_init(|| {
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
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
            .map_err(|_| UrlProblem::Parse)?;
        let (name, place) = match &endpoint.host {
            Host::Ip(address) => (ServerName::from(*address), Place::Address(*address)),
            Host::Name { name, .. } => {
                let expected = ServerName::try_from(name.clone()).map_err(|_| UrlProblem::Parse)?;
                (expected, Place::Name(name.clone()))
            }
        };
        let tls = (url.scheme() == "https").then_some(name);
        Ok(Self { place, port, tls, origin: endpoint.origin().into(), host, path })
    }
}
