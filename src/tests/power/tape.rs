//! The operations of a disk, in order: every write, truncate and sync of every file, and the
//! program's acknowledgements. It determines what a disk may and must contain after a cut at any
//! point.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use uuid::Uuid;

/// One operation. Files are numbered in order of creation, because a name can later refer to
/// another file.
pub enum Entry {
    Create {
        name: String,
        file: usize,
    },
    /// Also removes the name.
    Delete {
        name: String,
    },
    Write {
        file: usize,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: usize,
        len: usize,
    },
    /// Earlier writes to this file are on the disk.
    Sync {
        file: usize,
    },
    /// A failed sync: the system drops the writes, and it is unknown which of them reached the
    /// disk. The next sync succeeds without them.
    SyncFailed {
        file: usize,
    },
    /// The names in the folder are on the disk.
    SyncFolder,
    /// The program acknowledged this event or this hook.
    Acknowledged(Uuid),
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    names: HashMap<String, usize>,
    files: usize,
}

/// The recording, and faults that can be switched on while it runs.
#[derive(Default)]
pub struct Tape {
    inner: Mutex<Inner>,
    is_full: AtomicBool,
    full_while: Mutex<Option<PathBuf>>,
    refused: AtomicUsize,
    syncs_fail: AtomicBool,
    /// `synchronous` is changed to `NORMAL` on its way into SQLite.
    pub is_normal: bool,
}

impl Tape {
    pub fn normal() -> Self {
        Self { is_normal: true, ..Self::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a file by name: an existing one, or a new one.
    pub fn open(&self, name: &str) -> usize {
        let mut inner = self.inner();
        if let Some(file) = inner.names.get(name) {
            return *file;
        }
        let file = inner.files;
        inner.files += 1;
        inner.names.insert(name.to_owned(), file);
        inner.entries.push(Entry::Create { name: name.to_owned(), file });
        file
    }

    pub fn delete(&self, name: &str) {
        let mut inner = self.inner();
        if inner.names.remove(name).is_some() {
            inner.entries.push(Entry::Delete { name: name.to_owned() });
        }
    }

    pub fn push(&self, entry: Entry) {
        self.inner().entries.push(entry);
    }

    /// Takes all entries so far and leaves the tape empty.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.inner().entries)
    }

    /// Sets whether the disk is full.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    /// The disk is full while this file exists; `None`: it is not.
    pub fn set_full_while(&self, file: Option<PathBuf>) {
        *self.full_while.lock().unwrap() = file;
    }

    /// Sets whether syncs fail.
    pub fn set_syncs_fail(&self, fail: bool) {
        self.syncs_fail.store(fail, Ordering::SeqCst);
    }

    pub fn syncs_fail(&self) -> bool {
        self.syncs_fail.load(Ordering::SeqCst)
    }

    /// Called for each write: does it fail for lack of space?
    pub fn refuses(&self) -> bool {
        let is_taken = self.full_while.lock().unwrap().as_ref().is_some_and(|file| file.exists());
        let is_full = self.is_full.load(Ordering::SeqCst) || is_taken;
        self.refused.fetch_add(usize::from(is_full), Ordering::SeqCst);
        is_full
    }

    /// The number of writes that failed for lack of space.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}
