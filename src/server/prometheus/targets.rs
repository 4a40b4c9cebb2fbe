//! `/api/v1/targets` and `/api/v1/scrape_pools`: who is scraped and how that goes, as Prometheus would say it.
//!
//! In:   the view of discovery, and what the window knows of each target; filters.
//! Out:  active and dropped targets. What only we know of a target is under `fogsignal`.
//! Not:  values of parameters that look like secrets are hidden, which Prometheus shows.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::success;
use crate::journal::Journal;
use crate::model::{Clock, Labels, TargetKey, format_duration};
use crate::scrape::{DiscoveredTarget, Listed, Target, TargetFate};
use crate::series::TargetHealth;
use crate::server::{Face, process, view};

/// What Go says of a time that is none.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Hosts that mean something else to whoever reads the answer elsewhere.
const LOCAL_HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// Every target that is scraped, and every one that relabelling dropped.
pub async fn targets<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>, uri: Uri) -> Response {
    let filter = match Parameters::new(&uri, Ok(axum::body::Bytes::new())) {
        Ok(parameters) => Filter::new(&parameters),
        Err(failure) => return failure.into_response(),
    };
    let view = face.discovery.clone();
    // Each target is relabelled again, which would keep others waiting where there are many.
    let Ok(listed) = tokio::task::spawn_blocking(move || view.listed()).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let host = process::host_name();
    let house = face.house.read();
    let known: HashMap<&TargetKey, &TargetHealth> =
        house.window.targets().map(|health| (&health.key, health)).collect();
    let active: Vec<Value> = filter
        .active(&listed)
        .into_iter()
        .map(|(found, target)| {
            let known = known.get(&target.key).copied();
            write(&found.discovered, target, known, host.as_deref())
        })
        .collect();
    drop(house);
    success(&json!({
        "activeTargets": active,
        "droppedTargets": filter.dropped(&listed),
        "droppedTargetCounts": filter.counts(&listed),
    }))
}

/// The names of all jobs.
pub async fn scrape_pools<J: Journal, C: Clock>(State(face): State<Arc<Face<J, C>>>) -> Response {
    success(&json!({ "scrapePools": face.discovery.jobs() }))
}

/// Which targets are asked for. As in Prometheus, a state that it does not know asks for none.
struct Filter {
    active: bool,
    dropped: bool,
    pool: Option<String>,
}

impl Filter {
    fn new(parameters: &Parameters) -> Self {
        let state = parameters.get("state").map(str::to_ascii_lowercase);
        let is = |word: &str| state.as_deref().is_none_or(|state| state == word || state == "any");
        Self {
            active: is("active"),
            dropped: is("dropped"),
            pool: parameters.get("scrapePool").map(str::to_owned),
        }
    }

    fn is_asked(&self, job: &str) -> bool {
        self.pool.as_deref().is_none_or(|pool| pool == job)
    }

    /// In the order of their keys.
    fn active<'a>(&self, listed: &'a Listed) -> Vec<(&'a DiscoveredTarget, &'a Target)> {
        let asked = listed.targets.iter().filter(|found| self.active && self.is_asked(&found.job));
        let mut active: Vec<_> = asked
            .filter_map(|found| match &found.fate {
                TargetFate::Scraped(target) => Some((found, &**target)),
                TargetFate::Dropped | TargetFate::Bad(_) => None,
            })
            .collect();
        active.sort_by_key(|(_, target)| &target.key);
        active
    }

    fn dropped(&self, listed: &Listed) -> Vec<Value> {
        let asked = listed.targets.iter().filter(|found| self.dropped && self.is_asked(&found.job));
        asked
            .filter(|found| matches!(found.fate, TargetFate::Dropped))
            .map(|found| json!({ "discoveredLabels": found.discovered, "scrapePool": found.job }))
            .collect()
    }

    /// Of every job, whichever one is asked for; none where only active ones are.
    fn counts(&self, listed: &Listed) -> Value {
        if self.dropped { json!(listed.dropped) } else { Value::Null }
    }
}

fn write(discovered: &Labels, target: &Target, known: Option<&TargetHealth>, host: Option<&str>) -> Value {
    let last = known.and_then(|health| health.last_try);
    let report = known.map(|health| health.report).unwrap_or_default();
    let url = target.asked_url();
    json!({
        "discoveredLabels": discovered,
        "labels": target.identity,
        "scrapePool": target.job.name,
        "globalUrl": host.and_then(|host| global(target, &url, host)).unwrap_or_else(|| url.clone()),
        "scrapeUrl": url,
        "lastError": known.and_then(|health| health.last_error.as_deref()).unwrap_or_default(),
        "lastScrape": last.map_or_else(|| NEVER.to_owned(), |at| at.to_rfc3339()),
        "lastScrapeDuration": report.duration.as_secs_f64(),
        "health": known.map_or("unknown", view::health),
        "scrapeInterval": format_duration(target.interval),
        "scrapeTimeout": format_duration(target.timeout),
        "fogsignal": {
            "key": target.key.as_str(),
            "lines_seen": report.scraped,
            "lines_kept": report.wanted,
            "lines_remembered": report.remembered,
            "body_bytes": report.body_bytes,
            "series_kept": known.map_or(0, |health| health.kept),
            "scrapes": known.map_or(0, |health| health.tries),
            "last_success": known.and_then(|health| health.last_ok).map(|at| at.to_rfc3339()),
            "clock_ahead_seconds": report.clock_ahead_ms.map(|ms| ms as f64 / 1000.0),
        },
    })
}

/// The URL as it is reached from elsewhere; `None` where it is the same.
fn global(target: &Target, url: &str, host: &str) -> Option<String> {
    let own = target.url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    if !LOCAL_HOSTS.contains(&own) || target.url.port().is_none() {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let (_, after) = rest.split_at(target.url.host_str()?.len());
    Some(format!("{scheme}://{host}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_asks_for_active_or_dropped_ones() {
        let check = |query: &str, active, dropped| {
            let uri = format!("/api/v1/targets{query}").parse().unwrap();
            let filter = Filter::new(&Parameters::new(&uri, Ok(axum::body::Bytes::new())).unwrap());
            assert_eq!((filter.active, filter.dropped), (active, dropped), "{query}");
        };
        check("", true, true);
        check("?state=", true, true);
        check("?state=any", true, true);
        check("?state=Active", true, false);
        check("?state=dropped", false, true);
        check("?state=nonsense", false, false);
    }
}
