//! `scrape_configs`, key by key as Prometheus has them.

use crate::model::Secret;
use crate::scrape::{Protocol, RelabelAction};

use super::discovery::{RawDnsSd, RawFileSd, RawHttpSd, RawKubernetesSd};
use super::read::{At, Entries, allow, section};
use super::words::{Bytes, Count, KeepWord, Length, Pattern};

section! {
    /// A job: targets that are scraped in the same way.
    pub struct RawJob as "a scrape job" with at {
        /// Its name, which becomes the label `job`.
        #[schemars(required)]
        job_name: At<String>,
        /// How often each target is scraped.
        scrape_interval: At<Length>,
        /// How long one scrape may take; not longer than the interval.
        scrape_timeout: At<Length>,
        /// The path on the target; /metrics by default.
        metrics_path: At<String>,
        /// `http` or `https`; http by default.
        scheme: At<String>,
        /// Query parameters.
        params: Entries<Vec<At<String>>>,
        /// Whether labels of the page win over those of the target; false by default.
        honor_labels: At<bool>,
        /// Whether timestamps of the page are taken; true by default.
        honor_timestamps: At<bool>,
        /// `wanted` (the default): the series that rules want; `all`: every one, for queries.
        keep: At<KeepWord>,
        /// Whether series with timestamps of their own end when a page lacks them; false by default.
        track_timestamps_staleness: At<bool>,
        /// In which formats pages are asked for, the best first.
        scrape_protocols: Vec<At<Protocol>>,
        /// What a page is read as whose `Content-Type` is blank or unknown; text where nothing is written here.
        fallback_scrape_protocol: At<Protocol>,
        /// Whether native histograms are read, and protobuf is asked for first; false by default.
        scrape_native_histograms: At<bool>,
        /// Whether the classic part of a histogram is read where it has a native one; false by default.
        always_scrape_classic_histograms: At<bool>,
        /// Whether gzip is asked for; true by default.
        enable_compression: At<bool>,
        /// Whether an answer that points elsewhere is followed; true by default.
        follow_redirects: At<bool>,
        /// The proxy on the way to the targets.
        proxy_url: At<Secret>,
        /// Who is asked without the proxy: names, domains, addresses and networks, joined by commas.
        no_proxy: At<String>,
        /// Whether the environment says which proxy; false by default.
        proxy_from_environment: At<bool>,
        /// Headers that are sent to the proxy where it makes a tunnel.
        proxy_connect_header: Entries<Vec<At<Secret>>>,
        /// Headers that are sent along.
        http_headers: Entries<RawHeader>,
        /// Whether HTTP/2 may be spoken; HTTP/1.1 is.
        enable_http2: At<bool>,
        /// Tokens by OAuth 2.0 client credentials.
        oauth2: RawOauth2,
        /// A user and a password.
        basic_auth: RawBasicAuth,
        /// A scheme and credentials.
        authorization: RawAuthorization,
        /// The older way to write `authorization`.
        bearer_token: At<Secret>,
        /// The older way to write `authorization` with a file.
        bearer_token_file: At<String>,
        /// How TLS is spoken.
        tls_config: RawTls,
        /// Rules on the labels of targets.
        relabel_configs: Vec<RawRelabel>,
        /// Rules on the labels of samples.
        metric_relabel_configs: Vec<RawRelabel>,
        /// The longest page, decompressed; 0 for 512 MB, the most that is taken where nobody says a limit.
        body_size_limit: At<Bytes>,
        /// Most samples of a page; 0 for no limit.
        sample_limit: At<Count>,
        /// Most labels of a sample; 0 for no limit.
        label_limit: At<Count>,
        /// The longest name of a label; 0 for no limit.
        label_name_length_limit: At<Count>,
        /// The longest value of a label; 0 for no limit.
        label_value_length_limit: At<Count>,
        /// Most targets of the job; 0 for no limit.
        target_limit: At<Count>,
        /// Targets, as a list.
        static_configs: Vec<RawStaticConfig>,
        /// Targets listed in files.
        file_sd_configs: Vec<RawFileSd>,
        /// Targets that a service lists over HTTP.
        http_sd_configs: Vec<RawHttpSd>,
        /// Targets that DNS names.
        dns_sd_configs: Vec<RawDnsSd>,
        /// Targets that are objects of Kubernetes.
        kubernetes_sd_configs: Vec<RawKubernetesSd>,
        /// How many dropped targets are listed to people; 0 for all of them, which is the default.
        keep_dropped_targets: At<Count>,
    }
    unused [
        "native_histogram_bucket_limit",
        "native_histogram_min_bucket_factor", "scrape_failure_log_file", "metric_name_validation_scheme",
        "metric_name_escaping_scheme", "convert_classic_histograms_to_nhcb",
        "scrape_classic_histograms", "extra_scrape_metrics",
    ]
    later []
}

section! {
    /// Values of a header.
    pub struct RawHeader as "a header" {
        /// Values that may be shown.
        values: Vec<At<String>>,
        /// Values that may not.
        secrets: Vec<At<Secret>>,
        /// Files that hold values; relative to this file, read at each use.
        files: Vec<At<String>>,
    }
    unused []
    later []
}

section! {
    /// Tokens by OAuth 2.0 client credentials.
    pub struct RawOauth2 as "`oauth2`" with at {
        /// Who we are.
        #[schemars(required)]
        client_id: At<String>,
        /// What proves it.
        client_secret: At<Secret>,
        /// The file that holds it; relative to this file, read at each use.
        client_secret_file: At<String>,
        /// Where tokens are given.
        #[schemars(required)]
        token_url: At<String>,
        /// What the token shall be good for.
        scopes: Vec<At<String>>,
        /// What else is said when asking for it.
        endpoint_params: Entries<At<String>>,
        /// How TLS is spoken to where tokens are given.
        tls_config: RawTls,
        /// The proxy on the way there.
        proxy_url: At<Secret>,
        /// Who is asked without the proxy.
        no_proxy: At<String>,
        /// Whether the environment says which proxy; false by default.
        proxy_from_environment: At<bool>,
        /// Headers that are sent to the proxy where it makes a tunnel.
        proxy_connect_header: Entries<Vec<At<Secret>>>,
    }
    unused []
    later [
        "client_secret_ref" => "use `client_secret_file`",
        "client_certificate_key" => "use `client_secret_file`",
        "client_certificate_key_file" => "use `client_secret_file`",
        "grant_type" => "leave it out; client credentials are sent",
    ]
}

section! {
    /// A user and a password.
    pub struct RawBasicAuth as "`basic_auth`" with at {
        /// The user.
        username: At<String>,
        /// The password.
        password: At<Secret>,
        /// The file that holds the password; relative to this file, read at each use.
        password_file: At<String>,
    }
    unused []
    later [
        "username_file" => "write `username`",
        "username_ref" => "write `username`",
        "password_ref" => "use `password_file`",
    ]
}

section! {
    /// A scheme and credentials.
    pub struct RawAuthorization as "`authorization`" with at {
        /// The scheme; Bearer by default.
        r#type: At<String>,
        /// The credentials.
        credentials: At<Secret>,
        /// The file that holds the credentials; relative to this file, read at each use.
        credentials_file: At<String>,
    }
    unused []
    later [ "credentials_ref" => "use `credentials_file`" ]
}

section! {
    /// How TLS is spoken.
    pub struct RawTls as "`tls_config`" {
        /// The authorities to trust instead of the system's, as PEM.
        ca: At<String>,
        /// Our certificate, as PEM; with `key` or `key_file`.
        cert: At<String>,
        /// Our key, as PEM; with `cert` or `cert_file`.
        key: At<Secret>,
        /// The authorities to trust instead of the system's.
        ca_file: At<String>,
        /// Our certificate; with `key_file`.
        cert_file: At<String>,
        /// Our key; with `cert_file`.
        key_file: At<String>,
        /// The name to expect in the target's certificate.
        server_name: At<String>,
        /// Whether any certificate will do; false by default.
        insecure_skip_verify: At<bool>,
        /// The oldest version that is spoken: `TLS12` (the default) or `TLS13`.
        min_version: At<String>,
        /// The newest version that is spoken: `TLS12` or `TLS13` (the default).
        max_version: At<String>,
    }
    unused []
    later [
        "ca_ref" => "use `ca_file`", "cert_ref" => "use `cert_file`", "key_ref" => "use `key_file`",
    ]
}

section! {
    /// Targets, as a list, with labels for all of them.
    pub struct RawStaticConfig as "an entry of `static_configs`" with at {
        /// `host:port` each.
        #[schemars(required)]
        targets: Vec<At<String>>,
        /// Labels that all of them get.
        labels: Entries<At<String>>,
    }
    unused []
    later []
}

section! {
    /// A rule on labels.
    pub struct RawRelabel as "a relabelling rule" with at {
        /// The labels whose values are joined.
        source_labels: Vec<At<String>>,
        /// What joins them; `;` by default.
        separator: At<String>,
        /// What the joined values (or names of labels) must match as a whole; `(.*)` by default.
        regex: At<Pattern>,
        /// For `hashmod`.
        modulus: At<Count>,
        /// The label that is set.
        target_label: At<String>,
        /// What it is set to; `$1` by default.
        replacement: At<String>,
        /// What is done; replace by default.
        action: At<RelabelAction>,
    }
    unused []
    later []
}
