//! What happened to a disk, in order: every write, truncate and sync of every file, and between
//! them what the program promised. Cut anywhere, it says what the disk may hold and what it must.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use uuid::Uuid;

/// One thing that happened. Files are numbered as they are made: a name can be given to another
/// file later.
pub enum Entry {
    Create {
        name: String,
        file: usize,
    },
    /// Also gives up the name.
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
    /// What was written to this file before is on the disk.
    Sync {
        file: usize,
    },
    /// A sync that failed: the system forgets what it had to write, and how much of that arrived
    /// nobody knows. The next sync succeeds without it.
    SyncFailed {
        file: usize,
    },
    /// Which names there are is on the disk.
    SyncFolder,
    /// The program said that this event, or this hook, is kept.
    Acknowledged(Uuid),
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    names: HashMap<String, usize>,
    files: usize,
}

/// The recording, and the faults that can be switched on while it runs.
#[derive(Default)]
pub struct Tape {
    inner: Mutex<Inner>,
    is_full: AtomicBool,
    full_while: Mutex<Option<PathBuf>>,
    refused: AtomicUsize,
    syncs_fail: AtomicBool,
    /// `synchronous` is weakened to `NORMAL` on its way into SQLite.
    pub is_normal: bool,
}

impl Tape {
    pub fn normal() -> Self {
        Self { is_normal: true, ..Self::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file is opened under a name: the one that has it, or a new one.
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

    /// Everything so far; the tape is empty then.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.inner().entries)
    }

    /// From now on (or no longer) there is no room on the disk.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    /// There is no room for as long as this file takes it; `None`: there is.
    pub fn set_full_while(&self, file: Option<PathBuf>) {
        *self.full_while.lock().unwrap() = file;
    }

    /// From now on (or no longer) syncs fail.
    pub fn set_syncs_fail(&self, fail: bool) {
        self.syncs_fail.store(fail, Ordering::SeqCst);
    }

    pub fn syncs_fail(&self) -> bool {
        self.syncs_fail.load(Ordering::SeqCst)
    }

    /// Asked for each write: is there no room for it?
    pub fn refuses(&self) -> bool {
        let is_taken = self.full_while.lock().unwrap().as_ref().is_some_and(|file| file.exists());
        let is_full = self.is_full.load(Ordering::SeqCst) || is_taken;
        self.refused.fetch_add(usize::from(is_full), Ordering::SeqCst);
        is_full
    }

    /// Writes that found no room.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}
