//! How fast exposition pages are read: ours in full, ours where nothing is wanted, and ours by memory of the page
//! before, beside prometheus-parse and a scan for line ends. All in one run, so that their ratios hold on a busy
//! machine too. `cargo bench --bench exposition`

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use fogsignal::scrape::{Family, Lines, Step, TextFormat, parse_text};

/// Each reader gets at least this long, in rounds with the others in turn.
const MEASURED_FOR: Duration = Duration::from_millis(400);
const ROUNDS: usize = 5;

/// A page as a node exporter writes it, with `cpus` processors and as many disks and interfaces.
fn node_page(cpus: usize) -> String {
    let mut page = String::new();
    let mut family = |name: &str, kind: &str, samples: &[(String, f64)]| {
        let _ = writeln!(page, "# HELP {name} Field {name} of this machine, as the kernel counts it.");
        let _ = writeln!(page, "# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = if *value >= 1e6 {
                writeln!(page, "{name}{labels} {value:e}")
            } else {
                writeln!(page, "{name}{labels} {value}")
            };
        }
    };
    let modes = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
    let cpu: Vec<_> = (0..cpus)
        .flat_map(|cpu| modes.iter().map(move |mode| (cpu, mode)))
        .map(|(cpu, mode)| (format!("{{cpu=\"{cpu}\",mode=\"{mode}\"}}"), cpu as f64 * 1234.56 + 78.9))
        .collect();
    family("node_cpu_seconds_total", "counter", &cpu);
    for field in ["read_bytes", "reads_completed", "written_bytes", "io_time_seconds", "discards_completed"] {
        let disks: Vec<_> =
            (0..cpus).map(|n| (format!("{{device=\"nvme{n}n1\"}}"), 1.0485e7 * (n + 1) as f64)).collect();
        family(&format!("node_disk_{field}_total"), "counter", &disks);
    }
    for field in ["receive_bytes", "receive_errs", "receive_packets", "transmit_bytes", "transmit_packets"] {
        let interfaces: Vec<_> =
            (0..cpus).map(|n| (format!("{{device=\"veth{n:06x}\"}}"), 98_765.0 * n as f64)).collect();
        family(&format!("node_network_{field}_total"), "counter", &interfaces);
    }
    for field in ["avail_bytes", "size_bytes", "files", "files_free"] {
        let mounts: Vec<_> = (0..cpus)
            .map(|n| {
                let labels =
                    format!("{{device=\"/dev/sd{n}\",fstype=\"ext4\",mountpoint=\"/srv/data/{n}\"}}");
                (labels, 5.23e10 + n as f64)
            })
            .collect();
        family(&format!("node_filesystem_{field}"), "gauge", &mounts);
    }
    for n in 0..60 {
        family(
            &format!("node_memory_Field{n}_bytes"),
            "gauge",
            &[(String::new(), 4096.0 * f64::from(n) * 99.0)],
        );
    }
    page
}

fn read_in_full(page: &str) -> u64 {
    let mut labels = 0;
    let counted = parse_text(
        page.as_bytes(),
        |_| true,
        |line| {
            labels += line.labels.map(|(name, value)| name.len() + value.len()).sum::<usize>();
            black_box(line.value);
        },
    );
    black_box(labels);
    counted.expect("the page is good").samples
}

fn skip(page: &str) -> u64 {
    parse_text(page.as_bytes(), |_| false, |_| ()).expect("the page is good").samples
}

fn remember(page: &str) -> Vec<String> {
    let mut series = Vec::new();
    parse_text(page.as_bytes(), |_| true, |line| series.push(line.series.to_owned()))
        .expect("the page is good");
    series
}

fn read_by_memory(page: &str, known: &[String]) -> u64 {
    let mut lines = Lines::new(TextFormat::Prometheus, page);
    for series in known {
        black_box(
            lines
                .take_known(series.as_bytes(), Family::Plain)
                .expect("the page is good")
                .expect("it is the same page"),
        );
    }
    while let Ok(Some(Step::Wanted(_))) = lines.next_line(|_| true) {}
    lines.counted().samples
}

fn read_by_prometheus_parse(page: &str) -> u64 {
    let lines = page.lines().map(|line| Ok(line.to_owned()));
    prometheus_parse::Scrape::parse(lines).expect("the page is good").samples.len() as u64
}

fn scan_lines(page: &str) -> u64 {
    page.bytes().filter(|byte| *byte == b'\n').count() as u64
}

/// Reads a page and says how many samples it had.
type Reader<'a> = Box<dyn FnMut() -> u64 + 'a>;

fn measure(mut read: impl FnMut() -> u64) -> Duration {
    let (started, mut times) = (Instant::now(), 0);
    while times == 0 || started.elapsed() < MEASURED_FOR / ROUNDS as u32 {
        black_box(read());
        times += 1;
    }
    started.elapsed() / times
}

fn main() {
    for (title, page) in [("node exporter", node_page(8)), ("1 MB", node_page(630))] {
        let samples = skip(&page);
        let known = remember(&page);
        let mut readers: [(&str, Reader<'_>); 5] = [
            ("in full", Box::new(|| read_in_full(&page))),
            ("nothing wanted", Box::new(|| skip(&page))),
            ("by memory", Box::new(|| read_by_memory(&page, &known))),
            ("prometheus-parse", Box::new(|| read_by_prometheus_parse(&page))),
            ("line ends only", Box::new(|| scan_lines(&page))),
        ];
        let mut best = [Duration::MAX; 5];
        for _ in 0..ROUNDS {
            for (best, (_, read)) in best.iter_mut().zip(&mut readers) {
                *best = measure(read).min(*best);
            }
        }
        println!("{title}: {} bytes, {samples} samples", page.len());
        for (took, (name, _)) in best.iter().zip(&readers) {
            let seconds = took.as_secs_f64();
            println!(
                "  {name:<17} {:>9.1} MB/s {:>9.1} ns/sample {:>7.1} x prometheus-parse",
                page.len() as f64 / seconds / 1e6,
                seconds * 1e9 / samples as f64,
                best[3].as_secs_f64() / seconds
            );
        }
    }
}
