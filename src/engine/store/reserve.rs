//! A file of nothing beside a SQLite database. On a full disk not even rows can be deleted, because that is written to the log
//! first; and nobody can sign in to see what is wrong. So the file goes when the disk is full: there is room then for what
//! makes room, for sign-ins and for the outcomes of attempts, but not for new events. It comes back, and events with it, once
//! the disk has room for it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{files, fit};
use crate::engine::clock::random_bytes;

/// What is written at once.
const PIECE: usize = 64 * 1024;

/// See the module. Does not know whether the file is there: the disk does.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// Of a database's file. `bytes` of nothing are no reserve.
    pub(super) fn beside(database: &Path, bytes: u64) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push(".reserve");
        (bytes > 0).then(|| Self { path: path.into(), bytes })
    }

    /// Is there room for it, and as much again for others? Without that it would go again at once.
    pub(super) fn has_room(&self) -> bool {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fit::space(folder).is_none_or(|(free, _)| free >= self.bytes.saturating_mul(2))
    }

    /// Takes the space. Of random bytes, because there are disks that keep nothing of zeros. Not synced: the file is worth
    /// nothing, its space is taken as it is written, and a sync of so much would keep commits waiting.
    pub(super) fn make(&self) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes) {
            return Ok(());
        }
        let written = files::private(&self.path).and_then(|file| fill(&file, self.bytes));
        if written.is_err() {
            self.release();
        }
        written
    }

    /// Gives the space back.
    pub(super) fn release(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(%error, file = %self.path.display(), "the reserve cannot be given back");
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
        // No two alike: there are disks that keep such once.
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
        assert!(Reserve::beside(&database, 0).is_none());
        let reserve = Reserve::beside(&database, 200_000).unwrap();
        let size = || fs::metadata(folder.path().join("x.db.reserve")).map(|file| file.len()).ok();
        for _ in 0..2 {
            reserve.make().unwrap();
            assert_eq!(size(), Some(200_000));
        }
        let larger = Reserve::beside(&database, 300_000).unwrap();
        larger.make().unwrap();
        assert_eq!(size(), Some(300_000));
        for _ in 0..2 {
            larger.release();
            assert_eq!(size(), None);
        }
        let nowhere = Reserve::beside(&folder.path().join("no/x.db"), 1).unwrap();
        assert!(nowhere.make().is_err());
        let too_large = Reserve::beside(&database, u64::MAX).unwrap();
        assert!(reserve.has_room() && !too_large.has_room());
    }
}
