//! The top level of the file, `global` and `server`.

use crate::scrape::Protocol;

use super::component::RawComponent;
use super::incidents::{RawEscalation, RawIncidents};
use super::read::{At, Entries, allow, section};
use super::scrape::RawJob;
use super::sink::RawSink;
use super::words::{Bytes, Count, Length, ListenAddress};

section! {
    /// The configuration of Fogsignal. A Prometheus configuration is one, too.
    pub struct RawConfig as "the configuration" {
        /// What holds for all jobs and rules unless they say otherwise.
        global: RawGlobal,
        /// Whom to scrape.
        scrape_configs: Vec<RawJob>,
        /// Files with rules; the last part of a path may have `*`, `?` and `[…]`. Relative to this file.
        rule_files: Vec<At<String>>,
        /// Things that customers or operators know by name, and what depends on what.
        components: Vec<RawComponent>,
        /// When incidents open and close, and what is said about them.
        incidents: RawIncidents,
        /// Where messages go.
        sinks: Vec<RawSink>,
        /// Files that describe foreign systems which sinks may use; the last part of a path may have `*`, `?` and
        /// `[…]`. Relative to this file.
        adapters: Vec<At<String>>,
        /// Whom to page when.
        escalation: Vec<RawEscalation>,
        /// The operators' listener.
        server: RawServer,
        /// Where the journal lives; relative to this file.
        data_dir: At<String>,
    }
    unused [
        "alerting", "remote_write", "remote_read", "storage", "tracing", "otlp", "runtime", "scrape_config_files",
    ]
    later [
        "status_page" => "take it out until the public page exists; the operators' API is under `server`",
    ]
}

section! {
    /// What holds for all jobs and rules unless they say otherwise.
    pub struct RawGlobal as "`global`" {
        /// How often each target is scraped; 1m by default.
        scrape_interval: At<Length>,
        /// How long one scrape may take; 10s by default, or the interval where that is shorter.
        scrape_timeout: At<Length>,
        /// How often rules are evaluated; 1m by default.
        evaluation_interval: At<Length>,
        /// How far back in time rules are evaluated; 0s by default.
        rule_query_offset: At<Length>,
        /// Labels that templates know as `$externalLabels`.
        external_labels: Entries<At<String>>,
        /// Whether gzip is asked for; true by default.
        enable_compression: At<bool>,
        /// In which formats pages are asked for, the best first.
        scrape_protocols: Vec<At<Protocol>>,
        /// Whether native histograms are read, and protobuf is asked for first; false by default.
        scrape_native_histograms: At<bool>,
        /// Whether the classic part of a histogram is read where it has a native one; false by default.
        always_scrape_classic_histograms: At<bool>,
        /// The longest page, decompressed; 100MB by default, 0 for no limit.
        body_size_limit: At<Bytes>,
        /// Most samples of a page; 0 for no limit.
        sample_limit: At<Count>,
        /// Most labels of a sample; 0 for no limit.
        label_limit: At<Count>,
        /// The longest name of a label; 0 for no limit.
        label_name_length_limit: At<Count>,
        /// The longest value of a label; 0 for no limit.
        label_value_length_limit: At<Count>,
        /// Most targets of a job; 0 for no limit.
        target_limit: At<Count>,
        /// How many dropped targets of a job are listed to people; 0 for all of them.
        keep_dropped_targets: At<Count>,
    }
    unused [
        "query_log_file", "scrape_failure_log_file",
        "metric_name_validation_scheme", "metric_name_escaping_scheme", "convert_classic_histograms_to_nhcb",
        "extra_scrape_metrics",
    ]
    later []
}

section! {
    /// The operators' listener.
    pub struct RawServer as "`server`" {
        /// Where the operators' API and `/metrics` listen; 127.0.0.1:9096 by default.
        listen: At<ListenAddress>,
        /// Under which address people reach the listener, for the links of pages: `https://fogsignal.example.com`.
        external_url: At<String>,
        /// How long the links of a page are valid; 24h by default.
        links_valid_for: At<Length>,
    }
    unused []
    later []
}
