//! `…_sd_configs` → providers of targets.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;

use crate::config::raw::{
    At, Entries, Length, RawDnsSd, RawFileSd, RawHeader, RawHttpSd, RawJob, RawKubernetesSd, RawTls, Wrong,
};
use crate::config::tree::Where;
use crate::model::glob;
use crate::scrape::{
    Discovery, DnsDiscovery, DnsRecord, FileDiscovery, HttpDiscovery, KubernetesApi, KubernetesDiscovery,
    KubernetesNamespaces, KubernetesRole, KubernetesSelector, RequestSettings,
};

use super::http::{ProxyKeys, Ways};
use super::{Context, http};

/// The intervals of Prometheus.
const FILES_READ_EVERY: Duration = Duration::from_mins(5);
const SERVICE_ASKED_EVERY: Duration = Duration::from_mins(1);
const NAMES_ASKED_EVERY: Duration = Duration::from_secs(30);

/// All providers of a job.
pub(super) fn providers(raw: &mut RawJob, cx: &Context<'_>) -> Vec<Discovery> {
    let files = raw.file_sd_configs.take().unwrap_or_default();
    let services = raw.http_sd_configs.take().unwrap_or_default();
    let names = raw.dns_sd_configs.take().unwrap_or_default();
    let clusters = raw.kubernetes_sd_configs.take().unwrap_or_default();
    let files = files.into_iter().filter_map(|raw| Some(Discovery::File(file(raw, cx)?)));
    let services = services.into_iter().filter_map(|raw| Some(Discovery::Http(Box::new(service(raw, cx)?))));
    let names = names.into_iter().filter_map(|raw| Some(Discovery::Dns(dns(raw, cx)?)));
    let clusters =
        clusters.into_iter().filter_map(|raw| Some(Discovery::Kubernetes(Box::new(kubernetes(raw, cx)?))));
    files.chain(services).chain(names).chain(clusters).collect()
}

fn file(raw: RawFileSd, cx: &Context<'_>) -> Option<FileDiscovery> {
    let refresh_interval = interval(raw.refresh_interval, FILES_READ_EVERY, cx);
    let files = cx.reader.required(raw.files, &raw.at, "files", "an entry of `file_sd_configs`")?;
    if files.is_empty() {
        cx.error(&raw.at, "`files` is empty");
    }
    for file in &files {
        let path = cx.path(file);
        let ends_well = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| ["json", "yml", "yaml", "JSON", "YML", "YAML"].contains(&extension));
        if !ends_well {
            let wrong = Wrong::new(format!("`{}` ends neither in `.json` nor in `.yml`", file.value));
            cx.error(&file.at, wrong.hint("the end of its name says how a file is read"));
        }
        if path.parent().is_some_and(|folder| glob::is_pattern(&folder.to_string_lossy())) {
            cx.error(&file.at, "only the last part of a path may have `*`, `?` or `[…]`");
        }
    }
    Some(FileDiscovery { files: files.iter().map(|file| cx.path(file)).collect(), refresh_interval })
}

/// The keys of an entry that say how somebody is asked: the same in each kind of entry that has them.
macro_rules! asked_by {
    ($raw:ident) => {
        Raw {
            ways: Ways {
                basic: $raw.basic_auth,
                authorization: $raw.authorization,
                tokens: $raw.oauth2,
                bearer: $raw.bearer_token,
                bearer_file: $raw.bearer_token_file,
            },
            tls: $raw.tls_config,
            proxy: ProxyKeys {
                url: $raw.proxy_url,
                except: $raw.no_proxy,
                environment: $raw.proxy_from_environment,
                headers: $raw.proxy_connect_header,
            },
            headers: $raw.http_headers,
            follow_redirects: $raw.follow_redirects,
        }
    };
}

fn service(raw: RawHttpSd, cx: &Context<'_>) -> Option<HttpDiscovery> {
    let requests = requests(asked_by!(raw), &raw.at, cx);
    let refresh_interval = interval(raw.refresh_interval, SERVICE_ASKED_EVERY, cx);
    let url = cx.reader.required(raw.url, &raw.at, "url", "an entry of `http_sd_configs`")?;
    Some(HttpDiscovery { url: address(&url, cx)?, refresh_interval, requests })
}

fn dns(raw: RawDnsSd, cx: &Context<'_>) -> Option<DnsDiscovery> {
    if !cfg!(feature = "dns-sd") {
        let wrong = Wrong::new("this build has no discovery through DNS");
        cx.error(&raw.at, wrong.hint("build with the feature `dns-sd`, which is on by default"));
    }
    let refresh_interval = interval(raw.refresh_interval, NAMES_ASKED_EVERY, cx);
    let kind = raw.r#type.as_ref().map_or(DnsRecord::Srv, |kind| kind.value);
    let port = match &raw.port {
        Some(port) => u16::try_from(port.value.0).ok().filter(|port| 0 < *port),
        None => None,
    };
    if let Some(written) = raw.port.as_ref().filter(|_| port.is_none()) {
        cx.error(&written.at, format!("`{}` is not a port", written.value.0));
    } else if kind != DnsRecord::Srv && port.is_none() {
        cx.error(&raw.at, Wrong::new("`port` is missing").hint("only records of type SRV say a port"));
    }
    let names = cx.reader.required(raw.names, &raw.at, "names", "an entry of `dns_sd_configs`")?;
    if names.is_empty() {
        cx.error(&raw.at, "`names` is empty");
    }
    for name in names.iter().filter(|name| !is_domain(&name.value)) {
        cx.error(&name.at, format!("`{}` is not a name of DNS", name.value));
    }
    let names = names.into_iter().map(|name| name.value).collect();
    Some(DnsDiscovery { names, kind, port: port.unwrap_or_default(), refresh_interval })
}

fn is_domain(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label =
        |label: &str| !label.is_empty() && label.len() <= 63 && !label.contains(char::is_whitespace);
    name.is_ascii() && name.len() <= 253 && name.split('.').all(is_label)
}

fn kubernetes(raw: RawKubernetesSd, cx: &Context<'_>) -> Option<KubernetesDiscovery> {
    let requests = requests(asked_by!(raw), &raw.at, cx);
    // As in Prometheus: how the API is asked comes with where it is, or from the one place that says both.
    let api = match (raw.api_server, raw.kubeconfig_file) {
        (Some(_), Some(file)) => {
            let wrong = Wrong::new("`api_server` and `kubeconfig_file` are both given");
            cx.error(&file.at, wrong.hint("keep one of them"));
            None
        }
        (Some(server), None) => {
            address(&server, cx).map(|url| KubernetesApi::Server { url, requests: Box::new(requests) })
        }
        (None, file) => {
            let plain = RequestSettings { follow_redirects: requests.follow_redirects, ..Default::default() };
            if requests != plain {
                let what = if file.is_some() { "with `kubeconfig_file`" } else { "without `api_server`" };
                let wrong = Wrong::new(format!("credentials, TLS, headers and a proxy have no use {what}"));
                cx.error(&raw.at, wrong.hint("name the `api_server` that they are for"));
            }
            match file {
                Some(file) if file.value.is_empty() => {
                    cx.error(&file.at, "`kubeconfig_file` is empty");
                    None
                }
                Some(file) => Some(KubernetesApi::Kubeconfig(cx.path(&file))),
                None => Some(KubernetesApi::InCluster),
            }
        }
    };
    let attach = |of: fn(&crate::config::raw::RawAttach) -> &Option<At<bool>>| {
        raw.attach_metadata.as_ref().and_then(|attach| of(attach).as_ref()).is_some_and(|on| on.value)
    };
    let (attach_node, attach_namespace) = (attach(|attach| &attach.node), attach(|attach| &attach.namespace));
    let role = cx.reader.required(raw.role, &raw.at, "role", "an entry of `kubernetes_sd_configs`");
    let mut selectors = Vec::new();
    let mut seen = BTreeSet::new();
    for selector in raw.selectors.unwrap_or_default() {
        let Some(kind) = cx.reader.required(selector.role, &selector.at, "role", "a selector") else {
            continue;
        };
        if let Some(role) = &role
            && !selectable(role.value).contains(&kind.value)
        {
            let (kind, role) = (kind.value.word(), role.value.word());
            cx.error(&selector.at, format!("role `{role}` looks at no object of the kind `{kind}`"));
        }
        if !seen.insert(kind.value) {
            cx.error(&selector.at, format!("there are two selectors for `{}`", kind.value.word()));
        }
        let text = |text: Option<At<String>>| text.map(|text| text.value).unwrap_or_default();
        let (label, field) = (text(selector.label), text(selector.field));
        selectors.push(KubernetesSelector { role: kind.value, label, field });
    }
    let namespaces = raw.namespaces.map_or(KubernetesNamespaces::default(), |raw| KubernetesNamespaces {
        names: raw.names.unwrap_or_default().into_iter().map(|name| name.value).collect(),
        own: raw.own_namespace.is_some_and(|own| own.value),
    });
    Some(KubernetesDiscovery {
        role: role?.value,
        api: api?,
        namespaces,
        selectors,
        attach_node,
        attach_namespace,
    })
}

/// The kinds of objects that a role looks at, as in Prometheus.
fn selectable(role: KubernetesRole) -> &'static [KubernetesRole] {
    use KubernetesRole::{EndpointSlice, Endpoints, Ingress, Node, Pod, Service};
    match role {
        Node => &[Node],
        Pod => &[Pod, Node],
        Service => &[Service],
        EndpointSlice => &[Pod, Service, EndpointSlice, Node],
        Endpoints => &[Pod, Service, Endpoints, Node],
        Ingress => &[Ingress],
    }
}

/// The keys of an HTTP client.
struct Raw {
    ways: Ways,
    tls: Option<RawTls>,
    proxy: ProxyKeys,
    headers: Option<Entries<RawHeader>>,
    follow_redirects: Option<At<bool>>,
}

fn requests(raw: Raw, at: &Where, cx: &Context<'_>) -> RequestSettings {
    let proxy = http::proxy(raw.proxy, cx);
    RequestSettings {
        authorization: http::one_way(raw.ways, "one", at, cx),
        tls: http::tls(raw.tls, &proxy, cx),
        proxy,
        headers: http::headers(raw.headers, cx),
        follow_redirects: raw.follow_redirects.is_none_or(|follow| follow.value),
    }
}

fn interval(written: Option<At<Length>>, default: Duration, cx: &Context<'_>) -> Duration {
    written.and_then(|length| cx.positive(&length, "refresh_interval")).unwrap_or(default)
}

/// An address of HTTP. User and password within it would show in labels and logs.
fn address(written: &At<String>, cx: &Context<'_>) -> Option<Url> {
    let parsed = Url::parse(&written.value).ok();
    let usable = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = usable else {
        cx.error(&written.at, "this is not a URL of `http` or `https`");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let wrong = Wrong::new("a URL with a user or a password in it shows them to everybody");
        cx.error(&written.at, wrong.hint("write them as `basic_auth`"));
        return None;
    }
    Some(url)
}
