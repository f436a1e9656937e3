//! A disk after a power cut: everything that was synced, and a random part of the rest, sector by
//! sector.

use std::collections::BTreeMap;

use rand::{RngExt, rngs::StdRng, seq::SliceRandom};

use super::tape::Entry;

/// The certain content of a disk at a point of the tape, and its possible further content.
#[derive(Default)]
pub struct Disk {
    names: BTreeMap<String, usize>,
    files: Vec<File>,
    /// Entries of the folder that were not synced yet.
    loose: Vec<usize>,
    at: usize,
    lies: bool,
}

#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    /// Entries of the tape that were not synced yet.
    loose: Vec<usize>,
}

/// Names and contents.
pub type Image = BTreeMap<String, Vec<u8>>;

/// Probabilities for unsynced writes at a cut.
struct Chance {
    sector: usize,
    /// The probability that an unsynced write is on the disk.
    keep: f64,
    /// The probability that only a part of it is.
    tear: f64,
}

impl Chance {
    fn draw(rng: &mut StdRng) -> Self {
        Self {
            sector: [512, 4096][rng.random_range(0..2)],
            keep: [0.0, 0.1, 0.5, 0.9, 1.0][rng.random_range(0..5)],
            tear: [0.0, 0.3, 1.0][rng.random_range(0..3)],
        }
    }

    /// Applies an unsynced write: completely, in part, or not at all.
    fn apply(&self, content: &mut Vec<u8>, entry: &Entry, rng: &mut StdRng) {
        match entry {
            _ if !rng.random_bool(self.keep) => {}
            Entry::Write { at, bytes, .. } if rng.random_bool(self.tear) => {
                self.tear(content, *at, bytes, rng)
            }
            _ => apply(content, entry),
        }
    }

    /// Some of a write's sectors arrive, some do not, and some only up to a byte. Bytes outside of
    /// a write are not changed: disks guarantee that ("powersafe overwrite"), and SQLite relies on
    /// it.
    fn tear(&self, content: &mut Vec<u8>, at: usize, bytes: &[u8], rng: &mut StdRng) {
        let mut from = 0;
        while from < bytes.len() {
            let to_border = self.sector - (at + from) % self.sector;
            let to = bytes.len().min(from + to_border);
            match rng.random_range(0..5) {
                0 | 1 => {}
                2 => put(content, at + from, &bytes[from..rng.random_range(from..to)]),
                _ => put(content, at + from, &bytes[from..to]),
            }
            from = to;
        }
    }
}

impl Disk {
    /// A disk that reports syncs without doing them.
    pub fn that_lies() -> Self {
        Self { lies: true, ..Self::default() }
    }

    /// Advances along the tape, up to but not including `end`.
    pub fn advance(&mut self, tape: &[Entry], end: usize, rng: &mut StdRng) {
        for (number, entry) in tape.iter().enumerate().take(end).skip(self.at) {
            match entry {
                Entry::Create { file, .. } => {
                    self.files.resize_with(self.files.len().max(file + 1), File::default);
                    self.loose.push(number);
                }
                Entry::Delete { .. } => self.loose.push(number),
                Entry::Write { file, .. } | Entry::Truncate { file, .. } => {
                    self.files[*file].loose.push(number)
                }
                Entry::Sync { file } if !self.lies => {
                    let file = &mut self.files[*file];
                    for number in file.loose.drain(..) {
                        apply(&mut file.bytes, &tape[number]);
                    }
                }
                Entry::SyncFolder if !self.lies => {
                    for number in self.loose.drain(..) {
                        rename(&mut self.names, &tape[number]);
                    }
                }
                Entry::SyncFailed { file } if !self.lies => {
                    let chance = Chance::draw(rng);
                    let file = &mut self.files[*file];
                    for number in file.loose.drain(..) {
                        chance.apply(&mut file.bytes, &tape[number], rng);
                    }
                }
                Entry::Sync { .. }
                | Entry::SyncFailed { .. }
                | Entry::SyncFolder
                | Entry::Acknowledged(_) => {}
            }
        }
        self.at = end;
    }

    /// One of the disks that a cut at this point can produce.
    pub fn cut(&self, tape: &[Entry], rng: &mut StdRng) -> Image {
        let chance = Chance::draw(rng);
        let mut names = self.names.clone();
        // File systems journal names: they are applied in order, up to some point.
        for number in &self.loose[..rng.random_range(0..=self.loose.len())] {
            rename(&mut names, &tape[*number]);
        }
        let content = |(name, file): (String, usize)| {
            let File { bytes, loose } = &self.files[file];
            let mut bytes = bytes.clone();
            let mut loose = loose.clone();
            if rng.random_bool(0.5) {
                loose.shuffle(rng);
            }
            for number in loose {
                chance.apply(&mut bytes, &tape[number], rng);
            }
            (name, bytes)
        };
        names.into_iter().map(content).collect()
    }
}

fn rename(names: &mut BTreeMap<String, usize>, entry: &Entry) {
    match entry {
        Entry::Create { name, file } => drop(names.insert(name.clone(), *file)),
        Entry::Delete { name } => drop(names.remove(name)),
        _ => {}
    }
}

fn apply(content: &mut Vec<u8>, entry: &Entry) {
    match entry {
        Entry::Write { at, bytes, .. } => put(content, *at, bytes),
        Entry::Truncate { len, .. } => content.truncate(*len),
        _ => {}
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn tape() -> Vec<Entry> {
        let write = |at, byte| Entry::Write { file: 0, at, bytes: vec![byte; 1024] };
        vec![
            Entry::Create { name: "a".into(), file: 0 },
            write(0, 1),
            Entry::Sync { file: 0 },
            Entry::SyncFolder,
            write(0, 2),
            write(1024, 3),
        ]
    }

    #[test]
    fn synced_data_is_always_kept_and_unsynced_data_in_any_part() {
        let tape = tape();
        let mut disk = Disk::default();
        let mut rng = StdRng::seed_from_u64(1);
        disk.advance(&tape, tape.len(), &mut rng);
        let images: Vec<Image> = (0..1000).map(|_| disk.cut(&tape, &mut rng)).collect();
        let has = |wanted: &dyn Fn(&[u8]) -> bool| images.iter().any(|image| wanted(&image["a"]));
        assert!(images.iter().all(
            |image| image["a"].len() >= 1024 && image["a"][..1024].iter().all(|byte| *byte > 0)
        ));
        assert!(has(&|bytes| bytes == [1; 1024]), "dropped");
        assert!(
            has(&|bytes| bytes.len() == 2048
                && bytes[..1024] == [2; 1024]
                && bytes[1024..] == [3; 1024]),
            "whole"
        );
        assert!(
            has(&|bytes| bytes[..1024] == [1; 1024] && bytes[1024..] == [3; 1024]),
            "the later without the earlier"
        );
        assert!(
            has(&|bytes| bytes[..512] == [1; 512] && bytes[512..1024] == [2; 512]),
            "torn between sectors"
        );
        assert!(has(&|bytes| bytes[0] == 2 && bytes[511] == 1), "torn within a sector");
    }

    #[test]
    fn an_unsynced_name_may_be_lost_with_its_synced_content() {
        let tape = tape();
        let mut disk = Disk::default();
        let mut rng = StdRng::seed_from_u64(1);
        disk.advance(&tape, 3, &mut rng);
        let images: Vec<Image> = (0..100).map(|_| disk.cut(&tape, &mut rng)).collect();
        assert!(
            images.iter().any(|image| image.is_empty())
                && images.iter().any(|image| image["a"] == [1; 1024])
        );
    }
}
