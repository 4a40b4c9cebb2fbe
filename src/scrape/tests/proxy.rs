//! Through a proxy: asked for pages of plain targets, and for tunnels to those with TLS.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::tls::{Authority, https, said, serve};
use super::*;
use crate::model::Secret;
use crate::scrape::ProxyBy;

/// A proxy for tunnels, which lets in who knows the word; what it was asked.
async fn tunnels() -> (String, UnboundedReceiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let (seen, requests) = unbounded_channel();
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let seen = seen.clone();
            tokio::spawn(async move {
                let (mut stream, mut head) = (stream, Vec::new());
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.ok()?);
                }
                let request = Request { head: String::from_utf8(head).expect("heads are text"), connection };
                let to = request.head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
                let to = to.expect("it asks for a tunnel").to_owned();
                // `me:word`
                let may = request.header("proxy-authorization") == Some("Basic bWU6d29yZA==");
                seen.send(request).ok()?;
                if !may {
                    let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
                    return stream.write_all(answer).await.ok();
                }
                let mut target = TcpStream::connect(to).await.ok()?;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                copy_bidirectional(&mut stream, &mut target).await.ok().map(drop)
            });
        }
    });
    (address, requests)
}

fn through(url: String, except: Option<&str>) -> ProxySettings {
    let by = ProxyBy::Url { url: Secret::new(url), except: except.map(str::to_owned) };
    ProxySettings { by, connect_headers: Vec::new() }
}

#[tokio::test]
async fn a_plain_target_is_asked_through_its_proxy() {
    install_crypto();
    let mut proxy = Server::start(|_| Answer::page("a 1\n")).await;
    let url = format!("http://me:word@{}", proxy.host());
    // Nobody but the proxy knows this one.
    let asked = Job { proxy: through(url.clone(), None), ..job("j", &["db.invalid:9187"]) };
    let asked = target(asked);
    fetcher(&asked).fetch(&asked).await.expect("it answers");
    let request = proxy.request().await;
    assert!(request.head.starts_with("GET http://db.invalid:9187/metrics HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("Proxy-Authorization"), Some("Basic bWU6d29yZA=="));

    let mut direct = Server::start(|_| Answer::page("a 1\n")).await;
    for except in ["10.0.0.0/8", "*.invalid,127.0.0.1"] {
        let asked = target(Job { proxy: through(url.clone(), Some(except)), ..job("j", &[&direct.host()]) });
        fetcher(&asked).fetch(&asked).await.expect("it answers");
        assert!(direct.request().await.head.starts_with("GET /metrics "));
    }
    assert!(proxy.is_quiet());
}

#[tokio::test]
async fn a_target_with_tls_is_asked_through_a_tunnel() {
    let authority = Authority::new();
    let address = serve(&authority.sign("127.0.0.1"), None);
    let (proxy, mut requests) = tunnels().await;
    let tls = TlsSettings { ca: Some(authority.pem.clone()), ..TlsSettings::default() };
    let by = |user: &str| through(format!("http://{user}{proxy}"), None);
    let mut known = by("me:word@");
    known.connect_headers = vec![("x-team".to_owned(), Secret::new("data"))];
    let page = said(Job { proxy: known, ..https(address, tls.clone()) }).await;
    assert_eq!(page, Ok(format!("- {address}")));
    let request = requests.recv().await.expect("the proxy was asked");
    assert!(request.head.starts_with(&format!("CONNECT {address} HTTP/1.1\r\n")), "{}", request.head);
    assert_eq!(request.header("x-team"), Some("data"));

    let error =
        said(Job { proxy: by("me:guess@"), ..https(address, tls) }).await.expect_err("the word is wrong");
    assert!(error.contains("proxy") && !error.contains("guess"), "{error}");
}
