//! The files of a SQLite database and of the master key: permissions and locks.
//!
//! They contain personal data and secrets, so they are accessible only to the user that runs the
//! program, regardless of the umask. There are two lock files next to the database:
//!
//! - `.opening` ([`OpeningLock`]): held while a process opens and migrates the database, so that
//!   processes that start together do this one after the other. The switch to WAL mode and the
//!   migrations need exclusive access.
//! - `.lock` ([`claim`]): held by the server that delivers from the database.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{error::Error, fit};
use crate::engine::clock::Clock;

/// Suffixes of the files that SQLite keeps next to the database.
const SQLITE_SUFFIXES: [&str; 2] = ["-wal", "-shm"];
/// Permissions of folders and files: only for the owner.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The sticky bit: a folder that users share, such as `/tmp`.
const STICKY_BIT: u32 = 0o1000;

/// How often a process polls for the opening lock.
const LOCK_POLL: Duration = Duration::from_millis(20);
/// After waiting this long for the opening lock, log a warning.
const WARN_AFTER: Duration = Duration::from_secs(3);

const TAKEN: &str = "another server is running on this database; stop it first";

/// The file of a SQLite database; `None` for PostgreSQL and for invalid URLs.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    #[cfg(feature = "sqlite")]
    if url.starts_with("sqlite:") {
        let options: sqlx::sqlite::SqliteConnectOptions = url.parse().ok()?;
        return Some(options.get_filename().into());
    }
    // A build without SQLite has no file to find.
    let _ = url;
    None
}

/// Appends a suffix to the whole file name: `service-hooks.db` becomes `service-hooks.db.lock`. So
/// two databases in one folder never share a lock file.
fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unfit(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::Unfit(format!("{}: can't {what}: {error}", path.display()))
}

/// The exclusive right of this process to open and migrate a SQLite database. Released when it is
/// dropped or the process ends.
pub(super) struct OpeningLock {
    _lock: File,
    file: PathBuf,
    is_new: bool,
}

impl OpeningLock {
    /// Waits until no other process is opening or migrating the database. Creates missing folders
    /// and the database file, and restricts their permissions. `data_dir`: a folder that holds only
    /// data of this program, if any. `vfs`: the URL names a SQLite VFS, whose database file may not
    /// exist in the file system, so it is not created here.
    pub(super) async fn acquire(
        file: &Path,
        data_dir: Option<&Path>,
        vfs: bool,
    ) -> Result<Self, Error> {
        let folder = folder_of(file);
        make_folder(folder)?;
        fit::check_folder(folder)?;
        if let Some(data_dir) = data_dir.filter(|data_dir| data_dir.is_dir()) {
            restrict(data_dir, FOLDER_MODE);
        }
        let lock = lock_when_free(&with_suffix(file, ".opening")).await?;
        let is_new = !file.exists();
        if is_new && !vfs {
            // SQLite creates its other files with the permissions of the database file.
            open_private(file).map_err(|error| unfit(file, "make the database", &error))?;
        }
        restrict(file, FILE_MODE);
        for suffix in SQLITE_SUFFIXES {
            restrict(&with_suffix(file, suffix), FILE_MODE);
        }
        Ok(Self { _lock: lock, file: file.to_owned(), is_new })
    }

    /// Releases the lock once the database is open and migrated. Syncs the folder of a new file:
    /// without its directory entry on disk, the file would not survive a power failure.
    pub(super) fn finish(self) -> Result<(), Error> {
        if !self.is_new {
            return Ok(());
        }
        let folder = folder_of(&self.file);
        let synced = File::open(folder).and_then(|handle| handle.sync_all());
        synced.map_err(|error| unfit(folder, "sync the folder", &error))
    }
}

async fn lock_when_free(path: &Path) -> Result<File, Error> {
    let failed = |error: io::Error| unfit(path, "lock the database", &error);
    let lock = open_private(path).map_err(failed)?;
    let (watch, mut has_warned) = (Clock::System.stopwatch(), false);
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if watch.elapsed() > WARN_AFTER && !std::mem::replace(&mut has_warned, true) {
            tracing::warn!(lock = %path.display(), "waiting for another process that is opening \
                this database");
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

/// Locks the database for a server that delivers from it. Fails with [`Error::Unfit`] if another
/// server holds the lock. Keep the returned file open for as long as the server runs.
pub(super) fn claim(file: &Path) -> Result<File, Error> {
    let path = with_suffix(file, ".lock");
    let taken = |path: &Path| Error::Unfit(format!("{}: {TAKEN}", path.display()));
    let lock = open_private(&path).map_err(|error| unfit(&path, "lock the database", &error))?;
    lock.try_lock().map_err(|_| taken(&path))?;
    // Earlier versions replaced the extension of the file name by `.lock`, and a server of such a
    // version may still be running.
    let legacy_path = file.with_extension("lock");
    if legacy_path != path
        && let Ok(legacy_lock) = File::open(&legacy_path)
    {
        legacy_lock.try_lock().map_err(|_| taken(&legacy_path))?;
        if let Err(error) = fs::remove_file(&legacy_path) {
            tracing::debug!(%error, "failed to remove the lock file of an earlier version");
        }
    }
    Ok(lock)
}

/// Creates a folder and its missing parents, accessible only to the owner.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| unfit(folder, "make the folder", &error);
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
    // The umask may have removed permissions of the owner.
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE)).map_err(failed)
}

/// Opens a file for reading and writing, with permissions only for the owner. Creates it if it is
/// missing.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)?;
    if mode_of(&file.metadata()?) != FILE_MODE {
        file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
    }
    Ok(file)
}

fn mode_of(metadata: &fs::Metadata) -> u32 {
    metadata.permissions().mode() & 0o777
}

/// Removes all permissions of a key file except those of its owner.
pub(super) fn restrict_key(path: &Path) {
    restrict(path, FILE_MODE);
}

/// Removes all permissions that are not in `allowed_mode`. Failures (a read-only volume, for
/// example) are logged and otherwise ignored.
fn restrict(path: &Path, allowed_mode: u32) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = mode_of(&metadata);
    if mode & 0o077 == 0 {
        return;
    }
    let (shown, before) = (path.display(), format!("{mode:03o}"));
    let is_sticky = metadata.permissions().mode() & STICKY_BIT != 0;
    if metadata.is_dir() && (is_sticky || path.parent().is_none()) {
        tracing::warn!(path = %shown, "other users share this folder; set SERVICE_HOOKS_DATA_DIR \
                                       to a folder of its own");
        return;
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & allowed_mode)) {
        Ok(()) => {
            tracing::warn!(path = %shown, before, "other users could open this; permissions now \
                                                   allow only the owner")
        }
        // For example a key that the platform mounts for a group: it belongs to another user, and
        // is not open to everyone.
        Err(error) if mode & 0o007 == 0 => {
            tracing::debug!(path = %shown, before, %error, "a group may open this")
        }
        Err(error) => {
            tracing::warn!(path = %shown, before, %error, "other users can open this, and changing \
                                                           its permissions failed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sqlite_url_has_a_file_and_suffixes_follow_its_whole_name() {
        assert_eq!(sqlite_file("sqlite:data/a.db?mode=rwc"), Some("data/a.db".into()));
        assert_eq!(sqlite_file("postgres://localhost/x"), None);
        assert_eq!(with_suffix(Path::new("data/a.db"), ".lock"), Path::new("data/a.db.lock"));
        assert_eq!(folder_of(Path::new("a.db")), Path::new("."));
    }

    #[test]
    fn databases_in_one_folder_have_separate_locks() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["hooks.db", "hooks.sqlite"].map(|name| folder.path().join(name));
        let _locks = (claim(&one).unwrap(), claim(&two).unwrap());
        assert!(claim(&one).unwrap_err().to_string().contains("another server is running"));
    }

    #[test]
    fn the_lock_of_a_server_of_an_earlier_version_is_respected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hooks.db");
        let legacy_lock = File::create(folder.path().join("hooks.lock")).unwrap();
        legacy_lock.lock().unwrap();
        assert!(claim(&file).unwrap_err().to_string().contains("another server is running"));
        legacy_lock.unlock().unwrap();
        let _lock = claim(&file).unwrap();
        assert!(!folder.path().join("hooks.lock").exists());
    }

    #[test]
    fn a_folder_with_the_sticky_bit_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        for (before, after) in [(0o755, 0o700), (0o1777, 0o1777), (0o700, 0o700)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(before)).unwrap();
            restrict(folder.path(), FOLDER_MODE);
            assert_eq!(
                fs::metadata(folder.path()).unwrap().permissions().mode() & 0o7777,
                after,
                "{before:o}"
            );
        }
    }
}
