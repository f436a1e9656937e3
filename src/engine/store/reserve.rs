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
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
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
    /// The size at which the file system last refused to let the file grow, although it reported
    /// free space: a quota. `u64::MAX`: never.
    refused_at: AtomicU64,
}

impl Reserve {
    /// The reserve of the database in this file.
    pub(super) fn beside(database: &Path, bytes: u64) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push(".reserve");
        Self { path: path.into(), bytes, refused_at: AtomicU64::new(u64::MAX) }
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
        self.make_of(space.map_or(u64::MAX, |(free, _)| free), allow_partial, fill)
    }

    /// Like [`make`](Self::make), with this much free space. `fill` is [`fill`] outside of tests.
    fn make_of(
        &self,
        free: u64,
        allow_partial: bool,
        fill: impl Fn(&mut File, u64, u64) -> io::Result<()>,
    ) -> io::Result<Allocated> {
        let size = self.size();
        if size == self.bytes {
            // An earlier version may have created it readable for others.
            files::open_private(&self.path)?;
            return Ok(Allocated::Full);
        }
        let mut free = free.saturating_add(size);
        if allow_partial {
            // Growing to the quota again would leave the database no space meanwhile.
            free = free.min(self.refused_at.load(Ordering::Relaxed));
        }
        if free >= self.bytes.saturating_mul(2) {
            return self.grow(size, self.bytes, allow_partial, fill);
        }
        let part = free / 2;
        match allow_partial {
            true if size >= part / 2 && size > 0 => Ok(Allocated::Partial(size)),
            true if part >= self.bytes / MIN_PART_DIVISOR => self.grow(size, part, true, fill),
            _ => Ok(Allocated::Nothing),
        }
    }

    /// Gives the file another size. If the disk or a quota has less space, the file gets half of
    /// what fits, but never less than it had. After any other error it is as it was before.
    ///
    /// The file is not synced: its content does not matter, the write already allocates the space,
    /// and the sync would delay commits.
    fn grow(
        &self,
        from: u64,
        to: u64,
        allow_partial: bool,
        fill: impl Fn(&mut File, u64, u64) -> io::Result<()>,
    ) -> io::Result<Allocated> {
        let mut file = files::open_private(&self.path)?;
        file.set_len(from.min(to))?;
        let Err(error) = fill(&mut file, from, to) else {
            return Ok(if to == self.bytes { Allocated::Full } else { Allocated::Partial(to) });
        };
        let is_no_space =
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let fits = file.metadata().map_or(from, |file| file.len());
        let part = match fits / 2 {
            half if is_no_space && allow_partial && half >= self.bytes / MIN_PART_DIVISOR => half,
            _ => 0,
        };
        let kept = part.max(from);
        if kept > 0 {
            file.set_len(kept)?;
        } else {
            self.release();
        }
        if !is_no_space {
            return Err(error);
        }
        if kept == 0 {
            return Ok(Allocated::Nothing);
        }
        self.refused_at.store(fits, Ordering::Relaxed);
        Ok(Allocated::Partial(kept))
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

/// Extends the file from `from` to `to` bytes with unique random chunks. They are random, because
/// some file systems do not store zeros.
fn fill(file: &mut File, from: u64, to: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(from))?;
    let mut chunk: [u8; CHUNK_BYTES] = random_bytes();
    let mut remaining = to.saturating_sub(from);
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
        let make = |free, allow_partial| reserve.make_of(free, allow_partial, fill).unwrap();
        assert_eq!(make(19_999, true), Allocated::Nothing, "hardly any");
        assert_eq!(make(100_000, false), Allocated::Nothing, "it was released");
        assert_eq!(make(100_000, true), Allocated::Partial(50_000));
        assert_eq!(make(0, true), Allocated::Partial(50_000), "it stays");
        assert_eq!(make(200_000, true), Allocated::Partial(125_000));
        assert_eq!(make(195_000, true), Allocated::Full);
        assert_eq!(reserve.size(), 160_000);
    }

    #[test]
    fn a_quota_counts_as_a_full_disk_although_space_is_reported_free() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("x.db"), 160_000);
        let make = |quota: u64, allow_partial| {
            let limited = |file: &mut File, from, to: u64| {
                fill(file, from, to.min(quota.max(from)))?;
                let refused = io::Error::from(io::ErrorKind::QuotaExceeded);
                if to > quota { Err(refused) } else { Ok(()) }
            };
            reserve.make_of(u64::MAX, allow_partial, limited).unwrap()
        };
        assert_eq!((make(19_999, true), reserve.size()), (Allocated::Nothing, 0));
        assert_eq!((make(150_000, false), reserve.size()), (Allocated::Nothing, 0), "no part");
        assert_eq!(make(100_000, true), Allocated::Partial(50_000));
        assert_eq!(make(0, true), Allocated::Partial(50_000), "it does not touch the quota again");
        assert_eq!((make(160_000, false), reserve.size()), (Allocated::Full, 160_000));
    }

    #[test]
    fn an_error_while_the_file_grows_keeps_the_part_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("x.db"), 160_000);
        assert_eq!(reserve.make_of(100_000, true, fill).unwrap(), Allocated::Partial(50_000));
        for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
            let failing = |file: &mut File, from, _: u64| {
                fill(file, from, from + 10_000)?;
                Err(io::Error::from(kind))
            };
            let made = reserve.make_of(u64::MAX, true, failing).ok();
            let expected =
                (kind == io::ErrorKind::StorageFull).then_some(Allocated::Partial(50_000));
            assert_eq!((made, reserve.size()), (expected, 50_000), "{kind}");
        }
    }
}
