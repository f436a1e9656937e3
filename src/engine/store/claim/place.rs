//! Where a node's process is, so that another on the same machine can tell for certain that it
//! ended. Only what the kernel says; where it says nothing, nobody is thought dead.

use std::fs;

/// What a process calls its place: the machine since it was started, the processes it sees, its
/// number among them, and when it began (numbers are used again).
pub(super) fn own() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{} {pid} {}", neighbourhood()?, began(pid)?))
}

/// Is this the place of a process that this machine had, and has no more?
pub(super) fn is_deserted(place: &str) -> bool {
    let mut parts = place.rsplitn(3, ' ');
    let (began_then, pid, there) =
        (parts.next(), parts.next().and_then(|pid| pid.parse().ok()), parts.next());
    let (Some(began_then), Some(pid), true) =
        (began_then, pid, there == neighbourhood().as_deref())
    else {
        return false;
    };
    began(pid).as_deref() != Some(began_then)
}

fn neighbourhood() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let processes = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), processes.display()))
}

/// When a process began, in the kernel's own measure (proc(5), the 22nd field of stat). One that
/// ended and only waits to be counted is none any more.
fn began(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    fields.nth(18).filter(|_| !matches!(state, "Z" | "X")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_that_ended_has_deserted_its_place() {
        let own = own().unwrap();
        assert!(!is_deserted(&own), "{own}");
        let (rest, began) = own.rsplit_once(' ').unwrap();
        let (there, _) = rest.rsplit_once(' ').unwrap();
        assert!(is_deserted(&format!("{there} 1 never")), "its number is another's now");
        assert!(is_deserted(&format!("{there} {} {began}", u32::MAX)));
        assert!(
            !is_deserted(&format!("another-machine pid:[1] {} {began}", u32::MAX)),
            "who knows"
        );
        assert!(!is_deserted("") && !is_deserted("x") && !is_deserted(&format!("{there} x y")));
    }

    #[test]
    fn a_process_that_was_killed_and_not_yet_counted_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let place =
            format!("{} {} {}", neighbourhood().unwrap(), child.id(), began(child.id()).unwrap());
        assert!(!is_deserted(&place));
        child.kill().unwrap();
        while !is_deserted(&place) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
