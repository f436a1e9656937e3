//! The journal of the durable relay: appends records to a file and syncs it before it acknowledges
//! them. Records that arrive during a sync share the next one (group commit), as in a write-ahead
//! log.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::Outcome;

/// A record, and the channel that reports when it is on disk.
type Entry = (Bytes, oneshot::Sender<bool>);

/// A handle to the writer thread. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Sender<Entry>);

impl Journal {
    pub fn create(path: &Path) -> Outcome<Self> {
        let file = File::create(path)?;
        let (sender, entries) = channel();
        std::thread::spawn(move || write(file, &entries));
        Ok(Self(sender))
    }

    /// Returns after the record was synced; `false` if that failed.
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
            // The caller may have been cancelled.
            let _gone = done.send(is_synced);
        }
    }
}
