//! Power cuts. The disk of a running portal is recorded and cut at a thousand points. Each cut
//! produces one of the disks that are possible at that point; each of them must contain everything
//! that was acknowledged.
//!
//! `SERVICE_HOOKS_TEST_CUTS` sets the number of cuts (default 1,000), `SERVICE_HOOKS_TEST_SEED` the
//! seed of the random choices.

use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use service_hooks::engine::{clock::random_bytes, config::Settings};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    check::{self, Fault},
    disk::Disk,
    tape::{Entry, Tape},
    workload,
};

/// Cuts per recording; more need further recordings.
const CUTS_EACH: usize = 5000;
/// Tasks that check the cuts of a recording, because checking is most of the work.
const CHECKERS: usize = 2;
const FILE: &str = "test.db";

fn variable(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the long mode and the seed are chosen by hand")]
    std::env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

fn seed() -> u64 {
    variable("SERVICE_HOOKS_TEST_SEED").unwrap_or_else(|| u64::from_le_bytes(random_bytes()))
}

/// In memory if the machine has such a folder: the files need not survive anything.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// The result of one task's cuts.
#[derive(Default, Debug)]
struct Found {
    cuts: usize,
    missing: usize,
    broken: usize,
    /// The first fault, and the path of its disk.
    first: Option<String>,
}

/// A recording, ready to be cut.
struct Recording {
    tape: Vec<Entry>,
    settings: Settings,
    seed: u64,
    kind: Kind,
}

/// The durability settings under test.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The product's settings. No fault is allowed.
    Ours,
    /// `synchronous = NORMAL`: SQLite does not sync each commit.
    Normal,
    /// A disk that reports syncs without doing them.
    Lies,
}

impl Recording {
    /// The points to cut at: random, right after an acknowledgement, and while a checkpoint writes
    /// to the database file.
    fn points(&self, count: usize, rng: &mut StdRng) -> Vec<usize> {
        let after = |wanted: &dyn Fn(&Entry) -> bool| -> Vec<usize> {
            let entries = self.tape.iter().enumerate();
            entries.filter(|(_, entry)| wanted(entry)).map(|(number, _)| number + 1).collect()
        };
        let promises = after(&|entry| matches!(entry, Entry::Acknowledged(_)));
        let checkpoints = after(&|entry| {
            matches!(
                entry,
                Entry::Write { file: 0, .. } | Entry::Sync { file: 0 } | Entry::Delete { .. }
            )
        });
        let mut points: Vec<usize> = (0..count)
            .map(|_| match rng.random_range(0..4) {
                0 => promises[rng.random_range(0..promises.len())],
                1 => checkpoints[rng.random_range(0..checkpoints.len())],
                _ => rng.random_range(0..=self.tape.len()),
            })
            .collect();
        points.sort_unstable();
        points
    }

    /// Cuts `count` times and checks each disk.
    async fn cut(&self, share: u64, count: usize) -> Found {
        let mut rng = StdRng::seed_from_u64(self.seed ^ share);
        let folder = scratch();
        let file = folder.path().join(FILE);
        let mut disk = if self.kind == Kind::Lies { Disk::that_lies() } else { Disk::default() };
        let mut acknowledged: Vec<Uuid> = Vec::new();
        let mut at = 0;
        let mut found = Found::default();
        for (number, point) in self.points(count, &mut rng).into_iter().enumerate() {
            disk.advance(&self.tape, point, &mut rng);
            acknowledged.extend(self.tape[at..point].iter().filter_map(|entry| match entry {
                Entry::Acknowledged(id) => Some(*id),
                _ => None,
            }));
            at = point;
            check::write(&disk.cut(&self.tape, &mut rng), folder.path());
            let mut outcome = check::check(&file, &acknowledged, number % 10 == 0).await;
            if outcome.is_ok() && number % 25 == 0 {
                outcome = check::start(&self.settings, &file).await;
            }
            found.note(outcome, point, (self.kind == Kind::Ours).then_some(&*file));
        }
        found
    }
}

impl Found {
    fn note(&mut self, outcome: Result<(), Fault>, point: usize, keep_of: Option<&Path>) {
        self.cuts += 1;
        let Err(fault) = outcome else { return };
        match &fault {
            Fault::Missing(_) => self.missing += 1,
            Fault::Broken(_) => self.broken += 1,
        }
        if self.first.is_none() {
            let kept = keep_of
                .map(|file| format!("; kept in {}", keep(file).display()))
                .unwrap_or_default();
            self.first = Some(format!("cut at {point}: {fault}{kept}"));
        }
    }

    fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.missing += other.missing;
        self.broken += other.broken;
        self.first = self.first.take().or(other.first);
    }
}

/// Keeps a faulty disk for analysis.
fn keep(file: &Path) -> PathBuf {
    let kept = tempfile::tempdir().unwrap().keep();
    for entry in std::fs::read_dir(file.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), kept.join(entry.file_name())).unwrap();
    }
    kept
}

/// Records and cuts until there were `count` cuts.
async fn cut(count: usize, kind: Kind) -> Found {
    let seed = seed();
    eprintln!("SERVICE_HOOKS_TEST_SEED={seed}");
    let mut all = Found::default();
    while all.cuts < count {
        let (tape, settings, db) =
            workload::record(if kind == Kind::Normal { Tape::normal() } else { Tape::default() })
                .await;
        let promises = tape.iter().filter(|entry| matches!(entry, Entry::Acknowledged(_))).count();
        let syncs = tape.iter().filter(|entry| matches!(entry, Entry::Sync { .. })).count();
        eprintln!("{} entries, {syncs} syncs, {promises} promises", tape.len());
        let recording =
            std::sync::Arc::new(Recording { tape, settings, seed: seed ^ all.cuts as u64, kind });
        let here = CUTS_EACH.min(count - all.cuts).div_ceil(CHECKERS);
        let checkers = (0..CHECKERS as u64).map(|share| {
            let recording = recording.clone();
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(recording.cut(share, here)))
        });
        for found in futures::future::join_all(checkers).await {
            all.add(found.unwrap());
        }
        drop(db);
    }
    eprintln!("{all:?}");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_no_acknowledged_event() {
    let count = variable("SERVICE_HOOKS_TEST_CUTS").unwrap_or(1000);
    let found = cut(usize::try_from(count).unwrap(), Kind::Ours).await;
    assert!(found.first.is_none(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_cuts_detect_losses_with_synchronous_normal() {
    let found = cut(200, Kind::Normal).await;
    assert!(found.missing > 0, "{found:?}");
    assert_eq!(found.broken, 0, "NORMAL loses, but does not damage: {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_cuts_detect_a_disk_that_lies_about_syncs() {
    let found = cut(40, Kind::Lies).await;
    assert!(found.broken > 0, "{found:?}");
}
