//! What the system says of a process: the processor time it took, the memory it holds.

use crate::Outcome;

/// The kernel counts in hundredths of a second, on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time since the process began, of all its threads, in seconds.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces; what follows its parenthesis does not. `utime` and `stime` are
    // fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')').ok_or("a stat without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / TICKS_PER_SECOND)
}

/// Memory in use now, in MiB.
pub fn resident_mib(pid: u32) -> Outcome<f64> {
    status_mib(pid, "VmRSS:")
}

/// The most memory that was ever in use, in MiB.
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
