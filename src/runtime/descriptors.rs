//! File descriptors: how many the process may have, and who may have how many of them. A flood of
//! clients must not take those that the database and the deliveries need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More are of no use to us.
const ENOUGH: u64 = 65_536;
/// What a process has where nothing else is said.
const USUAL: u64 = 1024;
/// Connections of clients at once, however many descriptors there are.
const MOST_CONNECTIONS: usize = 4096;

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub struct Descriptors(usize);

impl Descriptors {
    /// Raises the soft limit as far as the hard one allows: programs that use `select` need a low
    /// one, this one does not.
    pub fn raise() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.unwrap_or(ENOUGH).min(ENOUGH);
        let has = current.unwrap_or(wanted);
        let is_raised = has < wanted
            && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
                .inspect_err(
                    |error| tracing::warn!(%error, "the limit of open files could not be raised"),
                )
                .is_ok();
        let limit = if is_raised { wanted } else { has };
        Self(usize::try_from(limit).unwrap_or(USUAL as usize))
    }

    /// Clients may have half of them.
    pub fn connections(self) -> usize {
        (self.0 / 2).clamp(1, MOST_CONNECTIONS)
    }

    /// Deliveries under way may have a quarter; the last one is for the database, for files and for
    /// names.
    pub fn deliveries(self) -> usize {
        (self.0 / 4).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_get_what_the_rest_needs() {
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
    fn the_limit_is_raised_as_far_as_it_may() {
        let raised = Descriptors::raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(raised.0 as u64, current.unwrap_or(ENOUGH).min(ENOUGH).max(raised.0 as u64));
        assert!(current >= Some(maximum.unwrap_or(ENOUGH).min(ENOUGH)));
    }
}
