//! What the disk does to us: it is full, it is slow.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::metrics::Target;
use crate::support::receiver::{Receiver, SECRET};

const SOON: Duration = Duration::from_secs(60);

/// A page with 300 values: all of them over the threshold are a commit of half a megabyte.
fn page(value: u32) -> String {
    (0..300).map(|i| format!("value{{i=\"{i}\"}} {value}\n")).collect()
}

fn write_config(folder: &Path, target: &Target, receiver: &Receiver) -> PathBuf {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).expect("the folder is ours");
        path
    };
    write("secret", SECRET.to_owned());
    let rule = "- {detect: TooHigh, expr: value, component: shop, above: {major: 10}, for: 0s}\n";
    write("rules.yml", format!("groups:\n- name: g\n  interval: 1s\n  rules:\n  {rule}"));
    write(
        "fogsignal.yml",
        format!(
            "global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: a, static_configs: [{{targets: ['{}']}}]}}
rule_files: [rules.yml]
components: [{{id: shop, name: Shop}}]
incidents: {{min_gap: 1s}}
sinks:
- {{name: ops, adapter: webhook, audience: responders, url: '{url}', secret_file: secret}}
- {{name: status-page, adapter: webhook, audience: customers, url: '{url}', secret_file: secret}}
",
            target.address(),
            url = receiver.url()
        ),
    )
}

/// A command that mounts a small disk of memory over `data`, seen by what it becomes only; `None` where the system does
/// not let us.
fn on_a_small_disk(data: &Path) -> Option<Command> {
    let allowed = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    let mut shell = Command::new("unshare");
    let script = "mount -t tmpfs -o size=4m tmpfs \"$0\" && exec \"$@\"";
    shell.args(["-rm", "sh", "-c", script]).arg(data);
    allowed.then_some(shell)
}

fn fill(path: &Path) {
    let mut file = fs::File::create(path).expect("the small disk is there");
    loop {
        match file.write_all(&[0; 4096]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_with_room_again_all_goes_on_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the folder is ours");
    // Elsewhere a limit on the size of files stands in for it, in `bad_input`.
    let Some(shell) = on_a_small_disk(&data) else { return };
    let target = Target::start(&page(1)).await;
    let mut receiver = Receiver::start().await;
    let config = write_config(folder.path(), &target, &receiver);
    let daemon = Daemon::start_through(shell, &config).await;
    daemon.wait_for_scrapes(1).await;
    let inside = PathBuf::from(format!("/proc/{}/root", daemon.program.id()));
    let filler = inside.join(data.strip_prefix("/").expect("an absolute path")).join("filler");
    fill(&filler);
    target.show(&page(20));
    let told = receiver.wait_for("page.journal_failing", SOON).await;
    assert!(
        told.data["page"]["details"].as_str().is_some_and(|text| text.contains("full")),
        "{:?}",
        told.data
    );
    assert!(daemon.get("/-/ready").await.contains("cannot be written"));
    fs::remove_file(filler).expect("it is there");
    // The same process goes on with what it could not write.
    receiver.log_or_wait("incident.opened", SOON).await;
    receiver.log_or_wait("page.opened", SOON).await;
    assert_eq!(daemon.get("/-/ready").await.trim(), "Fogsignal is ready.");
}

/// A library that makes each wait for the disk long.
const SLOW: &str = "
#include <time.h>
static int slow(void) { struct timespec t = {0, 400000000}; nanosleep(&t, 0); return 0; }
int fsync(int fd) { (void)fd; return slow(); }
int fdatasync(int fd) { (void)fd; return slow(); }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_delays_words_and_loses_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("slow.c"), folder.path().join("slow.so"));
    fs::write(&source, SLOW).expect("the folder is ours");
    // Whoever builds us has a C compiler: SQLite is built by it.
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.is_ok_and(|status| status.success()), "the library is built");
    let target = Target::start(&page(1)).await;
    let mut receiver = Receiver::start().await;
    let config = write_config(folder.path(), &target, &receiver);
    let mut slow = Command::new("env");
    slow.arg(format!("LD_PRELOAD={}", library.display()));
    let daemon = Daemon::start_through(slow, &config).await;
    daemon.wait_for_scrapes(1).await;
    target.show(&page(20));
    let opened = receiver.log_or_wait("incident.opened", SOON).await;
    receiver.log_or_wait("page.opened", SOON).await;
    target.show(&page(1));
    let next = receiver.wait_for_status("monitoring", SOON).await;
    assert_eq!(opened.incident(), next.incident());
    assert_eq!(daemon.get("/-/ready").await.trim(), "Fogsignal is ready.");
}
