//! The objects of the API, as far as labels of targets are made of them.
//!
//! In:   JSON as the API server sends it.
//! Out:  small structs that are compared, so that news of other parts of an object is no news.
//! Not:  no field that nobody reads. Whatever is missing or `null` is empty.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Reads `null`, too, as nothing: Go writes an empty list so.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Declares objects whose every field may be missing.
macro_rules! objects {
    ($($(#[$meta:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name {
            $($(#[$about])* #[serde(deserialize_with = "or_empty")] pub(super) $field: $type,)*
        }
    )*};
}

objects! {
    /// What all objects have.
    Meta {
        name: String,
        namespace: String,
        uid: String,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
        owner_references: Vec<Owner>,
        resource_version: Version,
    }
    /// Whom an object belongs to.
    Owner { kind: String, name: String, controller: bool, }
    /// `v1` `Pod`
    Pod { metadata: Meta, spec: PodSpec, status: PodStatus, }
    /// What a pod is made of.
    PodSpec { node_name: String, containers: Vec<Container>, init_containers: Vec<Container>, }
    /// A container of a pod.
    Container { name: String, image: String, ports: Vec<ContainerPort>, }
    /// A port that a container declares.
    ContainerPort { name: String, container_port: u16, protocol: String, }
    /// How a pod is doing.
    PodStatus {
        phase: String,
        #[serde(rename = "podIP")] pod_ip: String,
        #[serde(rename = "hostIP")] host_ip: String,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        init_container_statuses: Vec<ContainerStatus>,
    }
    /// One thing that holds of a pod, or does not.
    Condition { r#type: String, status: String, }
    /// How a container is doing.
    ContainerStatus { name: String, #[serde(rename = "containerID")] container_id: String, }
    /// `v1` `Service`
    Service { metadata: Meta, spec: ServiceSpec, }
    /// What a service offers.
    ServiceSpec {
        r#type: String,
        #[serde(rename = "clusterIP")] cluster_ip: String,
        #[serde(rename = "loadBalancerIP")] load_balancer_ip: String,
        external_name: String,
        ports: Vec<ServicePort>,
    }
    /// A port of a service.
    ServicePort { name: String, port: u16, protocol: String, }
    /// `v1` `Node`
    Node { metadata: Meta, spec: NodeSpec, status: NodeStatus, }
    /// What a node is.
    NodeSpec { #[serde(rename = "providerID")] provider_id: String, }
    /// How a node is reached.
    NodeStatus { addresses: Vec<NodeAddress>, daemon_endpoints: DaemonEndpoints, }
    /// An address of a node.
    NodeAddress { r#type: String, address: String, }
    /// The daemons of a node.
    DaemonEndpoints { kubelet_endpoint: DaemonEndpoint, }
    /// Where a daemon listens.
    DaemonEndpoint { #[serde(rename = "Port")] port: u16, }
    /// `v1` `Namespace`
    Namespace { metadata: Meta, }
    /// `discovery.k8s.io/v1` `EndpointSlice`
    EndpointSlice { metadata: Meta, address_type: String, endpoints: Vec<Endpoint>, ports: Vec<EndpointPort>, }
    /// What is behind a service.
    Endpoint {
        addresses: Vec<String>,
        conditions: EndpointConditions,
        hostname: Option<String>,
        node_name: Option<String>,
        zone: Option<String>,
        target_ref: Option<TargetRef>,
        deprecated_topology: BTreeMap<String, String>,
    }
    /// What holds of an endpoint.
    EndpointConditions { ready: Option<bool>, serving: Option<bool>, terminating: Option<bool>, }
    /// A port of endpoints.
    EndpointPort {
        name: Option<String>,
        port: Option<u16>,
        protocol: Option<String>,
        app_protocol: Option<String>,
    }
    /// The object that an address is of.
    TargetRef { kind: String, namespace: String, name: String, }
    /// `v1` `Endpoints`
    Endpoints { metadata: Meta, subsets: Vec<Subset>, }
    /// Addresses that share ports.
    Subset { addresses: Vec<Address>, not_ready_addresses: Vec<Address>, ports: Vec<EndpointPort>, }
    /// One of them.
    Address { ip: String, hostname: String, node_name: Option<String>, target_ref: Option<TargetRef>, }
    /// `networking.k8s.io/v1` `Ingress`
    Ingress { metadata: Meta, spec: IngressSpec, }
    /// What an ingress lets in.
    IngressSpec { ingress_class_name: String, rules: Vec<IngressRule>, tls: Vec<IngressTls>, }
    /// What goes where.
    IngressRule { host: String, http: Option<IngressPaths>, }
    /// The paths of a host.
    IngressPaths { paths: Vec<IngressPath>, }
    /// One of them.
    IngressPath { path: String, }
    /// Hosts that are reached over TLS.
    IngressTls { hosts: Vec<String>, }
}

/// The version of an object. Two objects that differ only in it are the same to us.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Version(pub(super) String);

impl PartialEq for Version {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Where an object is: its namespace, empty where it is in none, and its name.
pub(super) type Place = (String, String);

impl Meta {
    pub(super) fn place(&self) -> Place {
        (self.namespace.clone(), self.name.clone())
    }
}
