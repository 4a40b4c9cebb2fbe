use super::rig::{INTERVAL, Rig, START};
use super::*;
use crate::model::{Clock, Labels};
use crate::scrape::ScrapeEvent;
use crate::series::Page;

fn names(page: &Page) -> Vec<&str> {
    let samples = page.samples.as_ref().expect("a good page");
    samples.series.iter().map(Labels::metric_name).collect()
}

#[tokio::test]
async fn targets_are_scraped_on_their_beat() {
    let server = Server::start(|_| Answer::page("a 1\nb 2\n")).await;
    let jobs = [job("j", &[&server.host()])];
    let target = target(jobs[0].clone());
    let mut rig = Rig::start(&jobs, 8);
    assert_eq!(rig.discovered().await, std::slice::from_ref(&target.key));
    for turn in 0..3 {
        // Far past the beat, and a different way each time: the phase stays.
        rig.clock.advance(INTERVAL + Duration::from_millis(turn));
        let page = rig.page().await;
        assert_eq!((&page.target, &page.identity, page.interval), (&target.key, &target.identity, INTERVAL));
        assert_eq!(names(&page), ["a", "b"]);
        assert_eq!((page.report.scraped, page.report.post_relabel, page.report.body_bytes), (2, 2, 8));
    }
    rig.scraper.stop().await;
    assert_eq!(rig.events.recv().await, None);
}

#[tokio::test]
async fn a_scrape_in_time_is_stamped_with_its_beat() {
    let server = Server::start(|_| Answer::page("a 1\n")).await;
    let jobs = [job("j", &[&server.host()])];
    let offset = target(jobs[0].clone()).offset();
    let mut rig = Rig::start(&jobs, 8);
    rig.discovered().await;
    let first = START.floor_to(INTERVAL) + offset;
    let first = if first < START { first + INTERVAL } else { first };
    rig.clock.advance(first.since(START) + Duration::from_millis(1));
    assert_eq!(rig.page().await.at, first);
    rig.clock.advance(INTERVAL + Duration::from_secs(1));
    assert_eq!(rig.page().await.at, rig.clock.now());
}

#[tokio::test]
async fn a_slow_target_times_out_by_the_clock_and_delays_no_other() {
    let good = Server::start(|_| Answer::page("a 1\n")).await;
    let mut slow = Server::start(|_| Answer::Silence).await;
    let jobs = [job("good", &[&good.host()]), job("slow", &[&slow.host()])];
    let mut rig = Rig::start(&jobs, 8);
    let slow_key = rig.discovered().await.remove(1);

    rig.clock.advance(INTERVAL);
    slow.request().await;
    let page = rig.page().await;
    assert_eq!((page.identity.get("job"), names(&page)), (Some("good"), vec!["a"]));

    rig.clock.advance(Duration::from_secs(10));
    // The timeout's page, and perhaps a turn of the other one.
    let page = loop {
        let page = rig.page().await;
        if page.target == slow_key {
            break page;
        }
    };
    assert_eq!(page.samples, Err("no answer within 10s".to_owned()));
    assert_eq!(page.report.duration, Duration::from_secs(10));

    rig.clock.advance(INTERVAL);
    slow.request().await;
    rig.scraper.stop().await;
}

#[tokio::test]
async fn each_failure_is_a_page_and_one_good_answer_ends_it() {
    let fails = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_| match fails.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Answer::with("500 Internal Server Error", "", "no"),
        1 => Answer::page("a{x=\"1"),
        2 => Answer::page(b"a{x=\"\xff\"} 1\n"),
        _ => Answer::page("a 1\n"),
    })
    .await;
    let mut rig = Rig::start(&[job("j", &[&server.host()])], 8);
    rig.discovered().await;
    for expected in ["500", "cut off", "UTF-8"] {
        rig.clock.advance(INTERVAL);
        let error = rig.page().await.samples.expect_err("no good page");
        assert!(error.contains(expected), "{error}");
    }
    rig.clock.advance(INTERVAL);
    assert_eq!(names(&rig.page().await), ["a"]);
}

#[tokio::test]
async fn a_large_page_is_read_and_remembered_too() {
    let body: String = (0..20_000).map(|n| format!("metric_with_a_long_name{{n=\"{n}\"}} 1\n")).collect();
    let server = Server::start(move |_| Answer::page(&body)).await;
    let mut rig = Rig::start(&[job("j", &[&server.host()])], 8);
    rig.discovered().await;
    for _ in 0..2 {
        rig.clock.advance(INTERVAL);
        assert_eq!(rig.page().await.samples.map(|samples| samples.values.len()), Ok(20_000));
    }
}

#[tokio::test]
async fn a_reload_says_who_is_there_and_who_is_gone() {
    let mut first = Server::start(|_| Answer::page("a 1\nb 2\n")).await;
    let slow = Server::start(|_| Answer::Silence).await;
    let stays = job("stays", &[&first.host()]);
    let mut rig = Rig::start(&[stays.clone(), job("goes", &[&slow.host()])], 8);
    // In the order of their keys: `goes` and `stays`, then `comes` and `stays`.
    let before = rig.discovered().await;
    rig.clock.advance(INTERVAL);
    assert_eq!(rig.page().await.target, before[1]);
    assert_eq!(first.request().await.connection, 0);

    rig.scraper
        .reload(&[stays.clone(), job("comes", &[&first.host()])], wanted(|name| name == "b"))
        .expect("good");
    let after = rig.discovered().await;
    assert_eq!((after.len(), &after[1]), (2, &before[1]));
    assert_eq!(rig.event().await, ScrapeEvent::Gone(before[0].clone(), rig.clock.now()));

    rig.clock.advance(INTERVAL);
    for _ in 0..2 {
        assert_eq!(names(&rig.page().await), ["b"]);
    }
    let connections = [first.request().await.connection, first.request().await.connection];
    assert!(connections.contains(&0), "the target that stayed kept its connection: {connections:?}");
}

#[tokio::test]
async fn a_reload_that_fails_changes_nothing() {
    let server = Server::start(|_| Answer::page("a 1\n")).await;
    let mut rig = Rig::start(&[job("j", &[&server.host()])], 8);
    rig.discovered().await;
    assert!(rig.scraper.reload(&[job("j", &["bad/address"])], wanted(|_| false)).is_err());
    rig.clock.advance(INTERVAL);
    assert_eq!(names(&rig.page().await), ["a"]);
}

#[tokio::test]
async fn who_does_not_take_pages_makes_turns_left_out_not_piled_up() {
    let mut server = Server::start(|_| Answer::page("a 1\n")).await;
    let mut rig = Rig::start(&[job("j", &[&server.host()])], 1);
    // `Discovered` fills the only place.
    while rig.events.is_empty() {
        tokio::task::yield_now().await;
    }
    rig.clock.advance(INTERVAL);
    server.request().await;
    for _ in 0..3 {
        rig.clock.advance(INTERVAL);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert!(server.is_quiet());
    rig.discovered().await;
    assert_eq!(names(&rig.page().await), ["a"]);
    rig.scraper.stop().await;
}

#[tokio::test]
async fn it_ends_when_nobody_listens() {
    let server = Server::start(|_| Answer::Silence).await;
    let mut rig = Rig::start(&[job("j", &[&server.host()])], 8);
    rig.discovered().await;
    rig.clock.advance(INTERVAL);
    drop(rig.events);
    rig.scraper.stop().await;
}
