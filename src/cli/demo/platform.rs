//! The simulated platform: six exporters and the pages that they serve.
//!
//! In:   which exporter, and a moment.
//! Out:  its page in the Prometheus text format 0.0.4, or nothing while it is silent.
//! Not:  no network (`server` serves the pages) and no values (`day` has them).

use std::fmt::Write as _;

use crate::model::{Timestamp, format_value};

use super::day;

/// One exporter of the platform, which is one job of the demo's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exporter {
    /// The database responsible for all user management.
    UserDb,
    /// The application that keeps that database's data up to date.
    CrmConsumers,
    /// The CRM.
    Crm,
    /// The pages that show customers their figures, fed by a queue.
    Analytics,
    /// Smart contact.
    SmartContact,
    /// Desk.
    Desk,
}

impl Exporter {
    /// All of them, upstream first.
    pub const ALL: [Self; 6] =
        [Self::UserDb, Self::CrmConsumers, Self::Crm, Self::Analytics, Self::SmartContact, Self::Desk];

    /// Its job's name.
    pub const fn job(self) -> &'static str {
        match self {
            Self::UserDb => "user-db",
            Self::CrmConsumers => "crm-consumers",
            Self::Crm => "crm",
            Self::Analytics => "analytics",
            Self::SmartContact => "smart-contact",
            Self::Desk => "desk",
        }
    }

    /// What it serves at `at`; `None` while it does not answer.
    pub fn page(self, at: Timestamp) -> Option<String> {
        let mut page = Page::default();
        match self {
            Self::UserDb => {
                page.build_info("user_db", "15.3");
                page.family(
                    "db_cpu_usage_percent",
                    "gauge",
                    "CPU in use on the database server, in percent.",
                );
                page.sample("db_cpu_usage_percent", &[("db", "user-management")], day::database_cpu(at));
                page.family("db_cpu_seconds_total", "counter", "Seconds of CPU used on behalf of a client.");
                for (client, seconds) in day::cpu_seconds_by_client(at) {
                    page.sample("db_cpu_seconds_total", &[("client", client)], seconds);
                }
            }
            Self::CrmConsumers => {
                page.build_info("crm_consumers", day::consumers_version(at));
                page.family("crm_consumers_running", "gauge", "Consumers that take work from the queues.");
                page.sample("crm_consumers_running", &[], f64::from(day::consumers_running(at)));
            }
            Self::Crm => {
                if !day::crm_answers(at) {
                    return None;
                }
                page.build_info("crm", "31.0.4");
                page.family("crm_requests_total", "counter", "Answered requests, by status code.");
                for (code, count) in day::crm_answers_by_code(at) {
                    page.sample("crm_requests_total", &[("code", code)], count);
                }
            }
            Self::Analytics => {
                page.build_info("analytics", "12.1.0");
                page.family("analytics_queue_depth", "gauge", "Requests that wait to be taken in.");
                page.sample("analytics_queue_depth", &[], day::queue_depth(at));
            }
            Self::SmartContact => {
                page.build_info("smart_contact", "4.18.2");
                page.family("smart_contact_conversations", "gauge", "Conversations under way.");
                page.sample("smart_contact_conversations", &[], day::conversations(at));
            }
            Self::Desk => {
                page.build_info("desk", day::desk_version(at));
                page.family("desk_agents_online", "gauge", "Agents who talk to customers.");
                page.sample("desk_agents_online", &[], day::desk_agents(at));
            }
        }
        Some(page.0)
    }
}

/// A page as it grows. Label values of the demo hold nothing that must be escaped.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let braces = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        let _ = writeln!(self.0, "{name}{braces} {}", format_value(value));
    }

    fn build_info(&mut self, service: &str, version: &str) {
        let name = format!("{service}_build_info");
        self.family(&name, "gauge", "Always 1; its labels say what runs.");
        self.sample(&name, &[("version", version)], 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_parses() {
        for exporter in Exporter::ALL {
            let page = exporter.page(day::START).expect("all of them answer in the morning");
            let lines: Vec<_> = page.lines().map(|line| Ok(line.to_owned())).collect();
            let parsed = prometheus_parse::Scrape::parse(lines.into_iter()).expect("the text format");
            let kept = page.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(parsed.samples.len(), kept, "{page}");
            assert!(page.contains("_build_info{version="), "{page}");
        }
    }

    #[test]
    fn the_database_page_is_as_written() {
        let page = Exporter::UserDb.page(day::moment(13, 6, 0)).expect("it answers");
        assert!(page.contains("\ndb_cpu_usage_percent{db=\"user-management\"} 96\n"), "{page}");
        assert!(page.contains("\ndb_cpu_seconds_total{client=\"crm-consumers\"} "), "{page}");
    }

    #[test]
    fn the_crm_is_silent_for_four_minutes() {
        assert!(Exporter::Crm.page(day::moment(11, 59, 59)).is_some());
        assert!(Exporter::Crm.page(day::moment(12, 0, 0)).is_none());
        assert!(Exporter::Crm.page(day::moment(12, 3, 59)).is_none());
        assert!(Exporter::Crm.page(day::moment(12, 4, 0)).is_some());
    }

    #[test]
    fn the_rolled_back_version_shows_in_the_metrics() {
        let version = |at| Exporter::CrmConsumers.page(at).expect("it answers");
        assert!(version(day::moment(14, 29, 59)).contains("version=\"7.4.0\""));
        assert!(version(day::moment(14, 30, 0)).contains("version=\"7.3.2\""));
    }
}
