//! Disk space held in reserve: a ballast file beside a SQLite database. On a full disk not even
//! rows can be deleted, because deletions are written to the log first, and nobody can sign in to
//! see what is wrong. So the file is deleted when the disk is full. Its space is for deletions,
//! sign-ins and the outcomes of attempts; new events are refused meanwhile. Once the disk has room
//! again the file is made anew and events are accepted. Where a server starts with too little room,
//! a smaller file is made; with hardly any, events are refused from the start.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{files, fit};
use crate::engine::clock::random_bytes;

/// Bytes of each write to the file.
const PIECE: usize = 64 * 1024;

/// What became of an attempt to restore the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Restored {
    /// It was there or was made for the first time, or none is wanted.
    WasThere,
    /// It had been released, and is there again.
    Again,
    /// There is room for so many of its bytes only.
    Part(u64),
    NoRoom,
}

/// What there is of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Whole,
    Part(u64),
    Nothing,
}

/// Less than this part of the reserve is of no use.
const LEAST: u64 = 16;

/// See the module. Whether the file exists is asked of the disk each time.
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

    /// Bytes of the file; 0 if there is none.
    pub(super) fn held(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    /// Makes the file if it is missing or too small. Twice its size must be free, because otherwise
    /// the disk would soon be full again. `takes_part`: with less, a file of half of what is free
    /// will do.
    pub(super) fn make(&self, takes_part: bool) -> io::Result<Made> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let space = fit::space(folder.unwrap_or(Path::new(".")));
        self.make_of(space.map_or(u64::MAX, |(free, _)| free), takes_part)
    }

    fn make_of(&self, free: u64, takes_part: bool) -> io::Result<Made> {
        let held = self.held();
        if held == self.bytes {
            // A file of an earlier version may be open to others.
            files::private(&self.path)?;
            return Ok(Made::Whole);
        }
        let free = free.saturating_add(held);
        if free >= self.bytes.saturating_mul(2) {
            return self.write(self.bytes).map(|()| Made::Whole);
        }
        let part = free / 2;
        match takes_part {
            true if held >= part / 2 && held > 0 => Ok(Made::Part(held)),
            true if part >= self.bytes / LEAST => self.write(part).map(|()| Made::Part(part)),
            _ => Ok(Made::Nothing),
        }
    }

    /// Writes the file. Its bytes are random, because some file systems store no zeros. It is not
    /// synced: its content does not matter, writing it takes the space already, and syncing so much
    /// would delay commits.
    fn write(&self, bytes: u64) -> io::Result<()> {
        let file = files::private(&self.path)?;
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
                    "the reserve cannot be released");
            }
            _ => {}
        }
    }
}

fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(0)?;
    let mut piece: [u8; PIECE] = random_bytes();
    let mut left = bytes;
    while left > 0 {
        // No two pieces are equal, because some file systems store equal blocks once.
        piece[..8].copy_from_slice(&left.to_le_bytes());
        let some = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        file.write_all(&piece[..some])?;
        left -= some as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_its_space_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let reserve = Reserve::beside(&database, 200_000);
        let size = || fs::metadata(folder.path().join("x.db.reserve")).map(|file| file.len()).ok();
        for _ in 0..2 {
            assert_eq!(reserve.make(false).unwrap(), Made::Whole);
            assert_eq!(size(), Some(200_000));
        }
        let larger = Reserve::beside(&database, 300_000);
        larger.make(false).unwrap();
        assert_eq!((size(), larger.held()), (Some(300_000), 300_000));
        for _ in 0..2 {
            larger.release();
            assert_eq!((size(), larger.held()), (None, 0));
        }
        let nowhere = Reserve::beside(&folder.path().join("no/x.db"), 1);
        assert!(nowhere.make(false).is_err());
        let too_large = Reserve::beside(&database, u64::MAX);
        for takes_part in [false, true] {
            assert_eq!(too_large.make(takes_part).unwrap(), Made::Nothing, "no room");
        }
    }

    #[test]
    fn with_little_room_a_part_is_made_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("x.db"), 160_000);
        assert_eq!(reserve.make_of(19_999, true).unwrap(), Made::Nothing, "hardly any");
        assert_eq!(reserve.make_of(100_000, false).unwrap(), Made::Nothing, "it was released");
        assert_eq!(reserve.make_of(100_000, true).unwrap(), Made::Part(50_000));
        assert_eq!(reserve.make_of(0, true).unwrap(), Made::Part(50_000), "it stays");
        assert_eq!(reserve.make_of(200_000, true).unwrap(), Made::Part(125_000));
        assert_eq!(reserve.make_of(195_000, true).unwrap(), Made::Whole);
        assert_eq!(reserve.held(), 160_000);
    }
}
