//! Receivers with TLS problems, with the real binary: each problem is distinguished and gets
//! correct advice. The certificates are generated here, except for X.509 version 1, which no
//! library generates any more.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, Issuer,
    KeyPair, date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use serde_json::{Value, json};
use service_hooks::engine::{config::Settings, delivery::client::plain_client};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{
    binary::{Server, command, succeed},
    db::TestDb,
    within,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// X.509 version 1, made with `openssl x509 -req -signkey`, valid for a hundred years.
const VERSION_1: &[u8] = include_bytes!("version1.cert.der");
const VERSION_1_KEY: &[u8] = include_bytes!("version1.key.der");
/// `id-pe-authorityInfoAccess` with one `caIssuers`: http://x/
const CA_ISSUERS: &[u8] =
    b"\x30\x17\x30\x15\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x09http://x/";

/// A certificate authority, signed by `by` or self-signed.
fn authority(name: &str, by: Option<&Authority>) -> Authority {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    match by {
        Some(by) => CertifiedIssuer::signed_by(params, key, by).unwrap(),
        None => CertifiedIssuer::self_signed(params, key).unwrap(),
    }
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A receiver's certificate chain and key.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Shown {
    fn by(issuer: &Issuer<'_, KeyPair>, others: &[&Authority], params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, issuer).unwrap();
        let others = others.iter().map(|other| other.der().clone());
        let chain = [leaf.der().clone()].into_iter().chain(others).collect();
        Self { chain, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }

    fn self_signed(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().clone()];
        Self { chain, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }
}

/// Presents the same certificate for every name.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// A TLS receiver that responds 200.
async fn receiver(
    shown: Shown,
    versions: &[&'static SupportedProtocolVersion],
    asks: Option<Arc<dyn ClientCertVerifier>>,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider.key_provider.load_private_key(shown.key).unwrap();
    let config =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = match asks {
        Some(verifier) => config.with_client_cert_verifier(verifier),
        None => config.with_no_client_auth(),
    };
    let config =
        config.with_cert_resolver(Arc::new(Always(Arc::new(CertifiedKey::new(shown.chain, key)))));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(
                    stream,
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                )
                .await;
            }
        }
    })
    .await
}

/// A server that sends `bytes` for every request.
async fn saying(bytes: &'static [u8]) -> SocketAddr {
    serve(move |stream| answer(stream, bytes)).await
}

async fn serve<F>(conduct: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(conduct(stream));
        }
    });
    address
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) {
    let mut request = [0; 8192];
    if matches!(stream.read(&mut request).await, Ok(1..)) {
        let _gone = stream.write_all(bytes).await;
        let _gone = stream.shutdown().await;
        while matches!(stream.read(&mut request).await, Ok(1..)) {}
    }
}

/// The real binary, which trusts the certificates in a file.
struct Scene {
    settings: Settings,
    token: String,
    client: reqwest::Client,
    _server: Server,
    _db: TestDb,
}

impl Scene {
    async fn start(trusted: &str) -> Self {
        let db = TestDb::sqlite();
        let mut settings = db.settings();
        settings.listen = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let arguments = [
            "token",
            "create",
            "--name",
            "t",
            "--permission",
            "hooks:write",
            "hooks:test",
            "deliveries:read",
        ];
        let token = succeed(&settings, &arguments, "");
        let file = settings.data_dir.join("trusted.pem");
        std::fs::write(&file, trusted).unwrap();
        let mut command = command(&settings, &["serve"]);
        let quiet = || std::process::Stdio::null();
        let child =
            command.env("SSL_CERT_FILE", file).stderr(quiet()).stdout(quiet()).spawn().unwrap();
        Self { settings, token, client: plain_client().unwrap(), _server: Server(child), _db: db }
    }

    async fn post(&self, path: &str, body: Value) -> Option<Value> {
        let url = format!("http://{}/api/v1{path}", self.settings.listen);
        let answer = self
            .client
            .post(url)
            .bearer_auth(&self.token)
            .body(body.to_string())
            .send()
            .await
            .ok()?;
        let (status, text) = (answer.status(), answer.text().await.ok()?);
        assert!(status.is_success(), "{status}: {text}");
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The attempt of a test to a URL.
    async fn attempt(&self, url: &str) -> Value {
        let body = json!({"name": "n", "event_type": "work_item.closed", "callback_url": url,
            "api_key": "k"});
        let hook =
            within(60, "the hook is made", async || self.post("/hooks", body.clone()).await).await;
        let test = self
            .post(&format!("/hooks/{}/test", hook["id"].as_str().unwrap()), json!({}))
            .await
            .unwrap();
        test["attempts"][0].clone()
    }
}

fn with(
    mut params: CertificateParams,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    change(&mut params);
    params
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tls_problem_gets_correct_advice() {
    let (ours, theirs) = (authority("Our CA", None), authority("Their CA", None));
    let middle = authority("Middle CA", Some(&ours));
    let local = || named("localhost", &["localhost"]);
    let trusted_itself = Shown::self_signed(local());
    let pem = |der: &CertificateDer<'_>| in_pem(der);
    let scene =
        Scene::start(&format!("{}{}", pem(ours.der()), pem(&trusted_itself.chain[0]))).await;
    let roots = || {
        let mut roots = RootCertStore::empty();
        roots.add(ours.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
    };
    let good = || Shown::by(&ours, &[], local());
    let linked = || with(local(), |it| it.custom_extensions = vec![access()]);
    let expired = with(local(), |it| {
        (it.not_before, it.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 2, 3));
    });
    let early = with(local(), |it| it.not_before = date_time_ymd(2999, 1, 1));
    let as_authority = with(local(), |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let version_1 = Shown {
        chain: vec![VERSION_1.into()],
        key: PrivateKeyDer::try_from(VERSION_1_KEY.to_vec()).unwrap(),
    };
    let tls = async |shown| receiver(shown, BOTH, None).await;
    // Class, detail, advice.
    let rows: Vec<(&str, SocketAddr, &str, &str)> = vec![
        ("success", tls(good()).await, "", "accepted"),
        ("success", receiver(good(), &[&TLS12], None).await, "", "accepted"),
        ("success", receiver(good(), &[&TLS13], None).await, "", "accepted"),
        ("success", tls(Shown::by(&middle, &[&middle], linked())).await, "", "accepted"),
        ("success", tls(trusted_itself).await, "", "accepted"),
        (
            "tls",
            tls(Shown::self_signed(as_authority)).await,
            "marked as an authority's",
            "won't help",
        ),
        (
            "tls",
            tls(Shown::self_signed(local())).await,
            "self-signed certificate",
            "add this one to this server's trust store",
        ),
        (
            "tls",
            tls(Shown::by(&theirs, &[&theirs], local())).await,
            "ends at \"Their CA\"",
            "your own CA",
        ),
        (
            "tls",
            tls(Shown::by(&theirs, &[], local())).await,
            "unknown issuer \"Their CA\"",
            "whole chain",
        ),
        (
            "tls",
            tls(Shown::by(&middle, &[], linked())).await,
            "certificate \"Middle CA\" was not",
            "fullchain.pem",
        ),
        (
            "tls",
            tls(Shown::by(&ours, &[], expired)).await,
            "expired on 2021-02-03",
            "Renew the certificate",
        ),
        (
            "tls",
            tls(Shown::by(&ours, &[], early)).await,
            "valid from 2999-01-01",
            "the clock of this server",
        ),
        (
            "tls",
            tls(Shown::by(&ours, &[], named("x", &["other.example"]))).await,
            "for other.example",
            "a different host name",
        ),
        (
            "tls",
            tls(Shown::by(&ours, &[], named("localhost", &[]))).await,
            "names no host",
            "subject alternative name",
        ),
        ("tls", tls(version_1).await, "X.509 version 1", "version 3 certificate"),
        (
            "tls",
            receiver(good(), &[&TLS12], Some(roots())).await,
            "demands a client",
            "client certificate, which is not supported",
        ),
        (
            "tls",
            receiver(good(), &[&TLS13], Some(roots())).await,
            "demands a client",
            "client certificate, which is not supported",
        ),
        (
            "tls",
            saying(b"\x15\x03\x01\0\x02\x02\x46").await,
            "neither TLS 1.2 nor 1.3",
            "Enable TLS 1.2 or 1.3",
        ),
        (
            "tls",
            saying(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
            "speaks plain HTTP",
            "plain HTTP",
        ),
        (
            "tls",
            saying(b"220 mail.example ESMTP\r\n").await,
            "does not speak TLS",
            "Check the port",
        ),
        ("tls", saying(b"").await, "ended during the TLS handshake", "Check that the port"),
    ];
    for (number, (class, address, detail, advice)) in rows.into_iter().enumerate() {
        let attempt = scene.attempt(&format!("https://localhost:{}/", address.port())).await;
        let said = attempt["detail"].as_str().unwrap_or_default();
        assert!(
            attempt["class"] == class && said.contains(detail),
            "row {number}, {detail:?}: {attempt}"
        );
        assert!(
            attempt["advice"].as_str().unwrap().contains(advice),
            "row {number}, {advice:?}: {attempt}"
        );
    }
    let plain = scene.attempt(&format!("http://localhost:{}/", tls(good()).await.port())).await;
    assert_eq!(plain["detail"], "the port speaks TLS", "{plain}");
}

fn access() -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], CA_ISSUERS.to_vec())
}

/// A certificate in PEM, as in a trust store file.
fn in_pem(der: &CertificateDer<'_>) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let encoded = BASE64_STANDARD.encode(der);
    let lines = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
    let body = lines.collect::<Vec<_>>().join("\n");
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}
