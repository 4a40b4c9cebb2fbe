//! The configuration of the daemon that is killed: the demo's, with its minutes made seconds.
//!
//! In:   where the exporters and the receiver are.
//! Out:  `fogsignal.yml` and its rules in a folder.
//! Not:  nothing that only a test could write; the times are short, that is all.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use fogsignal::cli::demo::Exporter;

/// What deliveries are signed with.
pub const SECRET: &str = "whsec_Y3Jhc2gtaGFybmVzcy1zZWNyZXQtb2YtMzItYnl0ZXM=";

/// The sinks that get posts.
pub const CUSTOMERS: [&str; 2] = ["status-page", "feed"];
/// The sink that gets pages.
pub const RESPONDERS: &str = "ops";

/// Writes both files; the path of `fogsignal.yml`.
pub fn write(
    folder: &Path,
    exporters: &[(Exporter, SocketAddr)],
    receiver: SocketAddr,
) -> io::Result<PathBuf> {
    let mut text = String::from(HEAD);
    for (exporter, address) in exporters {
        let job = exporter.job();
        let _ = writeln!(text, "  - {{job_name: {job}, static_configs: [{{targets: ['{address}']}}]}}");
    }
    text.push_str(COMPONENTS);
    let customers = CUSTOMERS.iter().map(|sink| (sink, "customers"));
    for (sink, audience) in customers.chain([(&RESPONDERS, "responders")]) {
        let _ = writeln!(
            text,
            "  - {{name: {sink}, adapter: webhook, audience: {audience}, url: 'http://{receiver}/{sink}', \
             secret: {SECRET}, timeout: 1s}}"
        );
    }
    fs::write(folder.join("rules.yml"), RULES)?;
    let main = folder.join("fogsignal.yml");
    fs::write(&main, text)?;
    Ok(main)
}

const HEAD: &str = "\
global: {scrape_interval: 100ms, scrape_timeout: 100ms, evaluation_interval: 100ms}
rule_files: [rules.yml]
server: {listen: '127.0.0.1:0'}
data_dir: data
scrape_configs:
";

const COMPONENTS: &str = "
components:
  - {id: user-db, name: User database, public: false}
  - {id: crm-consumers, name: CRM consumers, public: false, depends_on: [user-db], match: '{job=\"crm-consumers\"}'}
  - {id: crm, name: CRM, group: Blip Platform, depends_on: [{on: user-db, propagates: degraded_performance}]}
  - {id: analytics, name: Analytics, group: Blip Platform, depends_on: [crm-consumers]}
  - {id: desk, name: Desk, depends_on: [{on: crm, propagates: degraded_performance}]}
  - {id: support, name: Support by people}
  - {id: chat, name: Chat}
incidents:
  timezone: America/Sao_Paulo
  correlate_within: 1s
  reopen_within: 300ms
  watch: 1s
  watch_cap: 1s
  cadence: {major: 10s, investigating: 15s, identified: 15s, monitoring: 20s}
  lead: 2s
  min_gap: 300ms
  expires_after: 20s
  eta_window: 5s
escalation:
  - match: {severity: [major, critical]}
    steps: [{page: [ops]}, {after: 2s, page: [ops]}, {after: 6s, page: [ops], repeat: 1m}]
sinks:
";

/// The demo's rules, and two on numbers that dance, so that beside the long incident of each day there are many short
/// ones.
const RULES: &str = r#"
groups:
  - name: user-database
    rules:
      - detect: UserDatabaseCpu
        expr: db_cpu_usage_percent{db="user-management"}
        component: user-db
        above: {minor: 75, major: 85, critical: 95}
        for: 300ms
        clear: {minor: 60, major: 80, critical: 90}
        clear_for: 300ms
        breakdown: sum by (client) (rate(db_cpu_seconds_total[1s]))
        breakdown_components: {crm-consumers: crm-consumers}
  - name: platform
    rules:
      - alert: CrmErrors
        expr: sum(rate(crm_requests_total{code=~"5.."}[1s])) / sum(rate(crm_requests_total[1s])) > 0.05
        for: 300ms
        labels: {severity: major, component: crm}
        annotations: {public_summary: '{{ $value | humanizePercentage }} of the requests to the CRM fail'}
      - detect: AnalyticsBacklog
        expr: analytics_queue_depth
        component: analytics
        role: backlog
        above: {minor: 50000}
        drained_below: 1000
      - detect: FewPeople
        expr: desk_agents_online
        component: support
        below: {major: 228}
      - detect: FewConversations
        expr: smart_contact_conversations
        component: chat
        below: {minor: 5100}
"#;
