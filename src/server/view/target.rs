//! How targets are doing.

use serde::Serialize;

use super::{Time, time};
use crate::model::Labels;
use crate::series::TargetHealth;

/// How the last scrape of a target went.
pub fn health(target: &TargetHealth) -> &'static str {
    match (target.tries, &target.last_error) {
        (0, _) => "unknown",
        (_, None) => "up",
        (_, Some(_)) => "down",
    }
}

/// A target.
#[derive(Debug, Serialize)]
pub struct TargetView {
    target: String,
    labels: Labels,
    health: &'static str,
    last_scrape: Option<Time>,
    last_error: Option<String>,
    last_scrape_duration_seconds: f64,
    samples_scraped: u64,
    series_kept: usize,
}

impl TargetView {
    /// The target as the window knows it.
    pub fn new(target: &TargetHealth) -> Self {
        Self {
            target: target.key.to_string(),
            labels: target.identity.clone(),
            health: health(target),
            last_scrape: target.last_try.map(time),
            last_error: target.last_error.clone(),
            last_scrape_duration_seconds: target.report.duration.as_secs_f64(),
            samples_scraped: target.report.scraped,
            series_kept: target.kept,
        }
    }
}
