//! TLS client for receivers: trusted roots, handshake, and the explanation of a failed one. The
//! sentences are stored in `detail` and `view::words::failure` matches them: their bytes must not
//! change.

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

/// Size of the cache for TLS session resumption, over all receivers.
const MAX_SESSIONS: usize = 256;

task_local! {
    /// Findings of the handshake that this task is in. rustls calls the verifier without any
    /// context of the caller, so they are passed through a task local.
    static FINDINGS: RefCell<HandshakeFindings>;
}

/// Facts about a handshake that its `Result` does not carry.
#[derive(Clone, Debug, Default)]
pub struct HandshakeFindings {
    /// The receiver requested a client certificate. We have none.
    pub wants_certificate: bool,
    /// Why the receiver's certificate was rejected, as a sentence.
    pub certificate_problem: Option<String>,
}

/// The client configuration. It trusts Mozilla's roots and the machine's, so that an organisation's
/// private authority works. Also used by the HTTP client of the command line.
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
    // rustls calls every custom verifier `dangerous`. This one delegates each decision to the
    // library's verifier and only records the reason of a rejection.
    let verifier = Arc::new(ExplainingVerifier(verifier));
    let config = config.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = config.with_client_cert_resolver(Arc::new(NoClientCertificate));
    config.resumption = Resumption::in_memory_sessions(MAX_SESSIONS);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Performs the handshake. Returns its findings also when it failed.
pub async fn handshake(
    connector: &TlsConnector,
    name: ServerName<'static>,
    tcp: Tcp,
) -> (io::Result<TlsStream<Tcp>>, HandshakeFindings) {
    let scope = async {
        let result = connector.connect(name, tcp).await;
        (result, FINDINGS.with(|findings| findings.take()))
    };
    FINDINGS.scope(RefCell::default(), scope).await
}

/// Records a finding. Outside of [`handshake`], as in the command line's client, it does nothing.
fn note(update: impl FnOnce(&mut HandshakeFindings)) {
    let _outside = FINDINGS.try_with(|findings| update(&mut findings.borrow_mut()));
}

/// The TLS error inside an `io::Error`, if there is one.
pub fn tls_error(error: &io::Error) -> Option<&Error> {
    let inner = error.get_ref()?;
    match inner.downcast_ref::<io::Error>() {
        Some(wrapped) => tls_error(wrapped),
        None => inner.downcast_ref(),
    }
}

/// Explains a failed handshake. `first_byte` is the first byte that the receiver sent.
pub fn explain(error: &io::Error, findings: &HandshakeFindings, first_byte: Option<u8>) -> String {
    if let Some(problem) = &findings.certificate_problem {
        return problem.clone();
    }
    match tls_error(error) {
        // Every plain HTTP response begins with an H, and no TLS record does.
        Some(Error::InvalidMessage(_)) if first_byte == Some(b'H') => {
            "the port speaks plain HTTP".to_owned()
        }
        Some(Error::InvalidMessage(_)) => "the port does not speak TLS".to_owned(),
        Some(Error::AlertReceived(alert)) => explain_alert(*alert, findings),
        Some(Error::PeerIncompatible(why)) => format!("incompatible: {why:?}"),
        Some(other) => other.to_string(),
        None if findings.wants_certificate => WANTS_CERTIFICATE.to_owned(),
        None => format!("the connection ended during the TLS handshake: {}", error.kind()),
    }
}

/// The receiver ended the connection after it had requested a client certificate.
pub const WANTS_CERTIFICATE: &str = "the receiver demands a client certificate";

fn explain_alert(alert: AlertDescription, findings: &HandshakeFindings) -> String {
    match alert {
        AlertDescription::CertificateRequired => WANTS_CERTIFICATE.to_owned(),
        AlertDescription::ProtocolVersion => {
            "incompatible: the receiver offers neither TLS 1.2 nor 1.3".to_owned()
        }
        AlertDescription::UnrecognisedName => {
            "the receiver does not know this host name (TLS alert)".to_owned()
        }
        _ if findings.wants_certificate => WANTS_CERTIFICATE.to_owned(),
        AlertDescription::HandshakeFailure => {
            "incompatible: no common cipher suite (TLS alert)".to_owned()
        }
        other => format!("TLS alert {other:?}"),
    }
}

/// Delegates to the library's verifier, and records why a certificate was rejected.
#[derive(Debug)]
struct ExplainingVerifier(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for ExplainingVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.0.verify_server_cert(leaf, intermediates, name, ocsp, now);
        if let Err(Error::InvalidCertificate(why)) = &verdict {
            let problem = chain::describe_rejection(why, leaf, intermediates);
            note(|findings| findings.certificate_problem = Some(problem));
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

/// Presents no client certificate, and records that the receiver requested one.
#[derive(Debug)]
struct NoClientCertificate;

impl ResolvesClientCert for NoClientCertificate {
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        note(|findings| findings.wants_certificate = true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
