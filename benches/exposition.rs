//! How fast exposition pages are read, in each format: in full, by memory of the page before, and where nothing or one name
//! in twenty is wanted; beside prometheus-parse and the fastest scan for line ends, which is the limit for a format of lines.
//! All in one run, so that their ratios hold on a busy machine too. Also what gzip costs before a page can be read.
//! `cargo bench --bench exposition`

use std::fmt::Write;
use std::hint::black_box;
use std::io::{Read, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use fogsignal::scrape::{
    Families, Family, HistogramParts, Lines, ProtobufStep, ProtobufValue, Step, TextFormat, decode,
    parse_text,
};

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

/// The same page in OpenMetrics.
fn as_open_metrics(page: &str) -> String {
    format!("{page}# EOF\n")
}

fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push(number << 3 | 2);
    length(message, bytes.len());
    message.extend(bytes);
}

fn length(message: &mut Vec<u8>, mut length: usize) {
    while 0x80 <= length {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
}

/// The same page in protobuf, all of it gauges.
fn as_protobuf(page: &str) -> Vec<u8> {
    let mut families: Vec<(String, Vec<u8>)> = Vec::new();
    parse_text(
        page.as_bytes(),
        |_| true,
        |line| {
            let mut metric = Vec::new();
            for (name, value) in line.labels {
                let mut label = Vec::new();
                field(&mut label, 1, name.as_bytes());
                field(&mut label, 2, value.as_bytes());
                field(&mut metric, 1, &label);
            }
            let gauge = [&[1 << 3 | 1][..], &line.value.to_le_bytes()].concat();
            field(&mut metric, 2, &gauge);
            if families.last().is_none_or(|(name, _)| *name != line.name) {
                let mut family = Vec::new();
                field(&mut family, 1, line.name.as_bytes());
                let help = format!("Field {} of this machine, as the kernel counts it.", line.name);
                field(&mut family, 2, help.as_bytes());
                family.extend([3 << 3, 1]);
                families.push((line.name.into_owned(), family));
            }
            let family = families.last_mut().expect("one was pushed");
            field(&mut family.1, 4, &metric);
        },
    )
    .expect("the page is good");
    let mut bytes = Vec::new();
    for (_, family) in families {
        length(&mut bytes, family.len());
        bytes.extend(family);
    }
    bytes
}

/// One name in twenty, as rules want them; found as the daemon finds it, in a set.
struct Some5Percent(std::collections::HashSet<String>);

impl Some5Percent {
    fn of(page: &str) -> Self {
        let mut names = Vec::new();
        parse_text(page.as_bytes(), |_| true, |line| names.push(line.name.into_owned()))
            .expect("the page is good");
        names.dedup();
        Self(names.into_iter().step_by(20).collect())
    }

    fn wants(&self) -> impl FnMut(&str) -> bool {
        let (mut last, mut answer) = (String::new(), false);
        move |name: &str| {
            if last != name {
                answer = self.0.contains(name);
                name.clone_into(&mut last);
            }
            answer
        }
    }
}

fn read_lines(format: TextFormat, page: &[u8], wants: impl FnMut(&str) -> bool) -> u64 {
    let mut labels = 0;
    let counted = fogsignal::scrape::parse_text_as(format, page, wants, |line| {
        labels += line.labels.map(|(name, value)| name.len() + value.len()).sum::<usize>();
        black_box(line.value);
    });
    black_box(labels);
    counted.expect("the page is good").samples
}

fn remember_lines(format: TextFormat, page: &[u8]) -> Vec<(Vec<u8>, Family)> {
    let mut series = Vec::new();
    let keep =
        |line: fogsignal::scrape::Line<'_>| series.push((line.series.as_bytes().to_vec(), line.family));
    fogsignal::scrape::parse_text_as(format, page, |_| true, keep).expect("the page is good");
    series
}

fn read_lines_by_memory(format: TextFormat, page: &[u8], known: &[(Vec<u8>, Family)]) -> u64 {
    let page = decode(format, page).expect("the page is good");
    let mut lines = Lines::new(format, &page);
    for (series, family) in known {
        black_box(lines.take_known(series, *family).expect("the page is good").expect("it is the same page"));
    }
    while let Ok(Some(Step::Wanted(_))) = lines.next_line(|_| true) {}
    lines.counted().samples
}

fn read_families(page: &[u8], mut wants: impl FnMut(&str) -> bool) -> u64 {
    let mut families = Families::new(page, HistogramParts::default());
    let mut samples = 0;
    while let Some(step) = families.next_sample(&mut wants).expect("the page is good") {
        match step {
            ProtobufStep::Skipped(passed) => samples += passed,
            ProtobufStep::Wanted(sample) => {
                black_box(sample.labels().expect("they are good"));
                samples += 1;
            }
        }
    }
    samples
}

fn remember_families(page: &[u8]) -> Vec<Vec<u8>> {
    let mut families = Families::new(page, HistogramParts::default());
    let mut series = Vec::new();
    while let Some(step) = families.next_sample(|_| true).expect("the page is good") {
        if let ProtobufStep::Wanted(sample) = step {
            series.push(sample.series.to_vec());
        }
    }
    series
}

fn read_families_by_memory(page: &[u8], known: &[Vec<u8>]) -> u64 {
    let mut families = Families::new(page, HistogramParts::default());
    let mut samples = 0;
    while let Some(step) = families.next_sample(|_| true).expect("the page is good") {
        if let ProtobufStep::Wanted(sample) = step {
            assert!(known[samples as usize] == sample.series);
            if let ProtobufValue::Float(value) = sample.value {
                black_box(value);
            }
            samples += 1;
        }
    }
    samples
}

fn read_by_prometheus_parse(page: &str) -> u64 {
    let lines = page.lines().map(|line| Ok(line.to_owned()));
    prometheus_parse::Scrape::parse(lines).expect("the page is good").samples.len() as u64
}

fn scan_lines(page: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', page).count() as u64
}

fn scan_each_line(page: &[u8]) -> u64 {
    let (mut rest, mut lines) = (page, 0);
    while let Some(end) = memchr::memchr(b'\n', rest) {
        rest = &rest[end + 1..];
        lines += 1;
        black_box(rest);
    }
    lines
}

fn inflate(packed: &[u8], into: &mut Vec<u8>) -> u64 {
    into.clear();
    GzDecoder::new(packed).read_to_end(into).expect("it was packed here");
    into.len() as u64
}

/// By miniz_oxide, flate2's own choice. It knows no gzip: head and tail, of which this checks nothing, are cut off.
fn inflate_by_miniz(packed: &[u8]) -> u64 {
    let deflated = &packed[10..packed.len() - 8];
    miniz_oxide::inflate::decompress_to_vec(deflated).expect("it was packed here").len() as u64
}

/// By libdeflate, which is in C and takes a whole page at once into as much room as the page's end says that it needs.
fn inflate_by_libdeflate(packed: &[u8], into: &mut Vec<u8>) -> u64 {
    let (_, size) = packed.split_last_chunk().expect("a gzip page ends in its size");
    into.resize(u32::from_le_bytes(*size) as usize, 0);
    libdeflater::Decompressor::new().gzip_decompress(packed, into).expect("it was packed here") as u64
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
        let samples = read_lines(TextFormat::Prometheus, page.as_bytes(), |_| false);
        let some = Some5Percent::of(&page);
        let (open, protobuf) = (as_open_metrics(&page), as_protobuf(&page));
        let (text, open) =
            ((TextFormat::Prometheus, page.as_bytes()), (TextFormat::OpenMetrics, open.as_bytes()));
        let (known_text, known_open) = (remember_lines(text.0, text.1), remember_lines(open.0, open.1));
        let known_protobuf = remember_families(&protobuf);
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(page.as_bytes()).expect("it goes to memory");
        let packed = packer.finish().expect("it goes to memory");
        let (mut unpacked, mut at_once) = (Vec::new(), Vec::new());
        // The first and the third are what the others are compared with.
        let mut readers: Vec<(&str, usize, Reader<'_>)> = vec![
            ("prometheus-parse", page.len(), Box::new(|| read_by_prometheus_parse(&page))),
            ("line ends, counted", page.len(), Box::new(|| scan_lines(page.as_bytes()))),
            ("line ends, each", page.len(), Box::new(|| scan_each_line(page.as_bytes()))),
            ("text, cold", page.len(), Box::new(|| read_lines(text.0, text.1, |_| true))),
            ("text, warm", page.len(), Box::new(|| read_lines_by_memory(text.0, text.1, &known_text))),
            ("text, 5 % wanted", page.len(), Box::new(|| read_lines(text.0, text.1, some.wants()))),
            ("text, none wanted", page.len(), Box::new(|| read_lines(text.0, text.1, |_| false))),
            ("open, cold", page.len(), Box::new(|| read_lines(open.0, open.1, |_| true))),
            ("open, warm", page.len(), Box::new(|| read_lines_by_memory(open.0, open.1, &known_open))),
            ("open, 5 % wanted", page.len(), Box::new(|| read_lines(open.0, open.1, some.wants()))),
            ("open, none wanted", page.len(), Box::new(|| read_lines(open.0, open.1, |_| false))),
            ("protobuf, cold", protobuf.len(), Box::new(|| read_families(&protobuf, |_| true))),
            (
                "protobuf, warm",
                protobuf.len(),
                Box::new(|| read_families_by_memory(&protobuf, &known_protobuf)),
            ),
            ("protobuf, 5 % wanted", protobuf.len(), Box::new(|| read_families(&protobuf, some.wants()))),
            ("protobuf, none wanted", protobuf.len(), Box::new(|| read_families(&protobuf, |_| false))),
            ("gzip, zlib-rs", page.len(), Box::new(|| inflate(&packed, &mut unpacked))),
            ("gzip, miniz_oxide", page.len(), Box::new(|| inflate_by_miniz(&packed))),
            ("gzip, libdeflate", page.len(), Box::new(|| inflate_by_libdeflate(&packed, &mut at_once))),
        ];
        let mut best = vec![Duration::MAX; readers.len()];
        for _ in 0..ROUNDS {
            for (best, (_, _, read)) in best.iter_mut().zip(&mut readers) {
                *best = measure(read).min(*best);
            }
        }
        println!(
            "{title}: {} bytes ({} in protobuf, {} with gzip), {samples} samples",
            page.len(),
            protobuf.len(),
            packed.len()
        );
        println!(
            "  {:<21} {:>9} {:>10} {:>20} {:>12}",
            "", "MB/s", "ns/sample", "x prometheus-parse", "x line ends"
        );
        for (took, (name, bytes, _)) in best.iter().zip(&readers) {
            let seconds = took.as_secs_f64();
            println!(
                "  {name:<21} {:>9.1} {:>10.1} {:>20.1} {:>12.2}",
                *bytes as f64 / seconds / 1e6,
                seconds * 1e9 / samples as f64,
                best[0].as_secs_f64() / seconds,
                // Who reads lines must find where each ends; counting them is less than that.
                seconds / best[2].as_secs_f64(),
            );
        }
    }
}
