//! What a relay must do at least to keep what it took: append it to a file and sync that before it
//! answers. Records that come while a sync is under way share the next one (group commit), as with
//! any write-ahead log.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::Outcome;

/// A record, and who waits until it is on disk.
type Entry = (Bytes, oneshot::Sender<bool>);

/// The way to the writing thread; cheap to clone.
#[derive(Clone)]
pub struct Journal(Sender<Entry>);

impl Journal {
    pub fn create(path: &Path) -> Outcome<Self> {
        let file = File::create(path)?;
        let (sender, entries) = channel();
        std::thread::spawn(move || write(file, &entries));
        Ok(Self(sender))
    }

    /// Returns once the record is on disk; false when it is not.
    pub async fn append(&self, record: Bytes) -> bool {
        let (done, synced) = oneshot::channel();
        self.0.send((record, done)).is_ok() && synced.await.unwrap_or(false)
    }
}

fn write(mut file: File, entries: &Receiver<Entry>) {
    let (mut bytes, mut waiting) = (Vec::new(), Vec::new());
    while let Ok(first) = entries.recv() {
        for (record, done) in std::iter::once(first).chain(entries.try_iter()) {
            bytes.extend_from_slice(&(record.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&record);
            waiting.push(done);
        }
        let is_synced = file.write_all(&bytes).and_then(|()| file.sync_data()).is_ok();
        bytes.clear();
        for done in waiting.drain(..) {
            // Who asked may be gone.
            let _gone = done.send(is_synced);
        }
    }
}
