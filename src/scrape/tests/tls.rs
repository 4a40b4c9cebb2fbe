use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::model::Secret;
use crate::scrape::TlsVersion;

/// An authority, its certificate in a file, and what it signs.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) pem: String,
}

/// A certificate and its key.
pub(super) struct Signed {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(super) fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}

/// Answers each connection with one page that says which name was asked for.
pub(super) fn serve(signed: &Signed, clients: Option<&Authority>) -> SocketAddr {
    serve_noting(signed, clients, |_| None::<()>).0
}

/// The same, and what is noted of each connection.
fn serve_noting<T: Send + 'static>(
    signed: &Signed,
    clients: Option<&Authority>,
    note: fn(&ServerConnection) -> Option<T>,
) -> (SocketAddr, Arc<Mutex<Vec<T>>>) {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let seen = noted.clone();
    install_crypto();
    let chain = vec![CertificateDer::from_pem_slice(signed.certificate.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).expect("a key");
    let builder = match clients {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("one"))
                .expect("usable");
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let config = Arc::new(builder.with_single_cert(chain, key).expect("they belong together"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).expect("a good configuration");
            let mut tls = StreamOwned::new(connection, stream.expect("a connection"));
            let mut head = Vec::new();
            let mut byte = [0];
            // A client that turns away is no failure here.
            while !head.ends_with(b"\r\n\r\n") && tls.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            seen.lock().expect("no panic").extend(note(&tls.conn));
            let host = String::from_utf8_lossy(&head);
            let host =
                host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
            let body = format!("{} {host}", tls.conn.server_name().unwrap_or("-"));
            let _ = write!(
                tls,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    (address, noted)
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

pub(super) fn https(address: SocketAddr, tls: TlsSettings) -> Job {
    Job { scheme: "https".to_owned(), tls, ..job("j", &[&address.to_string()]) }
}

pub(super) async fn said(job: Job) -> Result<String, String> {
    let target = target(job);
    let body = fetcher(&target).fetch(&target).await.map_err(|error| error.whole())?.body;
    Ok(String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn only_the_given_authority_is_trusted() {
    let (directory, right, wrong) = (tempfile::tempdir().expect("one"), Authority::new(), Authority::new());
    let address = serve(&right.sign("127.0.0.1"), None);
    let with =
        |ca_file: PathBuf| https(address, TlsSettings { ca_file: Some(ca_file), ..TlsSettings::default() });

    let right = write(directory.path(), "right", &right.pem);
    assert_eq!(said(with(right)).await, Ok(format!("- {address}")));
    let wrong = write(directory.path(), "wrong", &wrong.pem);
    let error = said(with(wrong)).await.expect_err("another authority");
    assert!(error.contains("invalid peer certificate"), "{error}");

    let error = said(with(write(directory.path(), "empty", "nothing"))).await.expect_err("no authority");
    assert_eq!(error, "`tls_config` cannot be used: `ca_file` holds no usable certificate");
    let error = said(with(directory.path().join("none"))).await.expect_err("no file");
    assert!(error.starts_with("`ca_file` `") && error.contains("cannot be read: No such file"), "{error}");

    let careless = TlsSettings { insecure_skip_verify: true, ..TlsSettings::default() };
    assert_eq!(said(https(address, careless)).await, Ok(format!("- {address}")));
}

#[tokio::test]
async fn a_server_name_is_asked_for_and_expected() {
    let (directory, authority) = (tempfile::tempdir().expect("one"), Authority::new());
    let address = serve(&authority.sign("db.example"), None);
    let ca_file = Some(write(directory.path(), "ca", &authority.pem));
    let with = |name: Option<&str>| {
        let server_name = name.map(str::to_owned);
        said(https(address, TlsSettings { ca_file: ca_file.clone(), server_name, ..TlsSettings::default() }))
    };
    assert_eq!(with(Some("db.example")).await, Ok(format!("db.example {address}")));
    for other in [None, Some("other.example")] {
        let error = with(other).await.expect_err("the name is another");
        assert!(error.contains("invalid peer certificate"), "{error}");
    }
    let error = with(Some("10.0.0.1")).await.expect_err("no name");
    assert_eq!(error, "`tls_config` cannot be used: `server_name` must be a DNS name");
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_may_be_replaced_meanwhile() {
    let (directory, authority, other) =
        (tempfile::tempdir().expect("one"), Authority::new(), Authority::new());
    let address = serve(&authority.sign("127.0.0.1"), Some(&authority));
    let put = |signed: Signed| {
        write(directory.path(), "cert", &signed.certificate);
        write(directory.path(), "key", &signed.key);
    };
    let path = |name: &str| Some(directory.path().join(name));
    write(directory.path(), "ca", &authority.pem);
    let tls = TlsSettings {
        ca_file: path("ca"),
        cert_file: path("cert"),
        key_file: path("key"),
        ..TlsSettings::default()
    };
    let target = target(https(address, tls.clone()));
    let fetcher = fetcher(&target);
    put(other.sign("client"));
    assert!(fetcher.fetch(&target).await.is_err());
    put(authority.sign("client"));
    assert!(fetcher.fetch(&target).await.is_ok());

    let error = said(https(address, TlsSettings { key_file: None, ..tls })).await.expect_err("no key");
    assert!(error.contains("belong together"), "{error}");
}

#[tokio::test]
async fn a_session_goes_on_where_the_target_closes_each_connection() {
    let (directory, authority) = (tempfile::tempdir().expect("one"), Authority::new());
    let (address, handshakes) = serve_noting(&authority.sign("127.0.0.1"), None, |tls| tls.handshake_kind());
    let ca_file = Some(write(directory.path(), "ca", &authority.pem));
    let target = target(https(address, TlsSettings { ca_file, ..TlsSettings::default() }));
    let fetcher = fetcher(&target);
    for _ in 0..10 {
        fetcher.fetch(&target).await.expect("it answers");
    }
    let handshakes = handshakes.lock().expect("no panic").clone();
    let full = handshakes.iter().filter(|kind| **kind == HandshakeKind::Full).count();
    assert_eq!((handshakes.len(), full), (10, 1), "{handshakes:?}");
}

#[tokio::test]
async fn what_is_written_inline_is_as_good_as_files() {
    let authority = Authority::new();
    let address = serve(&authority.sign("127.0.0.1"), Some(&authority));
    let own = authority.sign("client");
    let tls = TlsSettings {
        ca: Some(authority.pem.clone()),
        cert: Some(own.certificate),
        key: Some(Secret::new(own.key)),
        ..TlsSettings::default()
    };
    assert_eq!(said(https(address, tls.clone())).await, Ok(format!("- {address}")));
    let error = said(https(address, TlsSettings { ca: Some("no".to_owned()), ..tls })).await;
    assert_eq!(error, Err("`tls_config` cannot be used: `ca` holds no usable certificate".to_owned()));
}

#[tokio::test]
async fn versions_are_kept_to() {
    let authority = Authority::new();
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let (address, spoken) =
            serve_noting(&authority.sign("127.0.0.1"), None, |tls| tls.protocol_version());
        let (ca, bound) = (Some(authority.pem.clone()), Some(version));
        let tls = TlsSettings { ca, min_version: bound, max_version: bound, ..TlsSettings::default() };
        said(https(address, tls)).await.expect("it answers");
        let expected = match version {
            TlsVersion::Tls12 => ProtocolVersion::TLSv1_2,
            TlsVersion::Tls13 => ProtocolVersion::TLSv1_3,
        };
        assert_eq!(*spoken.lock().expect("no panic"), [expected]);
    }
}
