//! `scrape_configs` → jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::time::Duration;

use crate::config::raw::{At, Bytes, Count, KeepWord, RawGlobal, RawJob, RawStaticConfig, Wrong};
use crate::config::tree::Where;
use crate::scrape::{HistogramParts, Job, Limits, Protocol, TargetGroup, resolve_targets};

use super::{Context, Global, discovery, http, longer_than_interval, relabel, whole};

/// How long a scrape may take where nobody says it, as in Prometheus.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whether rules change the labels of a job's targets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relabelled {
    Yes,
    No,
}

pub(super) fn jobs(raw: Vec<RawJob>, global: &Global, cx: &Context<'_>) -> Vec<Job> {
    let mut names = BTreeSet::new();
    let mut jobs = Vec::new();
    for raw in raw {
        if let Some(name) = &raw.job_name
            && !names.insert(name.value.clone())
        {
            cx.error(&name.at, format!("there are two jobs called `{}`", name.value));
        }
        let at = raw.job_name.as_ref().map(|name| name.at.clone());
        let before = cx.reader.errors();
        let Some(job) = job(raw, global, cx) else { continue };
        // Where something of the job is wrong already, what becomes of its targets says nothing new.
        if let Some(at) = at
            && cx.reader.errors() == before
        {
            reach(&job, &at, cx);
        }
        jobs.push(job);
    }
    jobs
}

/// What only relabelling shows: targets that cannot be scraped, or more of them than there may be.
fn reach(job: &Job, at: &Where, cx: &Context<'_>) {
    let errors = resolve_targets(slice::from_ref(job)).map_or_else(|errors| errors.0, |_| Vec::new());
    errors.iter().for_each(|error| cx.error(at, error.to_string()));
}

fn job(mut raw: RawJob, global: &Global, cx: &Context<'_>) -> Option<Job> {
    let discovery = discovery::providers(&mut raw, cx);
    let of_all = global.raw.as_ref().and_then(|global| global.keep_dropped_targets.clone());
    let kept = raw.keep_dropped_targets.take().or(of_all);
    let (interval, timeout) = times(&raw, global, cx);
    let limits = limits(&raw, global.raw.as_ref());
    let histograms = histograms(&raw, global.raw.as_ref());
    let own_protocols = raw.scrape_protocols.as_ref();
    let protocols =
        own_protocols.or_else(|| global.raw.as_ref().and_then(|global| global.scrape_protocols.as_ref()));
    let protocols = protocols_of(protocols, histograms, own_protocols.is_some(), cx);
    let ways = http::Ways {
        basic: raw.basic_auth,
        authorization: raw.authorization,
        tokens: raw.oauth2,
        bearer: raw.bearer_token,
        bearer_file: raw.bearer_token_file,
    };
    let authorization = http::one_way(ways, "a job", &raw.at, cx);
    let keys = http::ProxyKeys {
        url: raw.proxy_url,
        except: raw.no_proxy,
        environment: raw.proxy_from_environment,
        headers: raw.proxy_connect_header,
    };
    let proxy = http::proxy(keys, cx);
    if let Some(http2) = raw.enable_http2.filter(|http2| http2.value) {
        cx.reader.warning(&http2.at, "HTTP/1.1 is spoken, whatever `enable_http2` says");
    }
    let of_all = global.raw.as_ref().and_then(|global| global.enable_compression.as_ref());
    let enable_compression = raw.enable_compression.as_ref().or(of_all).is_none_or(|enable| enable.value);
    let scheme = raw.scheme.map_or("http".to_owned(), |scheme| {
        if !matches!(scheme.value.as_str(), "http" | "https") {
            cx.error(
                &scheme.at,
                Wrong::new(format!("`{}` is not a scheme", scheme.value)).hint("use `http` or `https`"),
            );
        }
        scheme.value
    });
    let metrics_path = raw.metrics_path.map_or("/metrics".to_owned(), |path| {
        if !path.value.starts_with('/') {
            cx.error(&path.at, format!("the path `{}` does not begin with `/`", path.value));
        }
        path.value
    });
    let params = raw.params.map(|params| params.0).unwrap_or_default().into_iter();
    let name = cx.reader.required(raw.job_name, &raw.at, "job_name", "a scrape job");
    if let Some(name) = name.as_ref().filter(|name| name.value.is_empty()) {
        cx.error(&name.at, "`job_name` is empty");
    }
    let relabelled = match raw.relabel_configs.as_deref() {
        None | Some([]) => Relabelled::No,
        Some(_) => Relabelled::Yes,
    };
    let job = Job {
        // Only the name is still missing where it was not written: the rest is checked all the same.
        name: name.as_ref().map(|name| name.value.clone()).unwrap_or_default(),
        interval,
        timeout,
        metrics_path,
        scheme,
        params: params
            .map(|(name, values)| (name.value, values.into_iter().map(|value| value.value).collect()))
            .collect(),
        honor_labels: raw.honor_labels.is_some_and(|honor| honor.value),
        honor_timestamps: raw.honor_timestamps.is_none_or(|honor| honor.value),
        keep_all: raw.keep.is_some_and(|keep| keep.value == KeepWord::All),
        track_timestamps_staleness: raw.track_timestamps_staleness.is_some_and(|track| track.value),
        protocols,
        fallback_protocol: raw.fallback_scrape_protocol.map(|protocol| protocol.value),
        histograms,
        authorization,
        tls: http::tls(raw.tls_config, &proxy, cx),
        proxy,
        headers: http::headers(raw.http_headers, cx),
        enable_compression,
        follow_redirects: raw.follow_redirects.is_none_or(|follow| follow.value),
        relabel: relabel::rules(raw.relabel_configs.unwrap_or_default(), cx),
        metric_relabel: relabel::rules(raw.metric_relabel_configs.unwrap_or_default(), cx),
        limits,
        targets: raw
            .static_configs
            .unwrap_or_default()
            .into_iter()
            .filter_map(|group| targets(group, relabelled, cx))
            .collect(),
        discovery,
        keep_dropped_targets: kept.map_or(0, |kept| whole(kept.value)),
    };
    name.map(|_| job)
}

/// As in Prometheus: a job's own interval may be shorter than the timeout of `global`, which then follows it.
fn times(raw: &RawJob, global: &Global, cx: &Context<'_>) -> (Duration, Duration) {
    let interval = raw.scrape_interval.as_ref().and_then(|length| cx.positive(length, "scrape_interval"));
    let interval = interval.unwrap_or(global.scrape_interval);
    let inherited = global.scrape_timeout.unwrap_or(TIMEOUT).min(interval);
    let Some(timeout) = &raw.scrape_timeout else { return (interval, inherited) };
    let Some(length) = cx.positive(timeout, "scrape_timeout") else { return (interval, inherited) };
    if interval < length {
        cx.error(&timeout.at, longer_than_interval(length, interval));
        return (interval, inherited);
    }
    (interval, length)
}

fn histograms(raw: &RawJob, global: Option<&RawGlobal>) -> HistogramParts {
    let is_set = |own: &Option<At<bool>>, of: fn(&RawGlobal) -> &Option<At<bool>>| {
        own.as_ref().or_else(|| of(global?).as_ref()).is_some_and(|set| set.value)
    };
    HistogramParts {
        native: is_set(&raw.scrape_native_histograms, |global| &global.scrape_native_histograms),
        classic_too: is_set(&raw.always_scrape_classic_histograms, |global| {
            &global.always_scrape_classic_histograms
        }),
    }
}

/// The formats to ask for. What is wrong in those of `global` is said once, not for each job.
fn protocols_of(
    written: Option<&Vec<At<Protocol>>>,
    histograms: HistogramParts,
    is_own: bool,
    cx: &Context<'_>,
) -> Vec<Protocol> {
    let Some(written) = written.filter(|written| !written.is_empty()) else {
        let best =
            if histograms.native { &Protocol::DEFAULT_WITH_NATIVE[..] } else { &Protocol::DEFAULT[..] };
        return best.to_vec();
    };
    let mut protocols = Vec::with_capacity(written.len());
    for protocol in written {
        if !protocols.contains(&protocol.value) {
            protocols.push(protocol.value);
        } else if is_own {
            cx.error(&protocol.at, "the protocol is there twice");
        }
    }
    protocols
}

fn limits(raw: &RawJob, global: Option<&RawGlobal>) -> Limits {
    let count = |own: &Option<At<Count>>, of: fn(&RawGlobal) -> &Option<At<Count>>| {
        let limit = own.as_ref().or_else(|| global.and_then(|global| of(global).as_ref()))?;
        (0 < limit.value.0).then_some(limit.value.0)
    };
    let size = |limit: Option<u64>| limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let body: Option<&At<Bytes>> =
        raw.body_size_limit.as_ref().or_else(|| global.and_then(|global| global.body_size_limit.as_ref()));
    Limits {
        samples: count(&raw.sample_limit, |global| &global.sample_limit),
        body_bytes: body.map(|limit| limit.value.0).filter(|limit| 0 < *limit),
        labels: size(count(&raw.label_limit, |global| &global.label_limit)),
        label_name_bytes: size(count(&raw.label_name_length_limit, |global| &global.label_name_length_limit)),
        label_value_bytes: size(count(&raw.label_value_length_limit, |global| {
            &global.label_value_length_limit
        })),
        targets: size(count(&raw.target_limit, |global| &global.target_limit)),
    }
}

/// Relabelling may make an address of anything, as for exporters that probe; without it a target is an address.
fn targets(raw: RawStaticConfig, relabelled: Relabelled, cx: &Context<'_>) -> Option<TargetGroup> {
    let labels: BTreeMap<String, String> = cx.labels(raw.labels).into_iter().collect();
    let targets = cx.reader.required(raw.targets, &raw.at, "targets", "an entry of `static_configs`")?;
    for target in &targets {
        let address = &target.value;
        if address.is_empty() {
            cx.error(&target.at, "a target is empty");
        } else if relabelled == Relabelled::No && address.contains('/') {
            let wrong = Wrong::new(format!("the target `{address}` is not of the form `host:port`"));
            cx.error(&target.at, wrong.hint("the scheme goes into `scheme`, the path into `metrics_path`"));
        }
    }
    Some(TargetGroup { targets: targets.into_iter().map(|target| target.value).collect(), labels })
}
