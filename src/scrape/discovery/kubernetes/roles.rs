//! From an object to the group of its targets, as Prometheus documents it for each role.
//!
//! In:   one object, and what a cluster knows beside it.
//! Out:  its group. An object that has no target makes an empty one.
//! Not:  nothing is chosen here: that is for relabelling.

use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::labels::{Set, label_name, put, put_marks, put_meta, put_some, with_port, without_port};
use super::objects::{
    Address, Container, Endpoint, EndpointPort, EndpointSlice, Endpoints, Ingress, Node, Place, Pod, Service,
    TargetRef,
};
use crate::scrape::discovery::Group;
use crate::scrape::discovery::group::ADDRESS;

/// The name of a source: `pod/crm/web-1`.
pub(super) fn source(kind: &str, (namespace, name): &Place) -> String {
    if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") }
}

pub(super) fn node(node: &Node) -> Group {
    // In this order, as the kubelet of a node is reached.
    const KINDS: [&str; 6] =
        ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];
    let mut group = Group { source: source("node", &node.metadata.place()), ..Group::default() };
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for address in &node.status.addresses {
        first.entry(&address.r#type).or_insert(&address.address);
    }
    let Some(host) = KINDS.iter().find_map(|kind| first.get(kind)) else { return group };
    put_meta(&mut group.labels, "node", &node.metadata);
    put(&mut group.labels, "node_provider_id", &node.spec.provider_id);
    let port = node.status.daemon_endpoints.kubelet_endpoint.port;
    let mut target = Set::from([
        (ADDRESS.to_owned(), with_port(host, port)),
        ("instance".to_owned(), node.metadata.name.clone()),
    ]);
    for (kind, address) in first {
        put(&mut target, &format!("node_address_{}", label_name(kind)), address);
    }
    group.targets.push(target);
    group
}

pub(super) fn service(service: &Service, cluster: &Cluster) -> Group {
    let mut group = Group { source: source("svc", &service.metadata.place()), ..Group::default() };
    put_service(&mut group.labels, service);
    put_namespace(&mut group.labels, &service.metadata.namespace, cluster);
    let spec = &service.spec;
    let host = format!("{}.{}.svc", service.metadata.name, service.metadata.namespace);
    for port in &spec.ports {
        let mut target = Set::from([(ADDRESS.to_owned(), with_port(&host, port.port))]);
        put(&mut target, "service_port_name", &port.name);
        put(&mut target, "service_port_number", port.port.to_string());
        put(&mut target, "service_port_protocol", &port.protocol);
        put(&mut target, "service_type", &spec.r#type);
        match spec.r#type.as_str() {
            "ExternalName" => put(&mut target, "service_external_name", &spec.external_name),
            _ => put(&mut target, "service_cluster_ip", &spec.cluster_ip),
        }
        if spec.r#type == "LoadBalancer" {
            put(&mut target, "service_loadbalancer_ip", &spec.load_balancer_ip);
        }
        group.targets.push(target);
    }
    group
}

fn put_service(set: &mut Set, service: &Service) {
    put(set, "namespace", &service.metadata.namespace);
    put_meta(set, "service", &service.metadata);
}

fn put_namespace(set: &mut Set, namespace: &str, cluster: &Cluster) {
    put(set, "namespace", namespace);
    if let Some(known) = cluster.namespaces.get(&(String::new(), namespace.to_owned())) {
        put_marks(set, "namespace", &known.metadata);
    }
}

fn put_node(set: &mut Set, name: &str, cluster: &Cluster) {
    if let Some(node) = cluster.nodes.get(&(String::new(), name.to_owned())) {
        put_meta(set, "node", &node.metadata);
    }
}

pub(super) fn pod(pod: &Pod, cluster: &Cluster) -> Group {
    let mut group = Group { source: source("pod", &pod.metadata.place()), ..Group::default() };
    let ip = &pod.status.pod_ip;
    // A pod that starts, or was put out, has no address.
    if ip.is_empty() {
        return group;
    }
    put_pod(&mut group.labels, pod);
    put_namespace(&mut group.labels, &pod.metadata.namespace, cluster);
    put_node(&mut group.labels, &pod.spec.node_name, cluster);
    for (container, is_init) in containers(pod) {
        if container.ports.is_empty() {
            let mut target = Set::from([(ADDRESS.to_owned(), without_port(ip))]);
            put_container(&mut target, pod, container, is_init);
            group.targets.push(target);
        }
        for place in 0..container.ports.len() {
            group.targets.push(pod_port(pod, container, is_init, place));
        }
    }
    group
}

fn containers(pod: &Pod) -> impl Iterator<Item = (&Container, bool)> {
    let init = pod.spec.init_containers.iter().map(|container| (container, true));
    pod.spec.containers.iter().map(|container| (container, false)).chain(init)
}

/// The target of a port of a container.
fn pod_port(pod: &Pod, container: &Container, is_init: bool, place: usize) -> Set {
    let port = &container.ports[place];
    let mut target = Set::from([(ADDRESS.to_owned(), with_port(&pod.status.pod_ip, port.container_port))]);
    put_container(&mut target, pod, container, is_init);
    put_container_port(&mut target, container, place);
    target
}

fn put_container(set: &mut Set, pod: &Pod, container: &Container, is_init: bool) {
    let mut statuses = pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let id = statuses.find(|status| status.name == container.name).map(|status| &status.container_id);
    put(set, "pod_container_name", &container.name);
    put(set, "pod_container_image", &container.image);
    put(set, "pod_container_init", is_init.to_string());
    put_some(set, "pod_container_id", id.map(String::as_str));
}

fn put_container_port(set: &mut Set, container: &Container, place: usize) {
    let port = &container.ports[place];
    put(set, "pod_container_port_name", &port.name);
    put(set, "pod_container_port_number", port.container_port.to_string());
    put(set, "pod_container_port_protocol", &port.protocol);
}

fn put_pod(set: &mut Set, pod: &Pod) {
    let ready = pod.status.conditions.iter().find(|condition| condition.r#type == "Ready");
    let ready = ready.map_or("unknown".to_owned(), |condition| condition.status.to_ascii_lowercase());
    put_meta(set, "pod", &pod.metadata);
    put(set, "pod_ip", &pod.status.pod_ip);
    put(set, "pod_ready", ready);
    put(set, "pod_phase", &pod.status.phase);
    put(set, "pod_node_name", &pod.spec.node_name);
    put(set, "pod_host_ip", &pod.status.host_ip);
    put(set, "pod_uid", &pod.metadata.uid);
    if let Some(owner) = pod.metadata.owner_references.iter().find(|owner| owner.controller) {
        put(set, "pod_controller_kind", &owner.kind);
        put(set, "pod_controller_name", &owner.name);
    }
}

/// The label of a slice that names its service.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";

pub(super) fn slice(slice: &EndpointSlice, cluster: &Cluster) -> Group {
    let meta = &slice.metadata;
    let mut group = Group { source: source("endpointslice", &meta.place()), ..Group::default() };
    let labels = &mut group.labels;
    put_meta(labels, "endpointslice", meta);
    put(labels, "endpointslice_address_type", &slice.address_type);
    put_namespace(labels, &meta.namespace, cluster);
    let service = meta.labels.get(SERVICE_NAME).map(|name| (meta.namespace.clone(), name.clone()));
    if let Some(service) = service.and_then(|place| cluster.services.get(&place)) {
        put_service(labels, service);
    }
    let mut behind = Behind::new(cluster);
    for endpoint in &slice.endpoints {
        for port in &slice.ports {
            for address in &endpoint.addresses {
                let mut target = Set::new();
                put_slice_port(&mut target, port);
                put_endpoint(&mut target, endpoint);
                let node = node_of(endpoint.target_ref.as_ref(), endpoint.node_name.as_deref());
                put_node(&mut target, node, cluster);
                let address = match port.port {
                    Some(port) => with_port(address, port),
                    None => without_port(address),
                };
                target.insert(ADDRESS.to_owned(), address);
                group.targets.push(behind.with_pod(target, endpoint.target_ref.as_ref(), port));
            }
        }
    }
    group.targets.extend(behind.ports_left());
    group
}

fn put_slice_port(set: &mut Set, port: &EndpointPort) {
    put_some(set, "endpointslice_port_name", port.name.as_deref());
    put_some(set, "endpointslice_port_protocol", port.protocol.as_deref());
    put_some(set, "endpointslice_port_app_protocol", port.app_protocol.as_deref());
    put_some(set, "endpointslice_port", port.port.map(|port| port.to_string()).as_deref());
}

fn put_endpoint(set: &mut Set, endpoint: &Endpoint) {
    let conditions = &endpoint.conditions;
    for (name, holds) in [
        ("ready", conditions.ready),
        ("serving", conditions.serving),
        ("terminating", conditions.terminating),
    ] {
        let holds = holds.map(|holds| holds.to_string());
        put_some(set, &format!("endpointslice_endpoint_conditions_{name}"), holds.as_deref());
    }
    put_some(set, "endpointslice_endpoint_hostname", endpoint.hostname.as_deref());
    put_some(set, "endpointslice_endpoint_node_name", endpoint.node_name.as_deref());
    put_some(set, "endpointslice_endpoint_zone", endpoint.zone.as_deref());
    if let Some(of) = &endpoint.target_ref {
        put(set, "endpointslice_address_target_kind", &of.kind);
        put(set, "endpointslice_address_target_name", &of.name);
    }
    for (name, value) in &endpoint.deprecated_topology {
        let name = label_name(name);
        put(set, &format!("endpointslice_endpoint_topology_{name}"), value);
        put(set, &format!("endpointslice_endpoint_topology_present_{name}"), "true");
    }
}

pub(super) fn endpoints(endpoints: &Endpoints, cluster: &Cluster) -> Group {
    let meta = &endpoints.metadata;
    let mut group = Group { source: source("endpoints", &meta.place()), ..Group::default() };
    put_meta(&mut group.labels, "endpoints", meta);
    put_namespace(&mut group.labels, &meta.namespace, cluster);
    if let Some(service) = cluster.services.get(&meta.place()) {
        put_service(&mut group.labels, service);
    }
    let mut behind = Behind::new(cluster);
    for subset in &endpoints.subsets {
        let ready = subset.addresses.iter().map(|address| (address, true));
        let all = || ready.clone().chain(subset.not_ready_addresses.iter().map(|address| (address, false)));
        for port in &subset.ports {
            for (address, is_ready) in all() {
                let mut target = Set::new();
                put_address(&mut target, address, is_ready);
                put_some(&mut target, "endpoint_port_name", port.name.as_deref());
                put_some(&mut target, "endpoint_port_protocol", port.protocol.as_deref());
                let node = node_of(address.target_ref.as_ref(), address.node_name.as_deref());
                put_node(&mut target, node, cluster);
                target.insert(ADDRESS.to_owned(), with_port(&address.ip, port.port.unwrap_or_default()));
                group.targets.push(behind.with_pod(target, address.target_ref.as_ref(), port));
            }
        }
    }
    group.targets.extend(behind.ports_left());
    group
}

fn put_address(set: &mut Set, address: &Address, is_ready: bool) {
    put(set, "endpoint_hostname", &address.hostname);
    put(set, "endpoint_ready", is_ready.to_string());
    put_some(set, "endpoint_node_name", address.node_name.as_deref());
    if let Some(of) = &address.target_ref {
        put(set, "endpoint_address_target_kind", &of.kind);
        put(set, "endpoint_address_target_name", &of.name);
    }
}

fn node_of<'a>(of: Option<&'a TargetRef>, node_name: Option<&'a str>) -> &'a str {
    match of {
        Some(of) if of.kind == "Node" => &of.name,
        _ => node_name.unwrap_or_default(),
    }
}

/// The pods behind endpoints, with the ports that endpoints have named already.
struct Behind<'a> {
    cluster: &'a Cluster,
    seen: BTreeMap<Place, (&'a Pod, Vec<u16>)>,
}

impl<'a> Behind<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, seen: BTreeMap::new() }
    }

    /// The target with the labels of the pod that it is, and of the container that has the port.
    fn with_pod(&mut self, mut target: Set, of: Option<&TargetRef>, port: &EndpointPort) -> Set {
        let place = of.filter(|of| of.kind == "Pod").map(|of| (of.namespace.clone(), of.name.clone()));
        let Some((place, pod)) =
            place.and_then(|place| Some((place.clone(), self.cluster.pods.get(&place)?)))
        else {
            return target;
        };
        put_pod(&mut target, pod);
        let (_, ports) = self.seen.entry(place).or_insert((pod, Vec::new()));
        let Some(port) = port.port else { return target };
        ports.push(port);
        for (container, is_init) in containers(pod) {
            let declared = container.ports.iter().position(|declared| declared.container_port == port);
            if let Some(place) = declared {
                put_container(&mut target, pod, container, is_init);
                put_container_port(&mut target, container, place);
                break;
            }
        }
        target
    }

    /// A target for each port of a pod that no endpoint named.
    fn ports_left(self) -> Vec<Set> {
        let mut left = Vec::new();
        let done = |pod: &Pod| matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
        for (pod, named) in self.seen.into_values() {
            if pod.status.pod_ip.is_empty() || done(pod) {
                continue;
            }
            for (container, is_init) in containers(pod) {
                for (place, port) in container.ports.iter().enumerate() {
                    if !named.contains(&port.container_port) {
                        let mut target = pod_port(pod, container, is_init, place);
                        put_pod(&mut target, pod);
                        left.push(target);
                    }
                }
            }
        }
        left
    }
}

pub(super) fn ingress(ingress: &Ingress, cluster: &Cluster) -> Group {
    let mut group = Group { source: source("ingress", &ingress.metadata.place()), ..Group::default() };
    put_meta(&mut group.labels, "ingress", &ingress.metadata);
    put(&mut group.labels, "ingress_class_name", &ingress.spec.ingress_class_name);
    put_namespace(&mut group.labels, &ingress.metadata.namespace, cluster);
    for rule in &ingress.spec.rules {
        let mut hosts = ingress.spec.tls.iter().flat_map(|tls| &tls.hosts);
        let scheme = if hosts.any(|pattern| is_host(pattern, &rule.host)) { "https" } else { "http" };
        let paths: Vec<&str> = match &rule.http {
            Some(http) if !http.paths.is_empty() => {
                http.paths.iter().map(|path| path.path.as_str()).collect()
            }
            _ => vec![""],
        };
        for path in paths {
            let mut target = Set::from([(ADDRESS.to_owned(), rule.host.clone())]);
            put(&mut target, "ingress_scheme", scheme);
            put(&mut target, "ingress_host", &rule.host);
            put(&mut target, "ingress_path", if path.is_empty() { "/" } else { path });
            group.targets.push(target);
        }
    }
    group
}

/// Whether a pattern of TLS, where `*` stands for one label at the start, is for a host.
fn is_host(pattern: &str, host: &str) -> bool {
    let of_label = || {
        let (_, rest) = host.split_once('.')?;
        Some(pattern.strip_prefix("*.")? == rest)
    };
    pattern == host || of_label().unwrap_or(false)
}
