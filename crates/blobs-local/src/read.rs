use std::fmt;
use std::fs::Metadata;
use std::io::{self, SeekFrom};
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use crypt_keeper_domain::model::ObjectKey;
use crypt_keeper_domain::ports::ObjectInfo;
use futures_util::{Stream, stream};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::range::ByteRange;

/// Bytes read from the disk at a time: few enough to keep many downloads in memory, enough to make
/// the hop to a blocking thread cheap.
const CHUNK: usize = 256 * 1024;

/// An object opened for reading. A deletion meanwhile does not cut it short.
pub struct ObjectReader {
    file: File,
    info: ObjectInfo,
}

impl ObjectReader {
    pub(crate) fn new(file: std::fs::File, metadata: &Metadata) -> Self {
        Self {
            file: File::from_std(file),
            info: object_info(metadata),
        }
    }

    /// Size and entity tag.
    #[must_use]
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The bytes of the whole object, or of a part of it, in pieces of at most 256 KiB.
    ///
    /// # Errors
    /// The stream ends in an error if the disk fails, or the file ends before its length.
    pub fn into_stream(
        self,
        part: Option<ByteRange>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let start = part.map_or(0, ByteRange::first);
        let left = part.map_or(self.info.size, ByteRange::length);
        let state = (self.file, (start > 0).then_some(start), left);
        stream::try_unfold(state, |(mut file, seek, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            if let Some(start) = seek {
                file.seek(SeekFrom::Start(start)).await?;
            }
            let most = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let mut chunk = BytesMut::with_capacity(most);
            let mut limited = (&mut file).take(most as u64);
            if limited.read_buf(&mut chunk).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let left = left - chunk.len() as u64;
            Ok(Some((chunk.freeze(), (file, None, left))))
        })
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// Objects never change, so length and time of writing tell one from its successor of the same
/// name.
pub(crate) fn object_info(metadata: &Metadata) -> ObjectInfo {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    ObjectInfo {
        size: metadata.len(),
        etag: Some(format!("{:x}-{:x}", modified.as_nanos(), metadata.len())),
        version_id: None,
    }
}

/// For log lines: an object that was asked for and is not there.
pub(crate) fn log_miss(key: &ObjectKey) {
    tracing::debug!(%key, "no such object");
}
