use super::cluster::{Api, Counts};
use super::*;
use crate::model::SecretSource;
use crate::scrape::{
    Authorization, KubernetesApi, KubernetesDiscovery, KubernetesNamespaces, KubernetesRole, RequestSettings,
};

/// A job of all pods; the token is in the file `token` of the rig's folder.
fn pods(api: &Api, folder: &std::path::Path) -> Job {
    let token = SecretSource::File(folder.join("token"));
    let requests = RequestSettings {
        authorization: Some(Authorization::Credentials { kind: "Bearer".to_owned(), credentials: token }),
        ..RequestSettings::default()
    };
    let url = api.url().parse().expect("a URL");
    Job {
        interval: Duration::from_secs(24 * 3600),
        discovery: vec![Discovery::Kubernetes(Box::new(KubernetesDiscovery {
            role: KubernetesRole::Pod,
            api: KubernetesApi::Server { url, requests: Box::new(requests) },
            namespaces: KubernetesNamespaces::default(),
            selectors: Vec::new(),
            attach_node: false,
            attach_namespace: false,
        }))],
        ..job("pods", &[])
    }
}

async fn rig(api: &Api) -> Rig {
    Rig::start(&[("token", "t1\n")], |files| vec![pods(api, files.parent().expect("a folder"))])
}

impl Rig {
    /// Lets time go on until the cluster was asked as is said: what a change was told by may have come before its watch
    /// broke.
    async fn until(&mut self, api: &Api, is_so: impl Fn(&Counts) -> bool) {
        for _ in 0..2000 {
            if is_so(&api.counts()) {
                return;
            }
            self.tick().await;
        }
        panic!("{:?}", api.counts());
    }

    /// Reads events until the targets are those of the cluster.
    async fn catch_up(&mut self, api: &Api, scraped: &mut Vec<String>) {
        for _ in 0..2000 {
            if *scraped == api.addresses() {
                return;
            }
            match self.events.try_recv() {
                Ok(ScrapeEvent::Discovered(targets)) => *scraped = instances(targets.into_values()),
                Ok(_) => {}
                Err(_) => self.tick().await,
            }
        }
        panic!("{scraped:?} is not {:?}, after {:?}", api.addresses(), api.counts());
    }
}

#[tokio::test]
async fn pods_are_listed_page_by_page_and_watched_from_there() {
    let api = Api::start().await;
    for n in 0..7 {
        api.put(&format!("p{n}"), &format!("10.0.0.{n}"));
    }
    let (mut rig, mut scraped) = (rig(&api).await, Vec::new());
    rig.catch_up(&api, &mut scraped).await;
    assert_eq!((api.counts().lists, api.counts().pages), (1, 3));
    api.put("p7", "10.0.1.7");
    api.put("p0", "10.0.1.0");
    api.remove("p1");
    api.bookmark();
    rig.catch_up(&api, &mut scraped).await;
    assert_eq!((api.counts().lists, api.counts().watches), (1, 1));
}

#[tokio::test]
async fn a_watch_that_breaks_goes_on_from_its_last_version() {
    let api = Api::start().await;
    api.put("p0", "10.0.0.1");
    let (mut rig, mut scraped) = (rig(&api).await, Vec::new());
    rig.catch_up(&api, &mut scraped).await;
    for n in 1..4 {
        // In the middle of a line, then something happens that nobody was told of.
        api.cut(br#"{"type":"DELETED","object":{"kind":"Pod","metadata":{"name":"p0","#);
        api.put(&format!("p{n}"), &format!("10.0.1.{n}"));
        api.put("p0", &format!("10.0.0.{n}"));
        rig.catch_up(&api, &mut scraped).await;
    }
    rig.until(&api, |counts| 3 < counts.watches).await;
    assert_eq!((api.counts().lists, api.counts().too_old), (1, 0));
    assert_eq!(rig.scraper.discovery().figures().mechanisms["kubernetes"].failures, 0);
}

#[tokio::test]
async fn a_version_that_is_too_old_makes_all_be_listed_again() {
    let api = Api::start().await;
    for n in 0..5 {
        api.put(&format!("p{n}"), &format!("10.0.0.{n}"));
    }
    let (mut rig, mut scraped) = (rig(&api).await, Vec::new());
    rig.catch_up(&api, &mut scraped).await;
    for (round, at_once) in [(1, false), (2, true)] {
        api.remove(&format!("p{round}"));
        api.put("new", &format!("10.0.1.{round}"));
        api.expire(at_once);
        rig.catch_up(&api, &mut scraped).await;
        // A list that is read just then may be too old as well, and is begun again.
        rig.until(&api, |counts| round < counts.lists).await;
        rig.catch_up(&api, &mut scraped).await;
    }
    assert!(0 < api.counts().too_old, "{:?}", api.counts());
}

#[tokio::test]
async fn a_token_is_read_again_and_an_api_that_is_down_changes_nothing() {
    let api = Api::start().await;
    api.put("p0", "10.0.0.1");
    api.ask_for_token("t2");
    let (mut rig, mut scraped) = (rig(&api).await, Vec::new());
    rig.is_quiet().await;
    assert!(0 < api.counts().unauthorized);
    assert_eq!(rig.scraper.discovery().figures().mechanisms["kubernetes"].waiting, 1);
    rig.write("token", "t2\n");
    rig.catch_up(&api, &mut scraped).await;
    api.down(true);
    for _ in 0..60 {
        rig.is_quiet().await;
    }
    let figures = rig.scraper.discovery().figures().mechanisms["kubernetes"];
    assert!(figures.found == 1 && 3 < figures.failures, "{figures:?}");
    // It comes back as another one, whose pods moved.
    api.put("p0", "10.0.0.2");
    api.expire(false);
    api.down(false);
    rig.catch_up(&api, &mut scraped).await;
}

#[tokio::test]
async fn hundreds_of_changes_under_broken_watches_leave_what_is_there_and_nothing_else() {
    let api = Api::start().await;
    let (mut rig, mut scraped) = (rig(&api).await, Vec::new());
    // The same numbers each time: a generator of our own (Knuth's MMIX).
    let mut seed = 42u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    for round in 0..40 {
        for _ in 0..20 {
            let name = format!("p{}", random(60));
            match random(3) {
                0 => api.remove(&name),
                _ => api.put(&name, &format!("10.{}.{}.{}", random(250), random(250), random(250))),
            }
        }
        match random(6) {
            0 => api.cut(br#"{"type":"ADDED","#),
            1 => api.expire(round % 2 == 0),
            2 => api.bookmark(),
            3 => api.cut(b""),
            _ => {}
        }
        if round % 4 == 0 {
            rig.catch_up(&api, &mut scraped).await;
        }
    }
    rig.catch_up(&api, &mut scraped).await;
    rig.until(&api, |counts| 0 < counts.too_old && 10 < counts.watches).await;
    let found = rig.scraper.discovery().figures().mechanisms["kubernetes"];
    assert_eq!(found.found, scraped.len());
    for n in 0..60 {
        api.remove(&format!("p{n}"));
    }
    rig.catch_up(&api, &mut scraped).await;
    assert_eq!(rig.scraper.discovery().figures().mechanisms["kubernetes"].found, 0);
    assert!(rig.scraper.discovery().listed().targets.is_empty());
}
