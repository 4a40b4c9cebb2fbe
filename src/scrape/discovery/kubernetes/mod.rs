//! `kubernetes_sd_configs`: targets that are objects of a cluster.
//!
//! In:   the API server's lists and watches.
//! Out:  one group for each object of the role, with the labels that Prometheus documents.
//! Not:  no client library: lists and watches of seven kinds take a few hundred lines over the HTTP client that is there
//!       already, and generated types of the whole API would be the costliest thing to build in the house.
//!
//! `access` says where the API is, `watch` keeps up with one collection each, `cluster` holds the objects and knows which
//! groups change with them, and `roles` makes groups of objects.

mod access;
mod cluster;
mod labels;
mod objects;
mod roles;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::model::Clock;
use crate::scrape::discovery::ask::Asker;
use crate::scrape::discovery::provider::Reporter;
use crate::scrape::discovery::{KubernetesDiscovery, KubernetesRole};
use access::Access;
use cluster::{Cluster, Kind, Object};
use objects::{EndpointSlice, Endpoints, Ingress, Namespace, Node, Place, Pod, Service};
use watch::Watch;

/// So much may be heard and not be taken in yet; past that watches wait.
const HEARD_WAITING: usize = 1024;
/// Where the API is cannot be found out: it is tried again after this time.
const FIND_AGAIN: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(60);

/// Something that a watch has to say.
pub(super) struct Heard {
    what: What,
}

enum What {
    /// A change of the cluster. Boxed, since each kind of object has its own.
    Change(Box<dyn FnOnce(&mut Cluster) + Send>),
    /// All of a collection; the watch knows everything now.
    Listed(usize, Box<dyn FnOnce(&mut Cluster) + Send>),
    Works(usize),
    Failed(usize, String),
}

impl Heard {
    fn listed<T: Object>(watch: usize, namespace: Option<String>, objects: Vec<T>) -> Self {
        let list = move |cluster: &mut Cluster| cluster.list(namespace.as_deref(), objects);
        Self { what: What::Listed(watch, Box::new(list)) }
    }

    fn put<T: Object>(object: T) -> Self {
        Self { what: What::Change(Box::new(move |cluster| cluster.put(object))) }
    }

    fn removed<T: Object>(place: Place) -> Self {
        Self { what: What::Change(Box::new(move |cluster| cluster.remove::<T>(place))) }
    }

    fn works(watch: usize) -> Self {
        Self { what: What::Works(watch) }
    }

    fn failed(watch: usize, fault: String) -> Self {
        Self { what: What::Failed(watch, fault) }
    }
}

/// Watches until the task is ended.
pub(super) async fn run<C: Clock>(clock: C, settings: KubernetesDiscovery, mut reporter: Reporter) {
    let (access, own) = loop {
        let (api, wants_own) = (settings.api.clone(), settings.namespaces.own);
        let found = tokio::task::spawn_blocking(move || {
            let own = if wants_own { Some(access::own_namespace()?) } else { None };
            Ok::<_, String>((access::find(&api)?, own))
        });
        match found.await {
            Ok(Ok(found)) => break found,
            Ok(Err(fault)) => reporter.failed(fault).await,
            // The process ends.
            Err(_) => return,
        }
        clock.sleep(FIND_AGAIN).await;
    };
    let (send, mut heard) = mpsc::channel(HEARD_WAITING);
    // They end with this task.
    let mut watches = JoinSet::new();
    let count = begin(&clock, &settings, &access, own, &send, &mut watches);
    let mut state =
        State { cluster: Cluster::default(), to_list: (0..count).collect(), faults: BTreeMap::new() };
    let mut is_first = true;
    while let Some(first) = heard.recv().await {
        state.take(first, &access.url, &mut reporter).await;
        while let Ok(next) = heard.try_recv() {
            state.take(next, &access.url, &mut reporter).await;
        }
        // What is known in part only would make targets with half their labels.
        if !state.to_list.is_empty() {
            continue;
        }
        let groups = state.cluster.changed(settings.role);
        if std::mem::take(&mut is_first) {
            reporter.all(groups).await;
        } else {
            reporter.some(groups).await;
        }
    }
}

struct State {
    cluster: Cluster,
    /// Watches that have not listed their collection yet.
    to_list: BTreeSet<usize>,
    faults: BTreeMap<usize, String>,
}

impl State {
    async fn take(&mut self, heard: Heard, api: &Url, reporter: &mut Reporter) {
        match heard.what {
            What::Change(change) => change(&mut self.cluster),
            What::Listed(watch, list) => {
                self.to_list.remove(&watch);
                list(&mut self.cluster);
            }
            What::Works(watch) => {
                self.faults.remove(&watch);
                if self.faults.is_empty() {
                    reporter.works();
                }
            }
            What::Failed(watch, fault) => {
                self.faults.insert(watch, fault);
                let all: BTreeSet<&str> = self.faults.values().map(String::as_str).collect();
                let all: Vec<&str> = all.into_iter().collect();
                reporter.failed(format!("`{api}`: {}", all.join("; "))).await;
            }
        }
    }
}

/// Begins all watches that the role needs; how many there are.
fn begin<C: Clock>(
    clock: &C,
    settings: &KubernetesDiscovery,
    access: &Access,
    own: Option<String>,
    heard: &mpsc::Sender<Heard>,
    watches: &mut JoinSet<()>,
) -> usize {
    let asker = Arc::new(Asker::new(&access.requests, TIMEOUT));
    let named: BTreeSet<String> = settings.namespaces.names.iter().cloned().chain(own).collect();
    let namespaces: Vec<Option<String>> =
        if named.is_empty() { vec![None] } else { named.into_iter().map(Some).collect() };
    let mut id = 0;
    for kind in kinds(settings) {
        let is_of_all = matches!(kind, Kind::Node | Kind::Namespace);
        for namespace in if is_of_all { &[None][..] } else { &namespaces } {
            let watch = Watch {
                clock: clock.clone(),
                asker: asker.clone(),
                url: collection(&access.url, kind, namespace.as_deref(), settings),
                namespace: namespace.clone(),
                id,
                heard: heard.clone(),
            };
            match kind {
                Kind::Pod => watches.spawn(watch.run::<Pod>()),
                Kind::Service => watches.spawn(watch.run::<Service>()),
                Kind::Node => watches.spawn(watch.run::<Node>()),
                Kind::Namespace => watches.spawn(watch.run::<Namespace>()),
                Kind::EndpointSlice => watches.spawn(watch.run::<EndpointSlice>()),
                Kind::Endpoints => watches.spawn(watch.run::<Endpoints>()),
                Kind::Ingress => watches.spawn(watch.run::<Ingress>()),
            };
            id += 1;
        }
    }
    id
}

/// What a role looks at.
fn kinds(settings: &KubernetesDiscovery) -> Vec<Kind> {
    use KubernetesRole as Role;
    let mut kinds = match settings.role {
        Role::Node => vec![Kind::Node],
        Role::Pod => vec![Kind::Pod],
        Role::Service => vec![Kind::Service],
        Role::EndpointSlice => vec![Kind::EndpointSlice, Kind::Service, Kind::Pod],
        Role::Endpoints => vec![Kind::Endpoints, Kind::Service, Kind::Pod],
        Role::Ingress => vec![Kind::Ingress],
    };
    let has_node = matches!(settings.role, Role::Pod | Role::EndpointSlice | Role::Endpoints);
    if settings.attach_node && has_node {
        kinds.push(Kind::Node);
    }
    if settings.attach_namespace && settings.role != Role::Node {
        kinds.push(Kind::Namespace);
    }
    kinds
}

/// Where the objects of a kind are, with the selectors for it.
fn collection(api: &Url, kind: Kind, namespace: Option<&str>, settings: &KubernetesDiscovery) -> Url {
    let (group, name, role) = match kind {
        Kind::Pod => ("api/v1", "pods", Some(KubernetesRole::Pod)),
        Kind::Service => ("api/v1", "services", Some(KubernetesRole::Service)),
        Kind::Node => ("api/v1", "nodes", Some(KubernetesRole::Node)),
        Kind::Namespace => ("api/v1", "namespaces", None),
        Kind::Endpoints => ("api/v1", "endpoints", Some(KubernetesRole::Endpoints)),
        Kind::EndpointSlice => {
            ("apis/discovery.k8s.io/v1", "endpointslices", Some(KubernetesRole::EndpointSlice))
        }
        Kind::Ingress => ("apis/networking.k8s.io/v1", "ingresses", Some(KubernetesRole::Ingress)),
    };
    let mut url = api.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(group.split('/'));
        if let Some(namespace) = namespace {
            path.extend(["namespaces", namespace]);
        }
        path.push(name);
    }
    let selector = settings.selectors.iter().find(|selector| Some(selector.role) == role);
    for (key, value) in selector
        .map(|selector| [("labelSelector", &selector.label), ("fieldSelector", &selector.field)])
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_empty())
    {
        url.query_pairs_mut().append_pair(key, value);
    }
    url
}
