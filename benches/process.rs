//! Reads CPU time and memory of a process from `/proc`.

use crate::Outcome;

/// `USER_HZ`: 100 on all supported Linux platforms.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of all threads since the start of the process, in seconds.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The process name can contain spaces, so the fields are counted from its closing parenthesis.
    // `utime` and `stime` are fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')').ok_or("a stat without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / TICKS_PER_SECOND)
}

/// Resident memory in MiB.
pub fn resident_mib(pid: u32) -> Outcome<f64> {
    status_mib(pid, "VmRSS:")
}

/// Peak resident memory in MiB.
pub fn peak_mib(pid: u32) -> Outcome<f64> {
    status_mib(pid, "VmHWM:")
}

fn status_mib(pid: u32, field: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .ok_or("a status without this field")?;
    let kib: u32 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(f64::from(kib) / 1024.0)
}
