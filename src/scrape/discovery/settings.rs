//! One entry of some `…_sd_configs`, checked.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::scrape::{Authorization, Header, ProxySettings, TlsSettings};

/// Where targets are found. Jobs with the same settings share what is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discovery {
    /// `file_sd_configs`
    File(FileDiscovery),
    /// `http_sd_configs`
    Http(Box<HttpDiscovery>),
    /// `dns_sd_configs`
    Dns(DnsDiscovery),
    /// `kubernetes_sd_configs`
    Kubernetes(Box<KubernetesDiscovery>),
}

impl Discovery {
    /// Its name in metrics and logs.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Http(_) => "http",
            Self::Dns(_) => "dns",
            Self::Kubernetes(_) => "kubernetes",
        }
    }

    /// How it asks over HTTP, where it does and the configuration says it.
    pub fn requests(&self) -> Option<&RequestSettings> {
        match self {
            Self::File(_) | Self::Dns(_) => None,
            Self::Http(http) => Some(&http.requests),
            Self::Kubernetes(kubernetes) => match &kubernetes.api {
                KubernetesApi::Server { requests, .. } => Some(requests),
                KubernetesApi::InCluster | KubernetesApi::Kubeconfig(_) => None,
            },
        }
    }
}

/// One entry of `file_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiscovery {
    /// Paths; the last part of each may have `*`, `?` and `[…]`.
    pub files: Vec<PathBuf>,
    /// How often they are read even where nothing seems to have changed.
    pub refresh_interval: Duration,
}

/// How whoever knows of targets is asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestSettings {
    /// How we authenticate.
    pub authorization: Option<Authorization>,
    /// TLS.
    pub tls: TlsSettings,
    /// The proxy on the way there.
    pub proxy: ProxySettings,
    /// Headers that are sent along.
    pub headers: Vec<Header>,
    /// Whether an answer that points elsewhere is followed.
    pub follow_redirects: bool,
}

/// One entry of `http_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDiscovery {
    /// Who is asked.
    pub url: Url,
    /// How often.
    pub refresh_interval: Duration,
    /// How.
    pub requests: RequestSettings,
}

/// One entry of `dns_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsDiscovery {
    /// The names that are looked up.
    pub names: Vec<String>,
    /// What kind of record is asked for.
    pub kind: DnsRecord,
    /// The port of targets whose record names none.
    pub port: u16,
    /// How often.
    pub refresh_interval: Duration,
}

/// A kind of DNS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsRecord {
    /// Services, with their ports.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

/// One entry of `kubernetes_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesDiscovery {
    /// What becomes a target.
    pub role: KubernetesRole,
    /// Who is asked.
    pub api: KubernetesApi,
    /// Where is looked.
    pub namespaces: KubernetesNamespaces,
    /// Which objects are taken.
    pub selectors: Vec<KubernetesSelector>,
    /// Whether labels of a pod's node are put to it.
    pub attach_node: bool,
    /// Whether labels of a namespace are put to what is in it.
    pub attach_namespace: bool,
}

/// What becomes a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KubernetesRole {
    /// Each node.
    Node,
    /// Each port of each container of each pod.
    Pod,
    /// Each port of each service.
    Service,
    /// Each address and port of each slice of endpoints.
    EndpointSlice,
    /// The same under the labels of the older kind of object.
    Endpoints,
    /// Each path of each ingress.
    Ingress,
}

impl KubernetesRole {
    /// As the configuration writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Pod => "pod",
            Self::Service => "service",
            Self::EndpointSlice => "endpointslice",
            Self::Endpoints => "endpoints",
            Self::Ingress => "ingress",
        }
    }
}

/// Where the API of a cluster is, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KubernetesApi {
    /// As a pod's service account finds it.
    InCluster,
    /// As a file says it that `kubectl` reads too. It is read when discovery begins.
    Kubeconfig(PathBuf),
    /// As the configuration says it.
    Server {
        /// Its address.
        url: Url,
        /// How it is asked.
        requests: Box<RequestSettings>,
    },
}

/// Where is looked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KubernetesNamespaces {
    /// These; all where there is none.
    pub names: Vec<String>,
    /// The namespace of our own pod, too.
    pub own: bool,
}

/// Which objects of a kind are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesSelector {
    /// The kind.
    pub role: KubernetesRole,
    /// A selector of labels, as the API has it; empty for all.
    pub label: String,
    /// A selector of fields, as the API has it; empty for all.
    pub field: String,
}
