//! TLS towards receivers: whom is trusted, how a handshake is made, and what can be said of one
//! that failed.

use std::{cell::RefCell, io, sync::Arc};

use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        ResolvesClientCert, Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use tokio::task_local;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{chain, wire::Tcp};

/// TLS sessions that are remembered, in all.
const SESSIONS: usize = 256;

task_local! {
    /// Of the handshake that is under way in this task.
    static LEARNED: RefCell<Learned>;
}

/// What a handshake showed beside its result.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// The receiver asked for a certificate of ours. There is none.
    pub wants_certificate: bool,
    /// Why its own certificate was refused.
    pub flaw: Option<String>,
}

/// The machine's certificates, so that an organisation's own authority works, and Mozilla's where
/// the machine has none.
pub fn config() -> Result<ClientConfig, String> {
    let failed = |error: &dyn std::fmt::Display| format!("TLS cannot be set up: {error}");
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let system = rustls_native_certs::load_native_certs();
    let (_added, _malformed) = roots.add_parsable_certificates(system.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| failed(&error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    // `dangerous` is what the library calls any verifier that is not its own: this one asks the
    // library's and adds nothing but words.
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Telling(verifier)));
    let mut config = config.with_client_cert_resolver(Arc::new(NoCertificate));
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Shakes hands, and says what was learned meanwhile.
pub async fn handshake(
    connector: &TlsConnector,
    name: ServerName<'static>,
    tcp: Tcp,
) -> (io::Result<TlsStream<Tcp>>, Learned) {
    let scope = async {
        let result = connector.connect(name, tcp).await;
        (result, LEARNED.with(|learned| learned.take()))
    };
    LEARNED.scope(RefCell::default(), scope).await
}

fn learn(what: impl FnOnce(&mut Learned)) {
    let _elsewhere = LEARNED.try_with(|learned| what(&mut learned.borrow_mut()));
}

/// The TLS error inside an `io::Error`, if there is one.
pub fn cause(error: &io::Error) -> Option<&Error> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<io::Error>() {
        Some(wrapped) => cause(wrapped),
        None => inner.downcast_ref(),
    }
}

/// What a failed handshake means. `first` is the first byte that the receiver sent.
/// `domain::failure` knows these words.
pub fn explain(error: &io::Error, learned: &Learned, first: Option<u8>) -> String {
    if let Some(flaw) = &learned.flaw {
        return flaw.clone();
    }
    match cause(error) {
        // No plain HTTP answer begins with another letter, and no TLS record with this one.
        Some(Error::InvalidMessage(_)) if first == Some(b'H') => {
            "the port speaks plain HTTP".to_owned()
        }
        Some(Error::InvalidMessage(_)) => "the port does not speak TLS".to_owned(),
        Some(Error::AlertReceived(alert)) => alerted(*alert, learned),
        Some(Error::PeerIncompatible(why)) => format!("incompatible: {why:?}"),
        Some(other) => other.to_string(),
        None if learned.wants_certificate => WANTS_CERTIFICATE.to_owned(),
        None => format!("the connection ended during the TLS handshake: {}", error.kind()),
    }
}

/// The receiver ended the connection because it wants a certificate of ours.
pub const WANTS_CERTIFICATE: &str = "the receiver demands a client certificate";

fn alerted(alert: AlertDescription, learned: &Learned) -> String {
    match alert {
        AlertDescription::CertificateRequired => WANTS_CERTIFICATE.to_owned(),
        AlertDescription::ProtocolVersion => {
            "incompatible: the receiver offers neither TLS 1.2 nor 1.3".to_owned()
        }
        AlertDescription::UnrecognisedName => {
            "the receiver does not know this host name (TLS alert)".to_owned()
        }
        _ if learned.wants_certificate => WANTS_CERTIFICATE.to_owned(),
        AlertDescription::HandshakeFailure => {
            "incompatible: no common cipher suite (TLS alert)".to_owned()
        }
        other => format!("TLS alert {other:?}"),
    }
}

/// Decides as the library does, and keeps the reason of a refusal in words.
#[derive(Debug)]
struct Telling(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.0.verify_server_cert(leaf, others, name, ocsp, now);
        if let Err(Error::InvalidCertificate(why)) = &verdict {
            learn(|learned| learned.flaw = Some(chain::flaw(why, leaf, others)));
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Has no certificate to show, and remembers that one was asked for.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        learn(|learned| learned.wants_certificate = true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
