//! `scrape_configs`: jobs, discovery, how targets are reached, relabelling.

use std::time::Duration;

use super::*;
use crate::scrape::{HistogramParts, Protocol};

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
        "scrape_configs:\n  - job_name: j\n    scrape_protocols: [PrometheusText0.0.5, PrometheusProto, PrometheusProto]\n",
        "3:24: `PrometheusText0.0.5` is not a scrape protocol (hint: did you mean `PrometheusText0.0.4`?)\n\
         3:62: the protocol is there twice",
    );
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
