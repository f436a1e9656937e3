//! File descriptors: raises the process limit and divides it, so that a flood of clients cannot
//! take the descriptors that the database and the deliveries need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A higher limit is of no use.
const ENOUGH: u64 = 65_536;
/// Fallback if the limit does not fit a `usize`.
const USUAL: u64 = 1024;
/// Maximum client connections, however many descriptors there are.
const MOST_CONNECTIONS: usize = 4096;

/// The process's limit of open files.
#[derive(Clone, Copy, Debug)]
pub struct Descriptors(usize);

impl Descriptors {
    /// Raises the soft limit to the hard limit, up to [`ENOUGH`]. The soft limit is low by default
    /// for programs that use `select`, which this one does not.
    pub fn raise() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.unwrap_or(ENOUGH).min(ENOUGH);
        let has = current.unwrap_or(wanted);
        let is_raised = has < wanted
            && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
                .inspect_err(
                    |error| tracing::warn!(%error, "failed to raise the limit of open files"),
                )
                .is_ok();
        let limit = if is_raised { wanted } else { has };
        Self(usize::try_from(limit).unwrap_or(USUAL as usize))
    }

    /// Maximum client connections: half of the descriptors.
    pub fn connections(self) -> usize {
        (self.0 / 2).clamp(1, MOST_CONNECTIONS)
    }

    /// Maximum concurrent attempts: a quarter. The last quarter is for the database, files and DNS.
    pub fn deliveries(self) -> usize {
        (self.0 / 4).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_deliveries_leave_descriptors_for_the_rest() {
        for (limit, connections, deliveries) in
            [(256, 128, 64), (1024, 512, 256), (65_536, 4096, 16_384), (0, 1, 1)]
        {
            let descriptors = Descriptors(limit);
            assert_eq!(
                (descriptors.connections(), descriptors.deliveries()),
                (connections, deliveries)
            );
        }
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_limit() {
        let raised = Descriptors::raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(raised.0 as u64, current.unwrap_or(ENOUGH).min(ENOUGH).max(raised.0 as u64));
        assert!(current >= Some(maximum.unwrap_or(ENOUGH).min(ENOUGH)));
    }
}
