//! Checks the order of received events, some of which may be received again.

/// `came`: the numbers of one key's events in the order of arrival; the events were numbered in
/// steps of `step`. After a crash some may arrive again. A number that arrives for the first time
/// must follow its predecessor directly.
pub fn assert_kept(what: &str, came: &[usize], step: usize) {
    let skips = |pair: &[usize]| pair[1] > pair[0] + step;
    if let Some(at) = came.windows(2).position(skips) {
        let around = &came[at.saturating_sub(40)..came.len().min(at + 5)];
        panic!("{what}: something was overtaken at number {at}: {around:?}");
    }
}

#[test]
fn overtaking_is_detected() {
    assert_kept("again from 4", &[1, 2, 3, 4, 5, 6, 4, 5, 6, 7], 1);
    let overtaken = std::panic::catch_unwind(|| assert_kept("3", &[1, 2, 4, 3, 5], 1));
    assert!(overtaken.is_err());
}
