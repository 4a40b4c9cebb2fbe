//! Connections are kept, and made again where a target closes them.

use super::*;

#[tokio::test]
async fn a_thousand_scrapes_take_one_connection() {
    install_crypto();
    let mut server = Server::start(|_| Answer::page("a 1\n")).await;
    // A name, so that a look-up were needed for each connection.
    let target = target(job("j", &[&format!("localhost:{}", server.address.port())]));
    let fetcher = fetcher(&target);
    for _ in 0..1000 {
        fetcher.fetch(&target).await.expect("it answers");
        assert_eq!(server.request().await.connection, 0);
    }
}

#[tokio::test]
async fn a_target_has_an_address_of_ipv6() {
    install_crypto();
    let mut server = Server::start_at("[::1]:0", |_| Answer::page("a 1\n")).await;
    let target = target(job("j", &[&server.host()]));
    assert_eq!(target.identity.get("instance"), Some(&*server.host()));
    assert!(server.host().starts_with("[::1]:"));
    fetcher(&target).fetch(&target).await.expect("it answers");
    assert_eq!(server.request().await.header("Host"), Some(&*server.host()));
}

#[tokio::test]
async fn a_shortage_closes_what_is_kept() {
    install_crypto();
    let mut server = Server::start(|_| Answer::page("a 1\n")).await;
    let target = target(job("j", &[&server.host()]));
    let shortages = Shortages::default();
    let fetcher = Fetcher::new(target.job.clone(), shortages.clone());
    for (short, connection) in [(false, 0), (false, 0), (true, 1), (false, 1)] {
        if short {
            // As another job's fetcher finds it.
            shortages.note();
        }
        fetcher.fetch(&target).await.expect("it answers");
        assert_eq!(server.request().await.connection, connection);
    }
}
