//! Whole configurations, from files in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::model::{Problems, Severity};
use crate::scrape::{Authorization, HistogramParts, Protocol};

mod incidents;

/// Files that lie in memory, by path.
#[derive(Default)]
struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), content.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let names = self.0.keys().filter(|path| path.parent() == Some(directory));
        Ok(names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }
}

fn sources() -> Sources {
    Sources { file: "/etc/f.yml".into(), ..Sources::default() }
}

fn try_load(text: &str) -> Result<(Config, Problems), Problems> {
    load_with(&sources(), &Memory::default().with("/etc/f.yml", text))
}

fn good(text: &str) -> Config {
    let (config, problems) = try_load(text).unwrap_or_else(|problems| panic!("{problems}\n\n{text}"));
    assert!(problems.is_empty(), "{problems}");
    config
}

/// The problems of a text, one a line, without the file's name.
fn problems(text: &str) -> String {
    let problems = match try_load(text) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    problems.to_string().replace("/etc/f.yml:", "")
}

fn bad(text: &str, expected: &str) {
    let found = problems(text);
    assert_eq!(found.trim(), expected.trim(), "of\n{text}");
}

const JOB: &str = "scrape_configs:\n  - job_name: a\n    static_configs: [{targets: ['a:1']}]\n";

#[test]
fn a_job_has_prometheuss_defaults() {
    let config = good(JOB);
    let job = &config.jobs[0];
    assert_eq!((job.interval.as_secs(), job.timeout.as_secs()), (60, 10));
    assert_eq!((job.metrics_path.as_str(), job.scheme.as_str()), ("/metrics", "http"));
    assert!(!job.honor_labels && job.honor_timestamps && job.enable_compression);
    assert_eq!(job.limits.body_bytes, Some(100 << 20));
    assert_eq!(job.limits.samples, None);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:9096");
    assert_eq!(config.data_dir, Path::new("data"));
    assert_eq!(config.evaluation_interval, Duration::from_secs(60));
}

#[test]
fn a_job_finds_targets_in_many_ways() {
    use crate::scrape::{Discovery, DnsRecord, KubernetesApi, KubernetesRole};
    let config = good(
        "scrape_configs:\n  - job_name: a\n    keep_dropped_targets: 7\n    file_sd_configs: [{files: ['t/*.json', '/x.yml']}]\n    \
         http_sd_configs: [{url: 'http://h:1/t', refresh_interval: 10s, bearer_token: x}]\n    \
         dns_sd_configs: [{names: [_m._tcp.example.org], type: SRV}, {names: [h.], type: A, port: 9}]\n    \
         kubernetes_sd_configs:\n      - {role: pod, namespaces: {own_namespace: true, names: [n]}, attach_metadata: {node: true},\n         \
           selectors: [{role: pod, label: 'a=b', field: 'spec.nodeName=n'}]}\n      - {role: node, api_server: 'https://k:6443'}\n      \
         - {role: ingress, kubeconfig_file: kube.yml}\n",
    );
    assert_eq!(config.jobs[0].keep_dropped_targets, 7);
    let [
        Discovery::File(file),
        Discovery::Http(http),
        Discovery::Dns(srv),
        Discovery::Dns(a),
        Discovery::Kubernetes(pods),
        Discovery::Kubernetes(nodes),
        Discovery::Kubernetes(ingresses),
    ] = &config.jobs[0].discovery[..]
    else {
        panic!("{:?}", config.jobs[0].discovery)
    };
    assert_eq!(file.files, [Path::new("/etc/t/*.json"), Path::new("/x.yml")]);
    assert_eq!((file.refresh_interval.as_secs(), http.refresh_interval.as_secs()), (300, 10));
    assert!(http.requests.authorization.is_some() && http.requests.follow_redirects);
    assert_eq!((srv.kind, srv.port, a.kind, a.port), (DnsRecord::Srv, 0, DnsRecord::A, 9));
    assert_eq!((pods.role, &pods.api), (KubernetesRole::Pod, &KubernetesApi::InCluster));
    assert!(pods.attach_node && !pods.attach_namespace && pods.namespaces.own);
    assert_eq!(
        (pods.selectors[0].label.as_str(), pods.selectors[0].field.as_str()),
        ("a=b", "spec.nodeName=n")
    );
    assert!(matches!(&nodes.api, KubernetesApi::Server { url, .. } if url.as_str() == "https://k:6443/"));
    assert_eq!(ingresses.api, KubernetesApi::Kubeconfig("/etc/kube.yml".into()));
}

#[test]
fn who_knows_of_targets_is_reached_as_targets_are() {
    let keys = "proxy_url: 'http://p:3128', no_proxy: h, http_headers: {X-Team: {values: [a]}}, \
        oauth2: {client_id: a, client_secret: hunter2, token_url: 'http://c'}, tls_config: {min_version: TLS13}";
    let text = format!(
        "scrape_configs:\n- job_name: a\n  http_sd_configs: [{{url: 'http://h', {keys}}}]\n  \
         kubernetes_sd_configs: [{{role: pod, api_server: 'https://k', {keys}}}]\n"
    );
    let config = good(&text);
    for discovery in &config.jobs[0].discovery {
        let requests = discovery.requests().expect("it asks over HTTP");
        assert!(matches!(requests.authorization, Some(Authorization::OAuth2(_))), "{requests:?}");
        assert!(
            !requests.proxy.is_direct() && requests.tls.min_version == Some(crate::scrape::TlsVersion::Tls13)
        );
        assert_eq!(requests.headers[0].name, "X-Team");
    }
    for (from, to) in [("hunter2", "hunter3"), ("p:3128", "u:p@p:3128"), ("[a]", "[b]")] {
        assert_eq!(
            changes(&config, &mut good(&text.replace(from, to))).to_string(),
            "1 job changed: a",
            "{to}"
        );
    }
}

#[test]
fn what_is_wrong_with_discovery_is_told_at_its_place() {
    bad(
        r#"
scrape_configs:
  - job_name: a
    file_sd_configs: [{files: [t.txt, 'a*/t.json'], refresh: 1m}, {}]
    http_sd_configs:
      - {url: 'ftp://h', refresh_interval: 0s}
      - {url: 'http://u:p@h', basic_auth: {username: a}, bearer_token: t}
    dns_sd_configs:
      - {names: [a..b], type: srv}
      - {names: [a], type: A}
      - {names: [a], port: 70000}
    kubernetes_sd_configs:
      - {role: pods}
      - {role: pod, api_server: 'https://k', kubeconfig_file: f}
      - {role: service, tls_config: {insecure_skip_verify: true}}
      - {role: service, selectors: [{role: node}, {role: service}, {role: service, lable: x}]}
"#,
        r#"
4:32: `t.txt` ends neither in `.json` nor in `.yml` (hint: the end of its name says how a file is read)
4:39: only the last part of a path may have `*`, `?` or `[…]`
4:53: an entry of `file_sd_configs` has no key `refresh` (hint: known: `files`, `refresh_interval`)
4:67: an entry of `file_sd_configs` needs `files`
6:15: this is not a URL of `http` or `https`
6:44: `refresh_interval` must be longer than 0s
7:9: one can authenticate in one way only (hint: keep one of `basic_auth`, `authorization`, `oauth2` and `bearer_token`)
7:15: a URL with a user or a password in it shows them to everybody (hint: write them as `basic_auth`)
9:18: `a..b` is not a name of DNS
9:31: `srv` is not a kind of DNS record (hint: did you mean `SRV`?)
10:9: `port` is missing (hint: only records of type SRV say a port)
11:28: `70000` is not a port
13:16: `pods` is not a role (hint: did you mean `pod`?)
14:63: `api_server` and `kubeconfig_file` are both given (hint: keep one of them)
15:9: credentials, TLS, headers and a proxy have no use without `api_server` (hint: name the `api_server` that they are for)
16:37: role `service` looks at no object of the kind `node`
16:68: there are two selectors for `service`
16:84: a selector has no key `lable` (hint: did you mean `label`?)
"#,
    );
}

#[test]
fn a_job_takes_from_global_what_it_does_not_say() {
    let config = good(
        "global: {scrape_interval: 5s, sample_limit: 7, body_size_limit: 10MB, label_limit: 3}\n\
         scrape_configs:\n  - {job_name: a, sample_limit: 0}\n  - {job_name: b, scrape_interval: 30s, body_size_limit: 0}\n",
    );
    let (a, b) = (&config.jobs[0], &config.jobs[1]);
    assert_eq!((a.interval.as_secs(), a.timeout.as_secs()), (5, 5));
    assert_eq!((b.interval.as_secs(), b.timeout.as_secs()), (30, 10));
    assert_eq!((a.limits.samples, a.limits.body_bytes, a.limits.labels), (None, Some(10 << 20), Some(3)));
    assert_eq!((b.limits.samples, b.limits.body_bytes), (Some(7), None));
    let config = good("scrape_configs: [{job_name: a}, {job_name: b, follow_redirects: false}]\n");
    assert_eq!((config.jobs[0].follow_redirects, config.jobs[1].follow_redirects), (true, false));
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    bad(
        r#"
global: {scrape_intreval: 15s, evaluation_interval: 15}
scrape_configs:
  - job_name: a
    scrape_interval: 10s
    scrape_timeout: 20s
    honor_labels: yes
    static_configs: [{targets: 'a:1'}]
  - job_name: a
    metrics_path: metrics
  - static_configs:
      - targets: ['http://a:1/metrics']
components:
  - {id: db, depends_on: [crm]}
  - {id: crm, depends_on: [db, dbb]}
server: {listen: nowhere}
sinks:
  - {name: ops, adapter: webhok, audience: responders}
  - {name: page, adapter: stdout, audience: responders, url: 'http://x'}
escalation:
  - {match: {severity: huge}, steps: [{page: [opps]}]}
"#,
        r#"
2:10: `global` has no key `scrape_intreval` (hint: did you mean `scrape_interval`?)
2:53: `15` has no unit (hint: did you mean `15s`?)
6:21: the scrape timeout 20s is longer than the scrape interval 10s (hint: a scrape must end before the next one begins)
7:19: `yes` is neither `true` nor `false`
8:32: expected a list, found a single value (hint: begin each entry with `- `)
9:15: there are two jobs called `a`
10:19: the path `metrics` does not begin with `/`
11:5: a scrape job needs `job_name`
12:19: the target `http://a:1/metrics` is not of the form `host:port` (hint: the scheme goes into `scheme`, the path into `metrics_path`)
14:27: components depend on each other in a cycle: crm → db → crm (hint: take out one of these edges: an outage has to begin somewhere)
15:32: component `crm` depends on `dbb`, which is not defined (hint: did you mean `db`?)
16:18: `nowhere` is not an address to listen on (hint: write an IP address and a port, such as `127.0.0.1:9096` or `0.0.0.0:9096`)
18:26: `webhok` is not an adapter (hint: did you mean `webhook`?)
19:62: the adapter `stdout` has no use for `url`
21:24: `huge` is not a severity (hint: known: `minor`, `major`, `critical`)
21:47: there is no sink `opps` (hint: did you mean `ops`?)
"#,
    );
}

#[test]
fn a_prometheus_configuration_starts_with_one_warning_for_each_key_not_used() {
    let text = format!(
        "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['am:9093']}}]}}]}}\nremote_write: [{{url: 'http://x'}}]\n\
         storage: {{tsdb: {{out_of_order_time_window: 30m}}}}\nglobal: {{query_log_file: q.log}}\n{JOB}    \
         scrape_failure_log_file: f\n"
    );
    bad(
        &text,
        "1:1: warning: `alerting` is not used by Fogsignal\n2:1: warning: `remote_write` is not used by Fogsignal\n\
         3:1: warning: `storage` is not used by Fogsignal\n4:10: warning: `query_log_file` is not used by Fogsignal\n\
         8:5: warning: `scrape_failure_log_file` is not used by Fogsignal",
    );
    assert!(try_load(&text).is_ok());
}

#[test]
fn how_targets_are_reached_is_checked_at_its_place() {
    let check =
        |of_job: &str, expected: &str| bad(&format!("scrape_configs:\n- job_name: a\n{of_job}"), expected);
    check("  proxy_url: nonsense\n", "3:14: `proxy_url` must be a URL such as `http://proxy.internal:3128`");
    check("  no_proxy: a\n", "3:13: `no_proxy` needs `proxy_url`");
    check(
        "  proxy_url: http://me:hunter2@p:1\n  proxy_from_environment: true\n",
        "4:27: `proxy_from_environment` and `proxy_url` are both given (hint: keep one of them)",
    );
    check(
        "  proxy_from_environment: true\n  no_proxy: a\n",
        "4:13: `no_proxy` is given beside `proxy_from_environment` (hint: set `NO_PROXY` in the environment)",
    );
    check(
        "  proxy_connect_header: {'a b': [c]}\n",
        "3:26: `proxy_connect_header` needs `proxy_url` or `proxy_from_environment`\n\
         3:26: `a b` is not the name of a header",
    );
    check(
        "  http_headers: {Host: {values: [a]}}\n",
        "3:18: the header `Host` is set by other means (hint: for credentials use `authorization`, `basic_auth` or \
         `oauth2`)",
    );
    check(
        "  tls_config: {min_version: TLS13, max_version: TLS12}\n",
        "3:49: `max_version` is older than `min_version`",
    );
    check(
        "  tls_config: {min_version: TLS10}\n",
        "3:29: `TLS10` is not spoken any more (hint: use `TLS12` or `TLS13`)",
    );
    check(
        "  tls_config: {max_version: 2}\n",
        "3:29: `2` is not a version of TLS (hint: use `TLS12` or `TLS13`)",
    );
    check(
        "  tls_config: {ca: a, ca_file: b}\n",
        "3:32: `ca` and `ca_file` are both given (hint: keep one of them)",
    );
    check("  tls_config: {cert: a}\n", "3:22: `cert` needs `key` or `key_file`");
    check("  tls_config: {key: a}\n", "3:21: `key` needs `cert` or `cert_file`");
    check(
        "  proxy_url: http://p:1\n  tls_config: {server_name: a}\n",
        "4:29: `server_name` cannot be used with a proxy (hint: list the target under that name)",
    );
    check(
        "  oauth2: {client_id: a}\n",
        "3:11: `oauth2` needs `client_secret` or `client_secret_file`\n3:11: `oauth2` needs `token_url`",
    );
    check(
        "  oauth2: {client_id: a, client_secret: b, token_url: c}\n",
        "3:55: `token_url` must be a URL such as `https://login.example.com/token`",
    );
    check(
        "  oauth2: {client_id: a, client_secret: b, token_url: 'http://c'}\n  authorization: {credentials: d}\n",
        "2:3: a job can authenticate in one way only (hint: keep one of `basic_auth`, `authorization`, `oauth2` and \
         `bearer_token`)",
    );
}

#[test]
fn gzip_is_asked_for_as_global_says_where_a_job_says_nothing() {
    let jobs = "scrape_configs: [{job_name: a}, {job_name: b, enable_compression: true}]";
    let asked = |text: &str| {
        let (config, _) = try_load(text).expect("good");
        config.jobs.iter().map(|job| job.enable_compression).collect::<Vec<_>>()
    };
    assert_eq!(asked(jobs), [true, true]);
    assert_eq!(asked(&format!("global: {{enable_compression: false}}\n{jobs}")), [false, true]);
}

#[test]
fn formats_are_asked_for_as_the_job_or_else_global_says() {
    let check = |global: &str, job: &str, protocols: &[Protocol], parts: HistogramParts| {
        let text = format!("global: {{{global}}}\nscrape_configs:\n  - {{job_name: j, {job}}}\n");
        let (config, _) = try_load(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        assert_eq!((&*config.jobs[0].protocols, config.jobs[0].histograms), (protocols, parts), "{text}");
    };
    let (text, native) = (HistogramParts::default(), HistogramParts { native: true, classic_too: false });
    check("", "", &Protocol::DEFAULT, text);
    check("", "scrape_native_histograms: true", &Protocol::DEFAULT_WITH_NATIVE, native);
    check("scrape_native_histograms: true", "scrape_native_histograms: false", &Protocol::DEFAULT, text);
    let one = "scrape_protocols: [PrometheusText0.0.4]";
    check(one, "", &[Protocol::PrometheusText0], text);
    check(one, "scrape_protocols: [PrometheusProto]", &[Protocol::PrometheusProto], text);
    let both = HistogramParts { native: true, classic_too: true };
    check(
        "always_scrape_classic_histograms: true",
        &format!("scrape_native_histograms: true, {one}"),
        &[Protocol::PrometheusText0],
        both,
    );
    let job = "fallback_scrape_protocol: PrometheusProto, track_timestamps_staleness: true";
    let (config, _) = try_load(&format!("scrape_configs: [{{job_name: j, {job}}}]")).expect("a good file");
    assert_eq!(config.jobs[0].fallback_protocol, Some(Protocol::PrometheusProto));
    assert!(config.jobs[0].track_timestamps_staleness);
    bad(
        "global: {scrape_native_histograms: true}\nscrape_configs:\n  - {job_name: j, scrape_native_histograms: true}\n",
        "1:36: warning: native histograms are read, but not kept yet (hint: set `always_scrape_classic_histograms` \
         where rules need the classic series)\n3:45: warning: native histograms are read, but not kept yet (hint: set \
         `always_scrape_classic_histograms` where rules need the classic series)",
    );
    bad(
        "scrape_configs:\n  - job_name: j\n    scrape_protocols: [PrometheusText0.0.5, PrometheusProto, PrometheusProto]\n",
        "3:24: `PrometheusText0.0.5` is not a scrape protocol (hint: did you mean `PrometheusText0.0.4`?)\n\
         3:62: the protocol is there twice",
    );
}

#[test]
fn what_is_not_supported_yet_is_said_by_name() {
    bad(
        "scrape_configs:\n  - {job_name: a, consul_sd_configs: [{server: x}]}\n  - {job_name: b, oauth2: {client_id: a, client_secret: b, token_url: 'http://c', grant_type: d}}\n",
        "2:19: service discovery through `consul_sd_configs` is not supported yet (hint: list the targets in \
         `static_configs`)\n3:83: `grant_type` is not supported yet (hint: leave it out; client credentials are sent)",
    );
    bad(
        "status_page: {listen: ':9097'}\nincidents: {publish: {approvers: [ana]}, language: de}\n",
        "1:1: `status_page` is not supported yet (hint: take it out until the public page exists; the operators' API is \
         under `server`)\n2:23: `approvers` is not supported yet (hint: take it out until people have roles; whoever may \
         give commands may approve)\n2:52: `de` is not a language that posts can be written in (hint: known: `en`, \
         `pt-BR`)",
    );
    bad(
        "sinks: [{name: p, adapter: statuspage, audience: customers, page_id: abc, api_key_file: x}]\nescalation:\n  - steps: [{page: p}]\n",
        "1:9: the adapter `statuspage` needs the setting `page` (hint: id of the page)\n1:9: the adapter `statuspage` needs \
         the setting `token` (hint: API key of a user who may manage incidents)\n1:61: a sink has no key `page_id`\n1:75: a \
         sink has no key `api_key_file`",
    );
}

#[test]
fn cycles_are_named_at_the_edge_that_closes_them() {
    bad(
        "components:\n  - {id: a, depends_on: [b]}\n  - {id: b, depends_on: [{on: c}]}\n  - id: c\n    depends_on:\n      - a\n  - {id: d, depends_on: [aa, d]}\n  - {id: a}\n",
        "6:9: components depend on each other in a cycle: a → b → c → a (hint: take out one of these edges: an outage has to \
         begin somewhere)\n7:26: component `d` depends on `aa`, which is not defined (hint: did you mean `a`?)\n7:30: \
         components depend on each other in a cycle: d → d (hint: take out one of these edges: an outage has to begin \
         somewhere)\n8:10: component `a` is defined twice",
    );
}

#[test]
fn an_unknown_sink_is_named_with_those_that_exist() {
    bad(
        "sinks:\n  - {name: ops, adapter: stdout, audience: responders}\n  - {name: page, adapter: stdout, audience: customers}\n\
         escalation:\n  - steps:\n      - page: [nobody, page]\n        after: 10m\n      - {page: opps, after: 5m, repeat: 5s}\n  - {match: {component: x}, steps: []}\n",
        "6:16: there is no sink `nobody` (hint: known: `ops`, `page`)\n6:24: the sink `page` is for customers, who are not \
         paged (hint: page a sink of `audience: responders`)\n8:16: there is no sink `opps` (hint: did you mean `ops`?)\n\
         8:29: this step comes after 5m, but the one before it after 10m (hint: `after` counts from the start of the \
         policy; write the steps in order of time)\n8:41: `repeat` 5s is shorter than 1m\n9:5: an escalation policy \
         without steps pages nobody\n9:25: there is no component `x`",
    );
}

#[test]
fn a_secret_and_its_file_exclude_each_other() {
    bad(
        "scrape_configs:\n  - {job_name: a, basic_auth: {username: u, password: hunter2, password_file: p}}\n\
         \x20 - {job_name: b, authorization: {credentials: hunter2, credentials_file: p}, basic_auth: {}}\n\
         \x20 - {job_name: c, authorization: {type: Basic}}\n",
        "2:79: `password` and `password_file` are both given (hint: keep one of them)\n3:5: a job can authenticate in one way \
         only (hint: keep one of `basic_auth`, `authorization`, `oauth2` and `bearer_token`)\n4:34: `authorization` needs \
         `credentials` or `credentials_file`\n4:41: `authorization` cannot be of type `Basic` (hint: use `basic_auth`)",
    );
    let (config, problems) =
        try_load("scrape_configs:\n  - {job_name: a, authorization: {credentials_file: keys/token}}\n")
            .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        problems.to_string(),
        "/etc/f.yml:2:53: warning: cannot read `/etc/keys/token` yet: there is no such file (hint: what needs it fails \
         until it is there)"
    );
    let expected = "Some(Credentials { kind: \"Bearer\", credentials: File(\"/etc/keys/token\") })";
    assert_eq!(format!("{:?}", config.jobs[0].authorization), expected);
}

#[test]
fn relabelling_is_held_to_prometheuss_rules() {
    let rule = |rule: &str| format!("scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {rule}\n");
    for text in [
        "{source_labels: [a], target_label: b}",
        "{source_labels: [a], regex: '(.+):.*', target_label: '${1}_x', replacement: ''}",
        "{source_labels: [a], action: hashmod, modulus: 8, target_label: __tmp}",
        "{action: labelmap, regex: 'x_(.+)', replacement: 'y_$1'}",
        "{action: labeldrop, regex: 'x_.*'}",
        "{source_labels: [a], action: keepequal, target_label: b}",
        "{source_labels: [a], action: lowercase, target_label: b, separator: '-'}",
        "{action: keep, source_labels: [a], regex: 5}",
    ] {
        good(&rule(text));
    }
    for (text, expected) in [
        ("{source_labels: [a]}", "4:5: the action `replace` needs `target_label`"),
        ("{action: hashmod, target_label: b}", "4:5: the action `hashmod` needs a `modulus` above 0"),
        (
            "{action: labeldrop, regex: a, source_labels: [b]}",
            "4:51: the action `labeldrop` has no use for `source_labels` (hint: it takes `regex`)",
        ),
        ("{action: relabel}", "4:14: `relabel` is not a relabelling action (hint: did you mean `replace`?)"),
        (
            "{action: uppercase, target_label: '$1'}",
            "4:39: the action `uppercase` takes a plain label as `target_label`, without `$`",
        ),
        (
            "{target_label: '${1'}",
            "4:20: `target_label` `${1` is not a label's name (hint: write `$1` or `${1}` for what the regular expression found)",
        ),
    ] {
        bad(&rule(text), expected);
    }
    assert!(problems(&rule("{target_label: b, regex: 'a('}")).contains("`a(` is not a regular expression"));
}

#[test]
fn what_the_scraper_would_refuse_is_told_at_its_job() {
    bad(
        "scrape_configs:\n- {job_name: a, target_limit: 1, static_configs: [{targets: ['a:1', 'b:1']}]}\n\
         - job_name: b\n  static_configs: [{targets: ['a:1']}]\n  relabel_configs: [{target_label: __address__, replacement: a/b}]\n\
         - job_name: c\n  static_configs: [{targets: ['a:1'], labels: {__scrape_interval__: soon}}]\n",
        "2:14: job `a` has 2 targets, more than its `target_limit` of 1\n3:13: job `b`, target `a:1`: its address is not \
         of the form `host` or `host:port`\n6:13: job `c`, target `a:1`: `__scrape_interval__` is `soon`, which is no \
         duration above zero",
    );
    // As Prometheus's own example for an exporter that probes.
    good(
        "scrape_configs:\n- job_name: probe\n  static_configs: [{targets: ['https://a/b']}]\n  relabel_configs:\n\
         \x20 - {source_labels: [__address__], target_label: __param_target}\n\
         \x20 - {target_label: __address__, replacement: 'probe:9115'}\n",
    );
}

#[test]
fn the_environment_and_flags_stand_above_the_file_and_are_named() {
    let files =
        Memory::default().with("/etc/f.yml", format!("data_dir: d\nserver: {{listen: 'bad'}}\n{JOB}"));
    let mut sources = sources();
    sources.environment = vec![
        ("FOGSIGNAL__SERVER__LISTEN".to_owned(), "0.0.0.0:9096".to_owned()),
        ("FOGSIGNAL__GLOBAL__SCRAPE_INTERVAL".to_owned(), "20s".to_owned()),
        ("PATH".to_owned(), "/bin".to_owned()),
    ];
    sources.overrides = vec![("data_dir".to_owned(), "here".to_owned())];
    let (config, _) = load_with(&sources, &files).expect("it loads");
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:9096");
    assert_eq!(config.jobs[0].interval.as_secs(), 20);
    assert_eq!(config.data_dir, Path::new("here"));

    sources.environment = vec![("FOGSIGNAL__SERVER__LISTEN".to_owned(), "nine".to_owned())];
    sources.overrides = vec![("global.scrape_timeout".to_owned(), "2h".to_owned())];
    let problems = load_with(&sources, &files).expect_err("it is wrong");
    assert_eq!(
        problems.to_string(),
        "`FOGSIGNAL__SERVER__LISTEN`: `nine` is not an address to listen on (hint: write an IP address and a port, such as \
         `127.0.0.1:9096` or `0.0.0.0:9096`)\n`--global.scrape_timeout`: the scrape timeout 2h is longer than the scrape \
         interval 1m (hint: a scrape must end before the next one begins)"
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = good("data_dir: ../var\nscrape_configs: [{job_name: a, tls_config: {ca_file: ca.pem}}]\n");
    assert_eq!(config.data_dir, Path::new("/etc/../var"));
    assert_eq!(config.jobs[0].tls.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
}

#[test]
fn a_file_that_cannot_be_read_is_told_plainly() {
    let check = |files: Memory, expected: &str| {
        let problems = load_with(&sources(), &files).expect_err("it is wrong");
        assert_eq!(problems.to_string(), expected);
    };
    check(Memory::default(), "cannot read `/etc/f.yml`: there is no such file");
    check(
        Memory::default().with("/etc/f.yml", "# nothing\n"),
        "`/etc/f.yml` is empty (hint: the shortest configuration that does something has `scrape_configs` and `rule_files`)",
    );
    check(
        Memory::default().with("/etc/f.yml", b"a: 1\nb: \xff\n".to_vec()),
        "/etc/f.yml:2:4: the file is not valid UTF-8 from here on (hint: save it as UTF-8)",
    );
    check(
        Memory::default().with("/etc/f.yml", "- a\n"),
        "/etc/f.yml:1:1: the configuration must be a map of keys and values, not a list",
    );
    let directory =
        load(&Sources { file: std::env::temp_dir(), ..Sources::default() }).expect_err("it is wrong");
    assert!(directory.to_string().contains("it is a directory"), "{directory}");
}

const SECRETS: &str = "scrape_configs:
  - {job_name: a, basic_auth: {username: u, password: hunter2}}
  - {job_name: b, authorization: {credentials: hunter3}}
  - {job_name: c, bearer_token: hunter4}
sinks:
  - {name: w, adapter: webhook, audience: customers, url: 'https://x/hunter5', secret: whsec_aHVudGVyNg==}
";

#[test]
fn secrets_are_never_shown() {
    let config = good(SECRETS);
    assert!(matches!(
        &config.jobs[0].authorization,
        Some(Authorization::Basic { username, .. }) if username == "u"
    ));
    let shown = format!("{config:?} {config:#?}");
    let wrong = SECRETS.replace("username: u", "usrname: u").replace("'https://", "'ftp://");
    let wrong =
        wrong.replace("whsec_", "whsec_?").replace("credentials: hunter3", "credentials: hunter3, x: 1");
    let problems = try_load(&wrong).expect_err("it is wrong");
    let shown = format!("{shown} {problems} {} {problems:?}", problems.render(false));
    for secret in ["hunter", "aHVudGVyNg"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_reload_says_what_changed_and_keeps_what_needs_a_restart() {
    let old = good(&format!("{JOB}data_dir: a\ncomponents: [{{id: x}}]\n"));
    let mut new = good(
        "scrape_configs: [{job_name: a, scrape_interval: 5s}, {job_name: b}, {job_name: c}]\ndata_dir: b\nserver: {listen: ':1'}\nincidents: {watch: 1m}\n",
    );
    let found = changes(&old, &mut new);
    assert_eq!(
        found.to_string(),
        "2 jobs added: b, c; 1 job changed: a; 1 component removed: x; the settings of incidents changed"
    );
    assert_eq!(
        found.needs_restart,
        [
            "`server.listen` [::]:1 needs a restart; still listening on 127.0.0.1:9096",
            "`data_dir` `/etc/b` needs a restart; still writing to `/etc/a`"
        ]
    );
    assert_eq!((&new.server, &new.data_dir), (&old.server, &old.data_dir));
    assert!(changes(&old, &mut old.clone()).is_empty());
    let (a, mut b) = (good(SECRETS), good(&SECRETS.replace("hunter2", "hunter9")));
    assert_eq!(changes(&a, &mut b).to_string(), "1 job changed: a");
}

#[test]
fn rule_files_are_found_by_pattern_and_read_once() {
    let files = Memory::default()
        .with("/etc/f.yml", "rule_files: ['rules/*.yml', rules/a.yml, none/*.yml]\n")
        .with("/etc/rules/b.yml", "groups: []\n")
        .with("/etc/rules/a.yml", "groups: []\n")
        .with("/etc/rules/a.yml.bak", "no");
    let (config, problems) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(problems.to_string(), "/etc/f.yml:1:42: warning: no file fits `none/*.yml`");
    let names: Vec<_> = config.sources.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["/etc/f.yml", "/etc/rules/a.yml", "/etc/rules/b.yml"]);
    bad(
        "rule_files: [missing.yml, 'x*/a.yml']\n",
        "1:14: cannot read `/etc/missing.yml`: there is no such file\n1:27: `x*/a.yml`: only the last part of a path may have \
         `*`, `?` or `[…]`",
    );
}

const RULES: &str = "groups:
- name: g
  rules:
  - detect: Cpu
    expr: cpu
    component: db
    above: {major: 85}
  - alert: Up
    expr: up == 0
";

#[test]
fn rules_get_what_the_configuration_says() {
    let text = "global: {evaluation_interval: 7s, rule_query_offset: 3s, external_labels: {a: b}}\n\
                incidents: {labels: {component: service}, severity_map: {Sev1: critical, warning: major}}\n\
                rule_files: [r.yml]\ncomponents: [{id: db}]\n\
                sinks: [{name: a, adapter: stdout, audience: responders}, {name: b, adapter: stdout, audience: customers}]\n";
    let files = Memory::default().with("/etc/f.yml", text).with("/etc/r.yml", RULES);
    let (config, problems) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(problems.is_empty(), "{problems}");
    let group = &config.groups[0];
    assert_eq!((group.interval.as_secs(), group.query_offset.as_secs()), (7, 3));
    let ids: Vec<&str> = group.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["g/Cpu", "g/Up"]);
    let mapping = &config.rules.mapping;
    assert_eq!((mapping.severity.as_str(), mapping.component.as_str()), ("severity", "service"));
    assert_eq!(mapping.severity_map["sev1"], Some(Severity::Critical));
    assert_eq!(mapping.severity_map["warning"], Some(Severity::Major));
    assert_eq!(mapping.severity_map["info"], None);
    assert_eq!(config.rules.external_labels.get("a"), Some("b"));
}

#[test]
fn a_typo_in_a_rule_file_is_told_at_its_place_there() {
    let text = "rule_files: [r.yml]\ncomponents: [{id: dbx, public: false}]\nserver: {listne: x}\n\
                sinks: [{name: a, adapter: stdout, audience: responders}]\n";
    let files = Memory::default()
        .with("/etc/f.yml", text)
        .with("/etc/r.yml", RULES.replace("up == 0", "sum(up").replace("above: {", "abov: {"));
    let problems = load_with(&sources(), &files).expect_err("it is wrong").to_string();
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines[0], "/etc/f.yml:3:10: `server` has no key `listne` (hint: did you mean `listen`?)");
    assert!(lines[1..].iter().all(|line| line.starts_with("/etc/r.yml:")), "{problems}");
    assert!(problems.contains("/etc/r.yml:9:"), "{problems}");

    let files = Memory::default()
        .with("/etc/f.yml", text.replace("server: {listne: x}", ""))
        .with("/etc/r.yml", RULES);
    let (_, warnings) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
    let expected =
        "/etc/r.yml:6:16: warning: component `db` of rule `Cpu` is not defined (hint: did you mean `dbx`?)";
    assert_eq!(warnings.to_string(), expected);
}

#[test]
fn rules_that_nobody_hears_of_are_worth_one_warning() {
    let check = |rest: &str, rules: &str, expected: &str| {
        let text = format!("rule_files: [r.yml]\n{rest}");
        let files = Memory::default().with("/etc/f.yml", text).with("/etc/r.yml", rules);
        let (_, warnings) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
        let warnings = warnings.to_string();
        assert!(
            warnings.lines().count() <= 1 && warnings.contains(expected),
            "{warnings:?} for {rest}, not {expected}"
        );
        assert!(!expected.is_empty() || warnings.is_empty(), "{warnings}");
    };
    let responders = "sinks: [{name: a, adapter: stdout, audience: responders}]\n";
    let customers = "sinks: [{name: a, adapter: stdout, audience: customers}]\n";
    let public = "components: [{id: db}]\n";
    check(
        "",
        RULES,
        "1:14: warning: there are no `sinks`: incidents will open, and nobody is told (hint: begin with",
    );
    check("", "groups: [{name: g, rules: [{record: a, expr: b}]}]\n", "");
    check("", "groups: []\n", "");
    check(customers, RULES, "no sink is for responders: incidents will open, and nobody is paged");
    check(responders, RULES, "");
    check(&format!("{responders}{public}"), RULES, "no sink is for customers: posts go nowhere");
    check(&format!("{responders}{public}incidents: {{publish: {{mode: off}}}}\n"), RULES, "");
    check(&format!("{responders}components: [{{id: db, public: false}}]\n"), RULES, "");
}

#[test]
fn a_reload_names_the_rule_groups_that_changed() {
    let with = |rules: String| {
        let files = Memory::default().with("/etc/f.yml", "rule_files: [r.yml]\n").with("/etc/r.yml", rules);
        load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}")).0
    };
    let old = with(RULES.to_owned());
    let compare = |rules: String| changes(&old, &mut with(rules)).to_string();
    assert_eq!(compare(format!("# a comment\n{RULES}")), "nothing changed");
    assert_eq!(compare(RULES.replace("85", "86")), "1 rule group changed: g");
    assert_eq!(compare(format!("{RULES}    labels: {{a: b}}\n")), "1 rule group changed: g");
    assert_eq!(
        compare(RULES.replace("name: g", "name: h")),
        "1 rule group added: h; 1 rule group removed: g"
    );
}

/// Every file below a directory whose name ends in `.yml`.
fn yaml_files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = std::fs::read_dir(directory).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "yml")).collect()
}

#[test]
fn the_examples_load() {
    let mut files = yaml_files("config");
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes/fogsignal.yml"));
    assert!(3 < files.len());
    for file in files {
        let loaded = load(&Sources { file: file.clone(), ..Sources::default() });
        let (_, problems) = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let unexpected: Vec<String> = problems
            .iter()
            .map(ToString::to_string)
            .filter(|problem| !file.ends_with("prometheus.yml") || !problem.contains("is not used by"))
            // A configuration of Prometheus has no sinks.
            .filter(|problem| !file.ends_with("prometheus.yml") || !problem.contains("there are no `sinks`"))
            // The examples name the rule packs, whose components are for the user to define.
            .filter(|problem| !problem.contains("/config/secrets/"))
            .filter(|problem| !problem.contains("no file fits") && !problem.contains("is not defined"))
            .collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
    }
}

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    std::fs::read_to_string(path).expect("docs/configuration.md is there")
}

#[test]
fn every_example_in_the_manual_loads() {
    let manual = manual();
    let blocks: Vec<&str> =
        manual.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(5 < blocks.len());
    for block in blocks {
        let secrets = ["crm-token", "crm-client", "status-url", "status-secret", "ops-url"];
        let tracker = "adapter: acme-tracker\nsettings: {project: {required: true}, token: {secret: true}}\n\
                       operations: {page: {url: 'https://tracker.example/{{ settings.project }}'}}\n";
        let files = Memory::default().with("/etc/f.yml", block).with("/etc/acme-tracker.yml", tracker);
        let files =
            secrets.into_iter().fold(files, |files, name| files.with(&format!("/etc/secrets/{name}"), "s"));
        let (_, problems) = load_with(&sources(), &files).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(problems.is_empty(), "{problems}\n\n{block}");
    }
}

#[test]
fn the_manual_names_every_key_and_every_setting() {
    fn keys(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        if let Some(properties) = value.get("properties").and_then(serde_json::Value::as_object) {
            found.extend(properties.keys().cloned());
        }
        match value {
            serde_json::Value::Object(map) => map.values().for_each(|value| keys(value, found)),
            serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let mut found = layers::SETTINGS.iter().map(|(path, _)| (*path).to_owned()).collect();
    keys(&schema::config(), &mut found);
    let manual = manual();
    let missing: Vec<&String> = found.iter().filter(|key| !manual.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "not in docs/configuration.md: {missing:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever is broken in a good file, loading ends with an answer.
    #[test]
    fn a_broken_file_is_never_more_than_a_problem(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        length in 0..40_usize,
        put in "[-:{}\\[\\]&*#'\" \n\\PC]{0,6}",
    ) {
        let good = include_str!("../../config/fogsignal.yml");
        let starts: Vec<usize> = good.char_indices().map(|(at, _)| at).collect();
        let nth = at.index(starts.len());
        let end = starts.get(nth + length).copied().unwrap_or(good.len());
        let broken = format!("{}{put}{}", &good[..starts[nth]], &good[end..]);
        let shown = match try_load(&broken) {
            Ok((config, _)) => format!("{config:?}"),
            Err(problems) => problems.render(false),
        };
        proptest::prop_assert!(!shown.is_empty());
    }
}
