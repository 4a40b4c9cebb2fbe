//! Where the API of a cluster is, and how it is asked.
//!
//! In:   the settings, what a pod's environment and service account say, or a file as `kubectl` reads it.
//! Out:  an address, and the settings of requests.
//! Not:  no program is run for credentials, and nothing is asked.

use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;

use crate::model::{Secret, SecretSource};
use crate::scrape::discovery::{KubernetesApi, RequestSettings};
use crate::scrape::{Authorization, ProxyBy, TlsSettings};

/// Where a pod finds what belongs to its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Where to ask, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) url: Url,
    pub(super) requests: RequestSettings,
}

/// Finds it. Blocks: it reads files.
///
/// # Errors
/// In words.
pub(super) fn find(api: &KubernetesApi) -> Result<Access, String> {
    match api {
        KubernetesApi::Server { url, requests } => {
            Ok(Access { url: url.clone(), requests: (**requests).clone() })
        }
        KubernetesApi::InCluster => {
            let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
            let (host, port) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"));
            let (Some(host), Some(port)) = (host, port) else {
                return Err("this is no pod of a cluster: `KUBERNETES_SERVICE_HOST` is not set \
                            (hint: set `api_server` or `kubeconfig_file`)"
                    .to_owned());
            };
            in_cluster(&host, &port, Path::new(SERVICE_ACCOUNT))
        }
        KubernetesApi::Kubeconfig(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
            kubeconfig(path, &text).map_err(|fault| format!("`{}`: {fault}", path.display()))
        }
    }
}

/// The namespace that we run in.
///
/// # Errors
/// In words.
pub(super) fn own_namespace() -> Result<String, String> {
    let path = Path::new(SERVICE_ACCOUNT).join("namespace");
    let read = std::fs::read_to_string(&path);
    let read =
        read.map_err(|error| format!("`own_namespace`: `{}` cannot be read: {error}", path.display()))?;
    Ok(read.trim().to_owned())
}

/// The token is read at each request, since it is exchanged every hour.
fn in_cluster(host: &str, port: &str, account: &Path) -> Result<Access, String> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let url = Url::parse(&format!("https://{host}:{port}"))
        .map_err(|_| format!("`{host}:{port}` is no address of the API"))?;
    let authorization = Authorization::Credentials {
        kind: "Bearer".to_owned(),
        credentials: SecretSource::File(account.join("token")),
    };
    let tls = TlsSettings { ca_file: Some(account.join("ca.crt")), ..TlsSettings::default() };
    Ok(Access { url, requests: requests(Some(authorization), tls) })
}

fn requests(authorization: Option<Authorization>, tls: TlsSettings) -> RequestSettings {
    RequestSettings { authorization, tls, follow_redirects: true, ..RequestSettings::default() }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: Option<String>,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    tls_server_name: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    proxy_url: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: Option<User>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<String>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    exec: Option<serde::de::IgnoredAny>,
    #[serde(rename = "auth-provider")]
    auth_provider: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    #[serde(default)]
    user: String,
}

fn kubeconfig(path: &Path, text: &str) -> Result<Access, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    let file: Kubeconfig = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let whole = error.without_snippet().to_string();
        whole.lines().next().unwrap_or("it cannot be read").to_owned()
    })?;
    let current = file.current_context.unwrap_or_default();
    let context = file.contexts.into_iter().find(|context| context.name == current);
    let context =
        context.ok_or_else(|| format!("there is no context `{current}`, which is the current one"))?;
    let Context { cluster, user } = context.context;
    let found = file.clusters.into_iter().find(|named| named.name == cluster);
    let cluster = found.ok_or_else(|| format!("there is no cluster `{cluster}`"))?.cluster;
    let user = file.users.into_iter().find(|named| named.name == user).and_then(|named| named.user);
    let user = user.unwrap_or_default();
    for (key, given, instead) in [
        ("exec", user.exec.is_some(), "use `token` or `tokenFile`"),
        ("auth-provider", user.auth_provider.is_some(), "use `token` or `tokenFile`"),
    ] {
        if given {
            return Err(format!("`{key}` is not supported yet (hint: {instead})"));
        }
    }
    let url = Url::parse(&cluster.server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or("`server` is not a URL of `http` or `https`")?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let bearer = |credentials| Authorization::Credentials { kind: "Bearer".to_owned(), credentials };
    let authorization = match (user.token_file, user.token, user.username) {
        (Some(file), ..) => Some(bearer(SecretSource::File(folder.join(file)))),
        (None, Some(token), _) => Some(bearer(SecretSource::Inline(Secret::new(token)))),
        (None, None, Some(username)) => Some(Authorization::Basic {
            username,
            password: SecretSource::Inline(Secret::new(user.password.unwrap_or_default())),
        }),
        (None, None, None) => None,
    };
    let mut tls =
        TlsSettings { insecure_skip_verify: cluster.insecure_skip_tls_verify, ..TlsSettings::default() };
    tls.ca = inline("certificate-authority-data", cluster.certificate_authority_data)?;
    tls.cert = inline("client-certificate-data", user.client_certificate_data)?;
    tls.key = inline("client-key-data", user.client_key_data)?.map(Secret::new);
    // As `kubectl` has it, what stands in the file wins over what it names.
    let named = |file: Option<PathBuf>| file.map(|file| folder.join(file));
    tls.ca_file = named(cluster.certificate_authority).filter(|_| tls.ca.is_none());
    tls.cert_file = named(user.client_certificate).filter(|_| tls.cert.is_none());
    tls.key_file = named(user.client_key).filter(|_| tls.key.is_none());
    tls.server_name = cluster.tls_server_name;
    let mut requests = requests(authorization, tls);
    if let Some(proxy) = cluster.proxy_url {
        if requests.tls.server_name.is_some() {
            return Err("`tls-server-name` cannot be used with `proxy-url`".to_owned());
        }
        requests.proxy.by = ProxyBy::Url { url: Secret::new(proxy), except: None };
    }
    Ok(Access { url, requests })
}

/// PEM that is packed once more, as such files have it.
fn inline(key: &str, data: Option<String>) -> Result<Option<String>, String> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let Some(data) = data.filter(|data| !data.is_empty()) else { return Ok(None) };
    let bytes = STANDARD.decode(data.trim()).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| format!("`{key}` is not PEM in base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_asks_as_its_service_account() {
        let access = in_cluster("fd00::1", "443", Path::new("/sa")).expect("an address");
        assert_eq!(access.url.as_str(), "https://[fd00::1]/");
        assert_eq!(access.requests.tls.ca_file.as_deref(), Some(Path::new("/sa/ca.crt")));
        let Some(Authorization::Credentials { credentials, .. }) = access.requests.authorization else {
            panic!("it has a token");
        };
        assert_eq!(credentials, SecretSource::File("/sa/token".into()));
    }

    #[test]
    fn a_kubeconfig_is_read_by_its_current_context() {
        let text = "apiVersion: v1\nkind: Config\ncurrent-context: b\npreferences: {}\n\
            clusters:\n- {name: one, cluster: {server: 'https://one:6443', certificate-authority: ca.pem}}\n\
            users:\n- {name: me, user: {tokenFile: token}}\n- {name: other, user: {token: t}}\n\
            contexts:\n- {name: a, context: {cluster: x, user: y}}\n- {name: b, context: {cluster: one, user: me, namespace: n}}\n";
        let access = kubeconfig(Path::new("/k/config"), text).expect("it is good");
        assert_eq!(access.url.as_str(), "https://one:6443/");
        assert_eq!(access.requests.tls.ca_file.as_deref(), Some(Path::new("/k/ca.pem")));
        let bad = |from: &str, to: &str| kubeconfig(Path::new("/k/config"), &text.replace(from, to));
        assert_eq!(
            bad("current-context: b", "current-context: c"),
            Err("there is no context `c`, which is the current one".to_owned())
        );
        assert_eq!(
            bad("tokenFile: token", "exec: {command: x}"),
            Err("`exec` is not supported yet (hint: use `token` or `tokenFile`)".to_owned())
        );
        let inline = bad(
            "certificate-authority: ca.pem",
            "certificate-authority: x, certificate-authority-data: UEVN",
        );
        let tls = inline.expect("it is good").requests.tls;
        assert_eq!((tls.ca.as_deref(), tls.ca_file), (Some("PEM"), None));
        assert_eq!(
            bad("tokenFile: token", "client-key-data: '?'"),
            Err("`client-key-data` is not PEM in base64".to_owned())
        );
        let through = bad("certificate-authority: ca.pem", "proxy-url: 'http://p:1'").expect("it is good");
        assert!(!through.requests.proxy.is_direct());
        assert_eq!(bad("https://one", "one"), Err("`server` is not a URL of `http` or `https`".to_owned()));
    }
}
