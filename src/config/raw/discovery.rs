//! `…_sd_configs`, key by key as Prometheus has them.

use crate::model::Secret;
use crate::scrape::{DnsRecord, KubernetesRole};

use super::read::{At, Entries, allow, section};
use super::scrape::{RawAuthorization, RawBasicAuth, RawHeader, RawOauth2, RawTls};
use super::words::{Count, Length};

section! {
    /// Targets listed in files.
    pub struct RawFileSd as "an entry of `file_sd_configs`" with at {
        /// Paths, relative to this file; they end in `.json`, `.yml` or `.yaml`, and the last part may have `*`.
        #[schemars(required)]
        files: Vec<At<String>>,
        /// How often they are read even where nothing seems to have changed; 5m by default. A change is seen in a second.
        refresh_interval: At<Length>,
    }
    unused []
    later []
}

section! {
    /// Targets that a service lists over HTTP.
    pub struct RawHttpSd as "an entry of `http_sd_configs`" with at {
        /// Whom to ask.
        #[schemars(required)]
        url: At<String>,
        /// How often; 60s by default.
        refresh_interval: At<Length>,
        /// A user and a password.
        basic_auth: RawBasicAuth,
        /// A scheme and credentials.
        authorization: RawAuthorization,
        /// The older way to write `authorization`.
        bearer_token: At<Secret>,
        /// The older way to write `authorization` with a file.
        bearer_token_file: At<String>,
        /// Tokens by OAuth 2.0 client credentials.
        oauth2: RawOauth2,
        /// How TLS is spoken.
        tls_config: RawTls,
        /// The proxy on the way there.
        proxy_url: At<Secret>,
        /// Who is asked without the proxy.
        no_proxy: At<String>,
        /// Whether the environment says which proxy; false by default.
        proxy_from_environment: At<bool>,
        /// Headers that are sent to the proxy where it makes a tunnel.
        proxy_connect_header: Entries<Vec<At<Secret>>>,
        /// Headers that are sent along.
        http_headers: Entries<RawHeader>,
        /// Whether an answer that points elsewhere is followed; true by default.
        follow_redirects: At<bool>,
    }
    unused [ "enable_http2" ]
    later []
}

section! {
    /// Targets that DNS names.
    pub struct RawDnsSd as "an entry of `dns_sd_configs`" with at {
        /// The names to look up.
        #[schemars(required)]
        names: Vec<At<String>>,
        /// The kind of record; SRV by default.
        r#type: At<DnsRecord>,
        /// The port of the targets; not for SRV, whose records have their own.
        port: At<Count>,
        /// How often; 30s by default.
        refresh_interval: At<Length>,
    }
    unused []
    later []
}

section! {
    /// Targets that are objects of Kubernetes.
    pub struct RawKubernetesSd as "an entry of `kubernetes_sd_configs`" with at {
        /// What becomes a target.
        #[schemars(required)]
        role: At<KubernetesRole>,
        /// Where the API is; without it and `kubeconfig_file`, Fogsignal runs in the cluster.
        api_server: At<String>,
        /// The file that says where the API is and how it is asked.
        kubeconfig_file: At<String>,
        /// Where to look; everywhere by default.
        namespaces: RawNamespaces,
        /// Which objects to take.
        selectors: Vec<RawSelector>,
        /// What else is put to each target.
        attach_metadata: RawAttach,
        /// A user and a password.
        basic_auth: RawBasicAuth,
        /// A scheme and credentials.
        authorization: RawAuthorization,
        /// The older way to write `authorization`.
        bearer_token: At<Secret>,
        /// The older way to write `authorization` with a file.
        bearer_token_file: At<String>,
        /// Tokens by OAuth 2.0 client credentials.
        oauth2: RawOauth2,
        /// How TLS is spoken.
        tls_config: RawTls,
        /// The proxy on the way there.
        proxy_url: At<Secret>,
        /// Who is asked without the proxy.
        no_proxy: At<String>,
        /// Whether the environment says which proxy; false by default.
        proxy_from_environment: At<bool>,
        /// Headers that are sent to the proxy where it makes a tunnel.
        proxy_connect_header: Entries<Vec<At<Secret>>>,
        /// Headers that are sent along.
        http_headers: Entries<RawHeader>,
        /// Whether an answer that points elsewhere is followed; true by default.
        follow_redirects: At<bool>,
    }
    unused [ "enable_http2" ]
    later []
}

section! {
    /// Namespaces to look in.
    pub struct RawNamespaces as "`namespaces`" {
        /// The namespace that Fogsignal runs in; false by default.
        own_namespace: At<bool>,
        /// Their names.
        names: Vec<At<String>>,
    }
    unused []
    later []
}

section! {
    /// Which objects of a kind to take.
    pub struct RawSelector as "a selector" with at {
        /// The kind.
        #[schemars(required)]
        role: At<KubernetesRole>,
        /// A selector of labels: `app=crm,tier!=test`.
        label: At<String>,
        /// A selector of fields: `spec.nodeName=node-1`.
        field: At<String>,
    }
    unused []
    later []
}

section! {
    /// What else is put to each target.
    pub struct RawAttach as "`attach_metadata`" {
        /// Labels and annotations of the node that a pod runs on; false by default.
        node: At<bool>,
        /// Labels and annotations of the namespace; false by default.
        namespace: At<bool>,
    }
    unused []
    later []
}
