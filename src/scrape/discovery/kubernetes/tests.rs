//! Objects in, labels of targets out.

use serde_json::{Value, json};

use super::*;
use crate::scrape::KubernetesRole as Role;

/// The targets of a role, one a line with all of their labels but those that say that a label is there.
fn targets(cluster: &mut Cluster, role: Role) -> String {
    let mut lines = Vec::new();
    for group in cluster.changed(role) {
        for target in &group.targets {
            let mut labels = group.labels.clone();
            labels.extend(target.clone());
            let shown = labels.iter().filter(|(name, value)| !name.contains("present_") && !value.is_empty());
            let shown = shown
                .map(|(name, value)| format!("{}={value}", name.trim_start_matches("__meta_kubernetes_")));
            lines.push(format!("{}: {}", group.source, shown.collect::<Vec<_>>().join(" ")));
        }
        if group.targets.is_empty() {
            lines.push(format!("{}: none", group.source));
        }
    }
    lines.join("\n")
}

fn put<T: Object>(cluster: &mut Cluster, object: Value) {
    cluster.put(serde_json::from_value::<T>(object).expect("an object"));
}

fn check(cluster: &mut Cluster, role: Role, expected: &str) {
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(targets(cluster, role), expected.join("\n"));
}

fn web() -> Value {
    json!({
        "metadata": {
            "name": "web-1", "namespace": "crm", "uid": "u-1", "resourceVersion": "7",
            "labels": {"app.kubernetes.io/name": "web"}, "annotations": {"prometheus.io/scrape": "true"},
            "ownerReferences": [{"kind": "Job", "name": "x"}, {"kind": "ReplicaSet", "name": "web", "controller": true}]
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "app", "image": "app:1", "ports": [
                    {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}]},
                {"name": "side", "image": "side:1", "ports": null}
            ],
            "initContainers": [{"name": "init", "image": "init:1"}]
        },
        "status": {
            "phase": "Running", "podIP": "10.0.0.1", "hostIP": "192.168.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "containerID": "containerd://1"}]
        }
    })
}

const POD: &str = "pod_annotation_prometheus_io_scrape=true";

#[test]
fn a_pod_is_a_target_for_each_port_of_each_container() {
    let mut cluster = Cluster::default();
    put::<Pod>(&mut cluster, web());
    let found = targets(&mut cluster, Role::Pod);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 4, "{found}");
    assert_eq!(
        lines[0],
        "pod/crm/web-1: __address__=10.0.0.1:8080 namespace=crm pod_annotation_prometheus_io_scrape=true \
         pod_container_id=containerd://1 pod_container_image=app:1 pod_container_init=false pod_container_name=app \
         pod_container_port_name=http pod_container_port_number=8080 pod_container_port_protocol=TCP \
         pod_controller_kind=ReplicaSet pod_controller_name=web pod_host_ip=192.168.0.1 pod_ip=10.0.0.1 \
         pod_label_app_kubernetes_io_name=web pod_name=web-1 pod_node_name=n1 pod_phase=Running pod_ready=true pod_uid=u-1"
    );
    assert!(
        lines[2].contains("__address__=10.0.0.1 ") && lines[2].contains("pod_container_name=side"),
        "{found}"
    );
    assert!(lines[3].contains("pod_container_init=true") && lines[3].contains(POD), "{found}");
    // What we do not read is no news; what we do is.
    let mut other = web();
    other["metadata"]["resourceVersion"] = json!("8");
    other["status"]["startTime"] = json!("2026-01-01T00:00:00Z");
    put::<Pod>(&mut cluster, other.clone());
    check(&mut cluster, Role::Pod, "");
    other["status"]["podIP"] = json!("");
    put::<Pod>(&mut cluster, other);
    check(&mut cluster, Role::Pod, "pod/crm/web-1: none");
    cluster.remove::<Pod>(("crm".into(), "web-1".into()));
    check(&mut cluster, Role::Pod, "pod/crm/web-1: none");
    assert_eq!(cluster.len(), 0);
}

#[test]
fn labels_of_a_node_and_a_namespace_are_put_to_a_pod() {
    let mut cluster = Cluster::default();
    put::<Pod>(&mut cluster, web());
    cluster.changed(Role::Pod);
    put::<Node>(&mut cluster, json!({"metadata": {"name": "n1", "labels": {"zone": "a"}}}));
    assert!(targets(&mut cluster, Role::Pod).contains(" node_label_zone=a node_name=n1 "));
    put::<Namespace>(&mut cluster, json!({"metadata": {"name": "crm", "labels": {"team": "t"}}}));
    assert!(targets(&mut cluster, Role::Pod).contains(" namespace_label_team=t "));
    put::<Node>(&mut cluster, json!({"metadata": {"name": "n2"}}));
    check(&mut cluster, Role::Pod, "");
}

#[test]
fn a_service_is_a_target_for_each_port() {
    let mut cluster = Cluster::default();
    let metadata = json!({"name": "web", "namespace": "crm", "labels": {"a-b": "c"}});
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    for spec in [
        json!({"type": "ClusterIP", "clusterIP": "10.1.0.1", "ports": ports}),
        json!({"type": "LoadBalancer", "clusterIP": "10.1.0.1", "loadBalancerIP": "8.8.8.8", "ports": ports}),
        json!({"type": "ExternalName", "externalName": "web.example.org", "ports": ports}),
    ] {
        put::<Service>(&mut cluster, json!({"metadata": metadata, "spec": spec}));
        let of_type = match spec["type"].as_str() {
            Some("LoadBalancer") => {
                "service_cluster_ip=10.1.0.1 service_label_a_b=c service_loadbalancer_ip=8.8.8.8"
            }
            Some("ExternalName") => "service_external_name=web.example.org service_label_a_b=c",
            _ => "service_cluster_ip=10.1.0.1 service_label_a_b=c",
        };
        let kind = spec["type"].as_str().unwrap_or_default();
        let expected = format!(
            "svc/crm/web: __address__=web.crm.svc:80 namespace=crm {of_type} service_name=web service_port_name=http \
             service_port_number=80 service_port_protocol=TCP service_type={kind}"
        );
        check(&mut cluster, Role::Service, &expected);
    }
}

#[test]
fn a_node_is_asked_at_the_port_of_its_kubelet() {
    let mut cluster = Cluster::default();
    let node = |addresses: Value| {
        json!({
            "metadata": {"name": "n1"}, "spec": {"providerID": "p"},
            "status": {"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}
        })
    };
    put::<Node>(
        &mut cluster,
        node(json!([{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "fd00::1"},
                    {"type": "InternalIP", "address": "10.0.0.9"}])),
    );
    check(
        &mut cluster,
        Role::Node,
        "node/n1: __address__=[fd00::1]:10250 node_address_Hostname=h node_address_InternalIP=fd00::1 node_name=n1 \
         node_provider_id=p instance=n1",
    );
    put::<Node>(&mut cluster, node(json!(null)));
    check(&mut cluster, Role::Node, "node/n1: none");
}

#[test]
fn endpoints_have_the_labels_of_slice_service_and_pod() {
    let mut cluster = Cluster::default();
    let slice = json!({
        "metadata": {"name": "web-x", "namespace": "crm", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false},
             "nodeName": "n1", "zone": "z", "targetRef": {"kind": "Pod", "namespace": "crm", "name": "web-1"}},
            {"addresses": ["10.0.0.7"], "conditions": {"ready": false}, "hostname": "h"}
        ],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP", "appProtocol": "http"}]
    });
    put::<EndpointSlice>(&mut cluster, slice);
    put::<Pod>(&mut cluster, web());
    put::<Service>(&mut cluster, json!({"metadata": {"name": "web", "namespace": "crm"}, "spec": {}}));
    let found = targets(&mut cluster, Role::EndpointSlice);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 3, "{found}");
    assert_eq!(
        lines[1],
        "endpointslice/crm/web-x: __address__=10.0.0.7:8080 endpointslice_address_type=IPv4 \
         endpointslice_endpoint_conditions_ready=false endpointslice_endpoint_hostname=h \
         endpointslice_label_kubernetes_io_service_name=web endpointslice_name=web-x endpointslice_port=8080 \
         endpointslice_port_app_protocol=http endpointslice_port_name=http endpointslice_port_protocol=TCP namespace=crm \
         service_name=web"
    );
    for part in [
        "endpointslice_address_target_kind=Pod endpointslice_address_target_name=web-1",
        "endpointslice_endpoint_conditions_serving=true endpointslice_endpoint_conditions_terminating=false",
        "endpointslice_endpoint_node_name=n1 endpointslice_endpoint_zone=z",
        "pod_container_name=app pod_container_port_name=http",
        "pod_name=web-1",
    ] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    // The port that no endpoint named.
    assert!(lines[2].contains("__address__=10.0.0.1:9090") && lines[2].contains("pod_ready=true"), "{found}");
    let mut unready = web();
    unready["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    put::<Pod>(&mut cluster, unready);
    assert!(targets(&mut cluster, Role::EndpointSlice).contains("pod_ready=false"));
}

#[test]
fn the_older_endpoints_are_targets_too() {
    let mut cluster = Cluster::default();
    put::<Endpoints>(
        &mut cluster,
        json!({
            "metadata": {"name": "web", "namespace": "crm"},
            "subsets": [{
                "addresses": [{"ip": "10.0.0.5", "nodeName": "n1"}],
                "notReadyAddresses": [{"ip": "10.0.0.6"}],
                "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]
            }]
        }),
    );
    check(
        &mut cluster,
        Role::Endpoints,
        "endpoints/crm/web: __address__=10.0.0.5:80 endpoint_node_name=n1 endpoint_port_name=http \
         endpoint_port_protocol=TCP endpoint_ready=true endpoints_name=web namespace=crm\n\
         endpoints/crm/web: __address__=10.0.0.6:80 endpoint_port_name=http endpoint_port_protocol=TCP \
         endpoint_ready=false endpoints_name=web namespace=crm",
    );
}

#[test]
fn an_ingress_is_a_target_for_each_path() {
    let mut cluster = Cluster::default();
    put::<Ingress>(
        &mut cluster,
        json!({
            "metadata": {"name": "i", "namespace": "crm"},
            "spec": {
                "ingressClassName": "nginx", "tls": [{"hosts": ["*.example.org"]}],
                "rules": [
                    {"host": "a.example.org", "http": {"paths": [{"path": "/x"}, {}]}},
                    {"host": "b.a.example.org"}
                ]
            }
        }),
    );
    let line = |host: &str, path: &str, scheme: &str| {
        format!(
            "ingress/crm/i: __address__={host} ingress_class_name=nginx ingress_host={host} ingress_name=i \
             ingress_path={path} ingress_scheme={scheme} namespace=crm"
        )
    };
    let lines = [
        line("a.example.org", "/x", "https"),
        line("a.example.org", "/", "https"),
        line("b.a.example.org", "/", "http"),
    ];
    check(&mut cluster, Role::Ingress, &lines.join("\n"));
}

#[test]
fn a_list_of_one_namespace_leaves_the_others_alone() {
    let mut cluster = Cluster::default();
    put::<Pod>(&mut cluster, web());
    cluster.changed(Role::Pod);
    cluster.list::<Pod>(Some("other"), Vec::new());
    check(&mut cluster, Role::Pod, "");
    cluster.list::<Pod>(Some("crm"), Vec::new());
    check(&mut cluster, Role::Pod, "pod/crm/web-1: none");
}

#[test]
fn collections_have_their_places_and_selectors() {
    let settings = KubernetesDiscovery {
        role: Role::Pod,
        api: crate::scrape::KubernetesApi::InCluster,
        namespaces: Default::default(),
        selectors: vec![crate::scrape::KubernetesSelector {
            role: Role::Pod,
            label: "a=b,c!=d".to_owned(),
            field: "spec.nodeName=n".to_owned(),
        }],
        attach_node: true,
        attach_namespace: false,
    };
    let api: Url = "https://k:6443/prefix/".parse().expect("a URL");
    let check = |kind, namespace, expected: &str| {
        assert_eq!(collection(&api, kind, namespace, &settings).as_str(), expected);
    };
    check(
        Kind::Pod,
        Some("crm"),
        "https://k:6443/prefix/api/v1/namespaces/crm/pods?labelSelector=a%3Db%2Cc%21%3Dd&fieldSelector=spec.nodeName%3Dn",
    );
    check(Kind::Node, None, "https://k:6443/prefix/api/v1/nodes");
    check(Kind::EndpointSlice, None, "https://k:6443/prefix/apis/discovery.k8s.io/v1/endpointslices");
    assert_eq!(kinds(&settings), [Kind::Pod, Kind::Node]);
}
