//! The files of a SQLite database and of the master key. They hold personal data and secrets, so
//! only the program's own user may open them, whatever the umask. And processes that start together
//! open a database one after the other: SQLite's switch to its write-ahead log and the migrations
//! need it for themselves.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{error::Error, fit};
use crate::engine::clock::Clock;

/// Files that SQLite keeps beside the database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];
/// What the permissions are reduced to: everything for the owner, nothing for others.
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
const STICKY: u32 = 0o1000;

/// How often a process looks whether the one that is opening the database is done.
const LOOK: Duration = Duration::from_millis(20);
/// After this long the log says what is being waited for.
const SAY: Duration = Duration::from_secs(3);

const TAKEN: &str = "another server is running on this database; stop it first";

/// The file of a SQLite database; `None` for another database.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    #[cfg(feature = "sqlite")]
    if url.starts_with("sqlite:") {
        let options: sqlx::sqlite::SqliteConnectOptions = url.parse().ok()?;
        return Some(options.get_filename().into());
    }
    let _is_other = url;
    None
}

/// `service-hooks.db` becomes `service-hooks.db.lock`: the whole name, so that databases side by
/// side never share one.
fn beside(file: &Path, suffix: &str) -> PathBuf {
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

/// The turn of this process to open a SQLite database. The next process gets its turn when this is
/// dropped, at the latest with the process.
pub(super) struct Turn {
    _lock: File,
    file: PathBuf,
    is_new: bool,
}

impl Turn {
    /// Waits until no other process is opening or migrating the database, and prepares its place.
    /// The folder `own` holds nothing but our data. `vfs`: SQLite does not keep its files where the
    /// operating system does.
    pub(super) async fn take(file: &Path, own: Option<&Path>, vfs: bool) -> Result<Self, Error> {
        let folder = folder_of(file);
        make_folder(folder)?;
        fit::check_folder(folder)?;
        if let Some(own) = own.filter(|own| own.is_dir()) {
            tighten(own, FOLDER);
        }
        let lock = wait_for(&beside(file, ".opening")).await?;
        let is_new = !file.exists();
        if is_new && !vfs {
            // SQLite gives the files beside it the permissions of this one.
            private(file).map_err(|error| unfit(file, "make the database", &error))?;
        }
        tighten(file, FILE);
        for suffix in BESIDE {
            tighten(&beside(file, suffix), FILE);
        }
        Ok(Self { _lock: lock, file: file.to_owned(), is_new })
    }

    /// The database is open. A new file survives a power cut only once its folder's entry is on
    /// disk too.
    pub(super) fn done(self) -> Result<(), Error> {
        if !self.is_new {
            return Ok(());
        }
        let folder = folder_of(&self.file);
        let synced = File::open(folder).and_then(|handle| handle.sync_all());
        synced.map_err(|error| unfit(folder, "sync the folder", &error))
    }
}

async fn wait_for(path: &Path) -> Result<File, Error> {
    let failed = |error: io::Error| unfit(path, "lock the database", &error);
    let lock = private(path).map_err(failed)?;
    let (watch, mut is_said) = (Clock::System.stopwatch(), false);
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if watch.elapsed() > SAY && !std::mem::replace(&mut is_said, true) {
            tracing::warn!(lock = %path.display(), "waiting for another process that is opening \
                this database");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Held for as long as a server delivers from this database, or says that another server does.
pub(super) fn claim(file: &Path) -> Result<File, Error> {
    let path = beside(file, ".lock");
    let taken = |path: &Path| Error::Unfit(format!("{}: {TAKEN}", path.display()));
    let lock = private(&path).map_err(|error| unfit(&path, "lock the database", &error))?;
    lock.try_lock().map_err(|_| taken(&path))?;
    // Earlier versions named it after the database's stem. One of them may still be running.
    let earlier = file.with_extension("lock");
    if earlier != path
        && let Ok(held) = File::open(&earlier)
    {
        held.try_lock().map_err(|_| taken(&earlier))?;
        if let Err(error) = fs::remove_file(&earlier) {
            tracing::debug!(%error, "the lock of an earlier version stays");
        }
    }
    Ok(lock)
}

/// Makes a folder, and those above it that are missing, for the owner alone.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| unfit(folder, "make the folder", &error);
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER).create(folder).map_err(failed)?;
    // The umask may have taken something from the owner too.
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER)).map_err(failed)
}

/// Opens a file that only the owner may open; makes it where it is missing.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE)
        .open(path)?;
    if mode_of(&file.metadata()?) != FILE {
        file.set_permissions(fs::Permissions::from_mode(FILE))?;
    }
    Ok(file)
}

fn mode_of(found: &fs::Metadata) -> u32 {
    found.permissions().mode() & 0o777
}

/// Takes the permissions of a key file away from others than its owner.
pub(super) fn tighten_key(path: &Path) {
    tighten(path, FILE);
}

/// Takes the permissions of others away. What cannot be changed (a read-only volume, say) is told
/// and used all the same.
fn tighten(path: &Path, keep: u32) {
    let Ok(found) = fs::metadata(path) else { return };
    let mode = mode_of(&found);
    if mode & 0o077 == 0 {
        return;
    }
    let (shown, before) = (path.display(), format!("{mode:03o}"));
    if found.is_dir() && (found.permissions().mode() & STICKY != 0 || path.parent().is_none()) {
        tracing::warn!(path = %shown, "other users share this folder; set SERVICE_HOOKS_DATA_DIR \
                                       to a folder of its own");
        return;
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & keep)) {
        Ok(()) => {
            tracing::warn!(path = %shown, before, "other users could open this; now only its owner \
                can")
        }
        // A key that the platform mounts for a group is not ours to change, and not open to
        // everyone.
        Err(error) if mode & 0o007 == 0 => {
            tracing::debug!(path = %shown, before, %error, "a group may open this")
        }
        Err(error) => {
            tracing::warn!(path = %shown, before, %error, "other users can open this; change its \
                permissions")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sqlite_url_has_a_file_and_locks_carry_its_whole_name() {
        assert_eq!(sqlite_file("sqlite:data/a.db?mode=rwc"), Some("data/a.db".into()));
        assert_eq!(sqlite_file("postgres://localhost/x"), None);
        assert_eq!(beside(Path::new("data/a.db"), ".lock"), Path::new("data/a.db.lock"));
        assert_eq!(folder_of(Path::new("a.db")), Path::new("."));
    }

    #[test]
    fn databases_in_one_folder_have_locks_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["hooks.db", "hooks.sqlite"].map(|name| folder.path().join(name));
        let _held = (claim(&one).unwrap(), claim(&two).unwrap());
        assert!(claim(&one).unwrap_err().to_string().contains("another server is running"));
    }

    #[test]
    fn a_server_of_an_earlier_version_keeps_the_database_to_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hooks.db");
        let earlier = File::create(folder.path().join("hooks.lock")).unwrap();
        earlier.lock().unwrap();
        assert!(claim(&file).unwrap_err().to_string().contains("another server is running"));
        earlier.unlock().unwrap();
        let _held = claim(&file).unwrap();
        assert!(!folder.path().join("hooks.lock").exists());
    }

    #[test]
    fn a_folder_that_others_share_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        for (before, after) in [(0o755, 0o700), (0o1777, 0o1777), (0o700, 0o700)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(before)).unwrap();
            tighten(folder.path(), FOLDER);
            assert_eq!(
                fs::metadata(folder.path()).unwrap().permissions().mode() & 0o7777,
                after,
                "{before:o}"
            );
        }
    }
}
