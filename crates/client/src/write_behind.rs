//! A file that goes to the disk while it is written: at its end little is left to wait for.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// Bytes after which the disk is sent to work. Fewer would cost a journal's commit too often, more
/// would leave more to the end.
const STRETCH: u64 = 32 << 20;

/// Writes to a file, and syncs what was written, a stretch at a time, on a thread of its own.
///
/// Memory stays flat: the data waits in the operating system's cache, as it would without.
#[derive(Debug)]
pub(crate) struct WriteBehind {
    file: Arc<File>,
    since_sync: u64,
    /// Present from the first full stretch on: a small file needs no thread.
    syncing: Option<Syncing>,
}

#[derive(Debug)]
struct Syncing {
    wake: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Syncing {
    /// Waits until the thread has done what it was woken for.
    fn end(self) -> io::Result<()> {
        drop(self.wake);
        self.thread
            .join()
            .map_err(|_| io::Error::other("the thread that syncs the file has died"))?
    }
}

impl WriteBehind {
    pub(crate) fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            since_sync: 0,
            syncing: None,
        }
    }

    /// Waits until the syncs on their way are done, and hands the file back for the last one.
    ///
    /// # Errors
    /// Whatever a sync met: the operating system reports a lost write once only, and the last sync
    /// would not hear of it again.
    pub(crate) fn finish(self) -> io::Result<File> {
        self.syncing.map_or(Ok(()), Syncing::end)?;
        Arc::try_unwrap(self.file).map_err(|_| io::Error::other("the file is still being synced"))
    }

    fn sync_soon(&mut self) -> io::Result<()> {
        let syncing = match &self.syncing {
            Some(syncing) => syncing,
            None => {
                let (wake, woken) = sync_channel(1);
                let file = Arc::clone(&self.file);
                let thread = thread::Builder::new()
                    .name("sync".to_owned())
                    .spawn(move || sync_when(&woken, &file))?;
                self.syncing.insert(Syncing { wake, thread })
            }
        };
        match syncing.wake.try_send(()) {
            // One is waiting already, and takes these bytes with it.
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            // It ended early: a sync has failed, and its end says why.
            Err(TrySendError::Disconnected(())) => self.syncing.take().map_or(Ok(()), Syncing::end),
        }
    }
}

impl Write for WriteBehind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = (&*self.file).write(bytes)?;
        self.since_sync += written as u64;
        if self.since_sync >= STRETCH {
            self.since_sync = 0;
            self.sync_soon()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.file).flush()
    }
}

fn sync_when(woken: &Receiver<()>, file: &File) -> io::Result<()> {
    while woken.recv().is_ok() {
        file.sync_data()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _};

    #[test]
    fn every_byte_arrives_whatever_is_synced_meanwhile() {
        let mut behind = WriteBehind::new(tempfile::tempfile().unwrap());
        let block: Vec<u8> = (0..3 << 20).map(|i: u32| (i % 251) as u8).collect();
        let blocks = usize::try_from(STRETCH).unwrap() * 2 / block.len() + 1;
        for _ in 0..blocks {
            behind.write_all(&block).unwrap();
        }
        assert!(behind.syncing.is_some());
        let mut file = behind.finish().unwrap();
        file.rewind().unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read.len(), blocks * block.len());
        assert!(read.chunks(block.len()).all(|found| found == block));
    }

    #[test]
    fn a_small_file_needs_no_thread() {
        let mut behind = WriteBehind::new(tempfile::tempfile().unwrap());
        behind.write_all(b"small").unwrap();
        assert!(behind.syncing.is_none());
        behind.finish().unwrap();
    }

    /// `/dev/null` takes every byte and refuses to be synced.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_sync_that_failed_on_the_way_is_told() {
        let null = File::options().write(true).open("/dev/null").unwrap();
        let mut behind = WriteBehind::new(null);
        let stretch = vec![0; usize::try_from(STRETCH).unwrap()];
        let told = behind
            .write_all(&stretch)
            .and_then(|()| behind.finish().map(|_| ()));
        assert_eq!(told.unwrap_err().kind(), io::ErrorKind::InvalidInput);

        // Also if writing goes on: the next stretch hears of it, at the latest.
        let null = File::options().write(true).open("/dev/null").unwrap();
        let mut behind = WriteBehind::new(null);
        let told = loop {
            if let Err(error) = behind.write_all(&stretch) {
                break error;
            }
        };
        assert_eq!(told.kind(), io::ErrorKind::InvalidInput);
    }
}
