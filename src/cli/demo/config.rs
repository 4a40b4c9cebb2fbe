//! The demo's configuration: the file that a user with this platform would write.
//!
//! In:   the addresses of the simulated platform and of the receiver.
//! Out:  `fogsignal.yml` and `rules.yml` in a folder.
//! Not:  nothing in it is known to the demo only; `fogsignal run` takes it as it is.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::platform::Exporter;

/// The secret by which the receiver knows the daemon. It guards a port of loopback for three minutes.
pub const SECRET: &str = "whsec_Zm9nc2lnbmFsLWRlbW8tc2VjcmV0LW9mLTMyLWI=";

const RULES: &str = include_str!("rules.yml");

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Places {
    /// Each exporter's address.
    pub exporters: Vec<(Exporter, SocketAddr)>,
    /// The receiver's address.
    pub receiver: SocketAddr,
    /// Where the daemon's API listens.
    pub api: SocketAddr,
    /// Where the journal lives.
    pub data_dir: PathBuf,
}

impl Places {
    /// Places for a configuration that is only read.
    pub fn to_read() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let ports = 19_100..;
        Self {
            exporters: Exporter::ALL.into_iter().zip(ports.map(local)).collect(),
            receiver: local(19_099),
            api: local(9096),
            data_dir: "data".into(),
        }
    }
}

/// Writes both files into `dir`, which is made where it is missing; the path of `fogsignal.yml`.
///
/// # Errors
/// Where the folder or a file cannot be written.
pub fn write(dir: &Path, places: &Places) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(dir).with_context(|| format!("folder `{}` cannot be made", dir.display()))?;
    let main = dir.join("fogsignal.yml");
    for (path, text) in [(&main, fogsignal_yml(places)), (&dir.join("rules.yml"), RULES.to_owned())] {
        fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    Ok(main)
}

fn fogsignal_yml(places: &Places) -> String {
    let mut text = String::from(HEAD);
    for (exporter, address) in &places.exporters {
        let _ = writeln!(
            text,
            "  - {{job_name: {}, static_configs: [{{targets: ['{address}']}}]}}",
            exporter.job()
        );
    }
    let Places { receiver, api, data_dir, .. } = places;
    // A path may hold any character; a JSON string is a YAML string too.
    let data_dir = serde_json::Value::from(data_dir.to_string_lossy().as_ref());
    let _ = write!(
        text,
        "{COMPONENTS}
# Who is told: customers get posts, responders get pages. Both are signed; see docs/schema/webhook.schema.json.
sinks:
  - {{name: status-page, adapter: webhook, audience: customers, url: 'http://{receiver}/hooks/status-page', secret: {SECRET}}}
  - {{name: ops, adapter: webhook, audience: responders, url: 'http://{receiver}/hooks/ops', secret: {SECRET}}}

escalation:
  - match: {{severity: [major, critical]}}
    steps: [{{page: [ops]}}]

server: {{listen: '{api}'}}
data_dir: {data_dir}
"
    );
    text
}

const HEAD: &str = "\
# The configuration of `fogsignal demo`.
global:
  scrape_interval: 15s
  scrape_timeout: 15s      # the demo's clock is fast; a busy machine needs all the time that there is
  evaluation_interval: 15s

rule_files: [rules.yml]

scrape_configs:
";

const COMPONENTS: &str = "
# What customers and operators know by name, and what needs what.
components:
  - {id: user-db, name: User database, public: false}
  - {id: crm-consumers, name: CRM consumers, public: false, depends_on: [user-db], match: '{job=\"crm-consumers\"}'}
  - {id: crm, name: CRM, group: Blip Platform, depends_on: [{on: user-db, propagates: degraded_performance}]}
  - {id: analytics, name: Analytics, group: Blip Platform, depends_on: [crm-consumers]}
  - {id: smart-contact, name: Smart contact, public: false, depends_on: [crm]}
  - {id: usability, name: Usability, public: false, depends_on: [crm]}
  - {id: desk, name: Desk, depends_on: [{on: crm, propagates: degraded_performance}]}

incidents:
  timezone: America/Sao_Paulo
  open_at: minor
  correlate_within: 30m
  reopen_within: 2h
  watch: 15m
  cadence: {major: 15m, identified: 30m, monitoring: 60m}
  publish: {mode: auto, after: 0s}
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> serde_json::Value {
        serde_saphyr::from_str(text).expect("well-formed YAML")
    }

    #[test]
    fn every_exporter_is_scraped() {
        let config = read(&fogsignal_yml(&Places::to_read()));
        let jobs = config["scrape_configs"].as_array().expect("a list");
        assert_eq!(jobs.len(), Exporter::ALL.len());
        assert_eq!(jobs[1]["job_name"], "crm-consumers");
        assert_eq!(jobs[1]["static_configs"][0]["targets"][0], "127.0.0.1:19101");
        assert_eq!(config["components"][1]["match"], "{job=\"crm-consumers\"}");
        assert_eq!(config["data_dir"], "data");
    }

    #[test]
    fn every_rule_is_about_a_component() {
        let (config, rules) = (read(&fogsignal_yml(&Places::to_read())), read(RULES));
        let known: Vec<&str> = config["components"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|component| component["id"].as_str())
            .collect();
        for group in rules["groups"].as_array().expect("a list") {
            for rule in group["rules"].as_array().expect("a list") {
                let component = rule["component"].as_str().or(rule["labels"]["component"].as_str());
                assert!(component.is_some_and(|component| known.contains(&component)), "{rule}");
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = write(Path::new("/dev/null/demo"), &Places::to_read()).expect_err("no folder");
        assert!(error.to_string().contains("/dev/null/demo"), "{error:#}");
    }
}
