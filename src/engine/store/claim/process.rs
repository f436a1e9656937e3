//! Identifies the process of a node, so that another node on the same machine can detect for
//! certain that it ended (crashed or was killed) before its lease expires. Relies only on what the
//! kernel reports in `/proc`. Where that is missing, a process is never considered ended.

use std::fs;

/// The identity of this process: the boot of the machine, the PID namespace, the PID, and the start
/// time of the process, because PIDs are reused. `None` without `/proc`. Stored in `nodes.place`.
pub(super) fn own_identity() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{} {pid} {}", boot_and_namespace()?, start_time(pid)?))
}

/// Did the process with this identity run on this machine, and has it ended?
pub(super) fn has_ended(identity: &str) -> bool {
    let mut parts = identity.rsplitn(3, ' ');
    let (stored_start, pid, machine) =
        (parts.next(), parts.next().and_then(|pid| pid.parse().ok()), parts.next());
    let (Some(stored_start), Some(pid), true) =
        (stored_start, pid, machine == boot_and_namespace().as_deref())
    else {
        return false;
    };
    start_time(pid).as_deref() != Some(stored_start)
}

/// Two processes see the same PIDs exactly if these values are equal.
fn boot_and_namespace() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// When a process started, in clock ticks since boot: field 22 of `/proc/PID/stat`, see proc(5).
/// `None` if it does not exist, is a zombie (`Z`) or dead (`X`).
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name, in parentheses, may contain spaces and parentheses: skip to the last one.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    fields.nth(18).filter(|_| !matches!(state, "Z" | "X")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_that_no_longer_runs_has_ended() {
        let own = own_identity().unwrap();
        assert!(!has_ended(&own), "{own}");
        let (machine_and_pid, start) = own.rsplit_once(' ').unwrap();
        let (machine, _) = machine_and_pid.rsplit_once(' ').unwrap();
        assert!(has_ended(&format!("{machine} 1 never")), "the PID was reused");
        assert!(has_ended(&format!("{machine} {} {start}", u32::MAX)));
        let elsewhere = format!("another-machine pid:[1] {} {start}", u32::MAX);
        assert!(!has_ended(&elsewhere), "nothing is known about other machines");
        assert!(!has_ended("") && !has_ended("x") && !has_ended(&format!("{machine} x y")));
    }

    #[test]
    fn a_killed_process_has_ended_even_before_its_parent_waits_for_it() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = format!(
            "{} {} {}",
            boot_and_namespace().unwrap(),
            child.id(),
            start_time(child.id()).unwrap()
        );
        assert!(!has_ended(&identity));
        child.kill().unwrap();
        while !has_ended(&identity) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
