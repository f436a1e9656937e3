//! Disk space held in reserve: a ballast file beside a SQLite database. On a full disk not even
//! rows can be deleted, because deletions are written to the log first, and nobody can sign in to
//! see what is wrong. So the file is deleted when the disk is full. Its space is for deletions,
//! sign-ins and the outcomes of attempts; new events are refused meanwhile. Once the disk has room
//! again the file is made anew and events are accepted.

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
    NoRoom,
}

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

    /// Is twice its size free? With less, the disk would soon be full again and the file deleted.
    fn has_room(&self) -> bool {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fit::space(folder).is_none_or(|(free, _)| free >= self.bytes.saturating_mul(2))
    }

    /// Makes the file if it is missing. `None`: the disk has no room for it.
    pub(super) fn make(&self) -> io::Result<Option<()>> {
        let is_there = fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes);
        if is_there { Ok(Some(())) } else { self.has_room().then(|| self.write()).transpose() }
    }

    /// Writes the file. Its bytes are random, because some file systems store no zeros. It is not
    /// synced: its content does not matter, writing it takes the space already, and syncing so much
    /// would delay commits.
    fn write(&self) -> io::Result<()> {
        let file = files::private(&self.path)?;
        let written = fill(&file, self.bytes);
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
            reserve.make().unwrap();
            assert_eq!(size(), Some(200_000));
        }
        let larger = Reserve::beside(&database, 300_000);
        larger.make().unwrap();
        assert_eq!(size(), Some(300_000));
        for _ in 0..2 {
            larger.release();
            assert_eq!(size(), None);
        }
        let nowhere = Reserve::beside(&folder.path().join("no/x.db"), 1);
        assert!(nowhere.make().is_err());
        let too_large = Reserve::beside(&database, u64::MAX);
        assert_eq!(too_large.make().unwrap(), None, "no room");
    }
}
