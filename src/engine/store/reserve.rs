//! Disk space held in reserve: a ballast file beside a SQLite database.
//!
//! On a full disk not even rows can be deleted, because deletions are written to the write-ahead
//! log first, and no one can sign in to see what is wrong. So the writer deletes the ballast when
//! the disk is full. The space is used for deletions, sign-ins and the results of attempts, while
//! new events are refused. Once the disk has space again, the file is recreated and events are
//! accepted.
//!
//! If a server starts with too little space, a smaller file is made. With hardly any space, events
//! are refused from the start.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{files, fit};
use crate::engine::clock::random_bytes;

/// Bytes of each write to the file.
const CHUNK_BYTES: usize = 64 * 1024;

/// The result of an attempt to restore the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Restored {
    /// It existed, was created for the first time, or is disabled.
    Unchanged,
    /// It had been released and exists again.
    Recreated,
    /// Only so many of its bytes fit on the disk.
    Partial(u64),
    NoSpace,
}

/// How much of the file was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allocated {
    Full,
    Partial(u64),
    Nothing,
}

/// The smallest useful partial file is this fraction of the reserve: 1/16.
const MIN_PART_DIVISOR: u64 = 16;

/// The reserve file. Whether it exists is read from the disk each time.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// The reserve of the database in this file.
    pub(super) fn beside(database: &Path, bytes: u64) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push(".reserve");
        Self { path: path.into(), bytes }
    }

    /// Size of the file in bytes; 0 if there is none.
    pub(super) fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    /// Creates the file if it is missing or too small. Twice its size must be free, otherwise the
    /// disk would soon be full again. With `allow_partial` and less space, a file of half the free
    /// space is made.
    pub(super) fn make(&self, allow_partial: bool) -> io::Result<Allocated> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let space = fit::space(folder.unwrap_or(Path::new(".")));
        self.make_of(space.map_or(u64::MAX, |(free, _)| free), allow_partial)
    }

    fn make_of(&self, free: u64, allow_partial: bool) -> io::Result<Allocated> {
        let size = self.size();
        if size == self.bytes {
            // An earlier version may have created it readable for others.
            files::open_private(&self.path)?;
            return Ok(Allocated::Full);
        }
        let free = free.saturating_add(size);
        if free >= self.bytes.saturating_mul(2) {
            return self.write(self.bytes).map(|()| Allocated::Full);
        }
        let part = free / 2;
        match allow_partial {
            true if size >= part / 2 && size > 0 => Ok(Allocated::Partial(size)),
            true if part >= self.bytes / MIN_PART_DIVISOR => {
                self.write(part).map(|()| Allocated::Partial(part))
            }
            _ => Ok(Allocated::Nothing),
        }
    }

    /// Writes the file. The bytes are random, because some file systems do not store zeros. It is
    /// not synced: its content does not matter, the write already allocates the space, and the sync
    /// would delay commits.
    fn write(&self, bytes: u64) -> io::Result<()> {
        let file = files::open_private(&self.path)?;
        let written = fill(&file, bytes);
        if written.is_err() {
            self.release();
        }
        written
    }

    /// Deletes the file.
    pub(super) fn release(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(%error, file = %self.path.display(),
                    "failed to release the disk reserve");
            }
            _ => {}
        }
    }
}

/// Overwrites the file with `bytes` unique random chunks.
fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(0)?;
    let mut chunk: [u8; CHUNK_BYTES] = random_bytes();
    let mut remaining = bytes;
    while remaining > 0 {
        // No two chunks are equal, because some file systems deduplicate blocks.
        chunk[..8].copy_from_slice(&remaining.to_le_bytes());
        let length = usize::try_from(remaining).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        file.write_all(&chunk[..length])?;
        remaining -= length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_file_takes_its_space_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let reserve = Reserve::beside(&database, 200_000);
        let size = || fs::metadata(folder.path().join("x.db.reserve")).map(|file| file.len()).ok();
        for _ in 0..2 {
            assert_eq!(reserve.make(false).unwrap(), Allocated::Full);
            assert_eq!(size(), Some(200_000));
        }
        let larger = Reserve::beside(&database, 300_000);
        larger.make(false).unwrap();
        assert_eq!((size(), larger.size()), (Some(300_000), 300_000));
        for _ in 0..2 {
            larger.release();
            assert_eq!((size(), larger.size()), (None, 0));
        }
        let nowhere = Reserve::beside(&folder.path().join("no/x.db"), 1);
        assert!(nowhere.make(false).is_err());
        let too_large = Reserve::beside(&database, u64::MAX);
        for allow_partial in [false, true] {
            assert_eq!(too_large.make(allow_partial).unwrap(), Allocated::Nothing, "no room");
        }
    }

    #[test]
    fn with_little_free_space_a_partial_file_is_made_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("x.db"), 160_000);
        assert_eq!(reserve.make_of(19_999, true).unwrap(), Allocated::Nothing, "hardly any");
        assert_eq!(reserve.make_of(100_000, false).unwrap(), Allocated::Nothing, "it was released");
        assert_eq!(reserve.make_of(100_000, true).unwrap(), Allocated::Partial(50_000));
        assert_eq!(reserve.make_of(0, true).unwrap(), Allocated::Partial(50_000), "it stays");
        assert_eq!(reserve.make_of(200_000, true).unwrap(), Allocated::Partial(125_000));
        assert_eq!(reserve.make_of(195_000, true).unwrap(), Allocated::Full);
        assert_eq!(reserve.size(), 160_000);
    }
}
