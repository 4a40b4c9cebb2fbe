//! Whole configurations, from files in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;
use crate::model::Problems;
use crate::scrape::Authorization;

mod incidents;
mod rules;
mod scraping;
mod shipped;

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
