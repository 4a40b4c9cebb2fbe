//! What the operating system says of this process (Linux; elsewhere nothing is said).

use std::fs;

/// The figures behind `process_*`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProcessFigures {
    /// User and system time.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// When the process started, in seconds since the epoch.
    pub start_time_seconds: f64,
}

/// The kernel counts time for user space in hundredths of a second on every platform that Rust runs Linux on
/// (`USER_HZ`, see proc(5)).
const TICKS_A_SECOND: f64 = 100.0;

/// What this machine calls itself; `None` where that is not known.
pub fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Reads the figures from `/proc`; `None` where there is none.
pub fn read() -> Option<ProcessFigures> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok());
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .strip_suffix(" kB")?
        .trim()
        .parse()
        .ok()?;
    let booted = fs::read_to_string("/proc/stat").ok()?;
    let booted: f64 = booted.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(ProcessFigures {
        cpu_seconds: (number(11)? + number(12)?) / TICKS_A_SECOND,
        resident_bytes: resident_kib * 1024,
        open_fds: u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).unwrap_or(u64::MAX),
        start_time_seconds: booted + number(19)? / TICKS_A_SECOND,
    })
}
