use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::scrape::fetch::Fetcher;

/// An authority, its certificate in a file, and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}

/// Answers each connection with one page that says which name was asked for.
fn serve(signed: &Signed, clients: Option<&Authority>) -> SocketAddr {
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
    address
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

fn https(address: SocketAddr, tls: TlsSettings) -> Job {
    Job { scheme: "https".to_owned(), tls, ..job("j", &[&address.to_string()]) }
}

async fn said(job: Job) -> Result<String, String> {
    let target = target(job);
    let body = Fetcher::new(target.job.clone()).fetch(&target).await.map_err(|error| error.whole())?;
    Ok(String::from_utf8(body.body).expect("text"))
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
    let fetcher = Fetcher::new(target.job.clone());
    put(other.sign("client"));
    assert!(fetcher.fetch(&target).await.is_err());
    put(authority.sign("client"));
    assert!(fetcher.fetch(&target).await.is_ok());

    let error = said(https(address, TlsSettings { key_file: None, ..tls })).await.expect_err("no key");
    assert!(error.contains("belong together"), "{error}");
}
