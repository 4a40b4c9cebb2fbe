//! Who may change something through the operators' listener.
//!
//! In:   the peer's address and the headers of a request that changes something.
//! Out:  nothing, or a refusal with the reason.
//! Not:  there are no users and no passwords yet: whoever is on this machine may do everything. What is read only is
//!       open to all who reach the listener.
//!
//! A page in the browser of somebody on this machine is on this machine too. It can send simple requests anywhere and
//! read no answer; but a body of `application/json` makes its browser ask first, which we never allow, and every
//! browser says in `Origin` where the page came from. A page whose host was made to lead here is told by that, too.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::server::error;

/// Lets a request pass, or refuses it before its body is read.
pub async fn admit(ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request, next: Next) -> Response {
    match check(peer.ip(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => error(status, why).into_response(),
    }
}

/// Lets a request pass unless a browser sent it for a page of another host. For what Prometheus's tools do too, from
/// any machine and without a body: they name no page.
pub async fn refuse_foreign_pages(request: Request, next: Next) -> Response {
    match check_page(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => error(status, why).into_response(),
    }
}

fn check_page(headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match is_here(origin, host) {
        true => Ok(()),
        false => Err((StatusCode::FORBIDDEN, format!("a page of `{origin}` may not give commands"))),
    }
}

fn check(peer: IpAddr, headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
    if !peer.to_canonical().is_loopback() {
        let why = format!(
            "{} is another machine; until there is authentication, commands and changes are taken from this one \
             only: use 127.0.0.1",
            peer.to_canonical()
        );
        return Err((StatusCode::FORBIDDEN, why));
    }
    check_page(headers)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let why = "the body must be JSON: send it with `Content-Type: application/json`".to_owned();
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    Ok(())
}

/// Whether an origin is this listener, by a name that leads nowhere else.
fn is_here(origin: &str, host: Option<&str>) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let (Some(authority), Some(host)) = (uri.authority(), host) else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let loopback = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback && authority.as_str().eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(peer: &str, headers: &[(header::HeaderName, &str)]) -> u16 {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value")));
        match check(peer.parse().expect("an address"), &headers.collect()) {
            Ok(()) => 200,
            Err((status, _)) => status.as_u16(),
        }
    }

    const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

    #[test]
    fn only_this_machine_gives_commands() {
        for here in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(status(here, &[JSON]), 200, "{here}");
        }
        for elsewhere in ["10.0.0.1", "192.168.1.5", "::ffff:10.0.0.1", "fe80::1"] {
            assert_eq!(status(elsewhere, &[JSON]), 403, "{elsewhere}");
        }
        let (_, why) = check("::ffff:10.0.0.1".parse().unwrap(), &HeaderMap::new()).unwrap_err();
        assert!(why.starts_with("10.0.0.1 is another machine; until there is authentication"), "{why}");
    }

    #[test]
    fn a_body_must_say_that_it_is_json() {
        let kind = |kind| status("127.0.0.1", &[(header::CONTENT_TYPE, kind)]);
        assert_eq!(kind("application/json; charset=utf-8"), 200);
        assert_eq!(kind("Application/JSON"), 200);
        for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            assert_eq!(kind(other), 415, "{other}");
        }
        assert_eq!(status("127.0.0.1", &[]), 415);
    }

    #[test]
    fn tools_that_name_no_page_may_reload_from_anywhere() {
        let check = |headers: &[(header::HeaderName, &str)]| {
            let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value")));
            check_page(&headers.collect()).is_ok()
        };
        assert!(check(&[(header::HOST, "fog.example:9096")]));
        let host = (header::HOST, "127.0.0.1:9096");
        assert!(check(&[host.clone(), (header::ORIGIN, "http://127.0.0.1:9096")]));
        assert!(!check(&[host, (header::ORIGIN, "https://evil.example")]));
    }

    #[test]
    fn a_page_of_another_host_is_refused() {
        let from =
            |origin, host| status("127.0.0.1", &[JSON, (header::ORIGIN, origin), (header::HOST, host)]);
        assert_eq!(from("http://127.0.0.1:9096", "127.0.0.1:9096"), 200);
        assert_eq!(from("http://localhost:9096", "localhost:9096"), 200);
        assert_eq!(from("http://[::1]:9096", "[::1]:9096"), 200);
        assert_eq!(from("http://evil.example", "127.0.0.1:9096"), 403);
        // A name that was made to lead to this machine.
        assert_eq!(from("http://evil.example:9096", "evil.example:9096"), 403);
        // Another program on this machine.
        assert_eq!(from("http://127.0.0.1:8080", "127.0.0.1:9096"), 403);
        assert_eq!(from("null", "127.0.0.1:9096"), 403);
        assert_eq!(from("file://", "127.0.0.1:9096"), 403);
    }
}
