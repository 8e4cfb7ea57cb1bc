//! Reading a blob in bounded memory, near to what `sendfile` would cost.
//!
//! What the page cache has is copied on the thread that asks, because handing it to another costs more than the copy.
//! What it does not have is read on the blocking pool, one chunk ahead.

mod buffer;

use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures_util::Stream;
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::metrics::Reads;
use crate::{Error, Result};
use buffer::{Buffer, Buffers};

/// How many bytes the first chunk of a stream has; each after it twice as many as the one before.
const FIRST_CHUNK: usize = 256 * 1024;
/// How many bytes a chunk has at most, unless its reader wants smaller ones.
const LARGEST_CHUNK: usize = 1024 * 1024;

/// An open blob.
pub struct Reader {
    file: Arc<File>,
    len: u64,
    reads: Option<Reads>,
}

impl Reader {
    /// A reader of a file that holds a blob.
    pub(crate) fn new(file: File) -> Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), len, reads: None })
    }

    /// The same, of which every read is measured.
    pub(crate) fn measured(self, reads: Reads) -> Self {
        Self { reads: Some(reads), ..self }
    }

    /// The blob's length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes of `range`. It must be polled within a runtime. A range beyond the end ends in an error.
    pub fn stream(&self, range: Range<u64>) -> BlobStream {
        BlobStream {
            file: Arc::clone(&self.file),
            range,
            size: FIRST_CHUNK,
            largest: LARGEST_CHUNK,
            buffers: Buffers::default(),
            ahead: None,
            probing: Probing::Works,
            reads: self.reads.clone(),
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Some bytes of a blob, in chunks. Ends with the first error.
pub struct BlobStream {
    file: Arc<File>,
    /// What is still to be handed out.
    range: Range<u64>,
    size: usize,
    largest: usize,
    buffers: Buffers,
    ahead: Option<JoinHandle<Result<Chunk>>>,
    probing: Probing,
    reads: Option<Reads>,
}

/// Whether the file system can say what the page cache has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probing {
    Works,
    Unsupported,
}

/// How much of a read the page cache could do.
enum Cached {
    Bytes(usize),
    Nothing,
    Unknown,
}

/// What was read on the blocking pool.
struct Chunk {
    buffer: Buffer,
    temperature: Temperature,
}

/// Where a chunk came from: after one from the disk, the next probably lies there too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temperature {
    Warm,
    Cold,
}

impl BlobStream {
    /// The same in chunks of at most so many bytes, for who has many streams and must keep little of each.
    #[must_use]
    pub fn in_chunks_of(mut self, largest: usize) -> Self {
        self.largest = largest.clamp(1, LARGEST_CHUNK);
        self.size = self.size.min(self.largest);
        self
    }

    /// An empty buffer for the next chunk.
    fn next_buffer(&mut self) -> Buffer {
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        let buffer = self.buffers.take(self.size.min(left));
        self.size = (self.size * 2).min(self.largest);
        buffer
    }

    /// Reads what the page cache has of `buffer`'s part, without waiting for the disk.
    fn read_cached(&mut self, buffer: &mut Buffer) -> Result<Option<usize>> {
        if self.probing == Probing::Unsupported {
            return Ok(None);
        }
        match read_cached(&self.file, buffer.space(), self.range.start)? {
            Cached::Bytes(count) => Ok(Some(count)),
            Cached::Nothing => Ok(None),
            Cached::Unknown => {
                self.probing = Probing::Unsupported;
                Ok(None)
            }
        }
    }

    fn read_on_pool(&mut self, buffer: Buffer) {
        let (file, offset) = (Arc::clone(&self.file), self.range.start);
        let reads = self.reads.clone();
        self.ahead = Some(spawn_blocking(move || {
            let begun = Instant::now();
            let chunk = read_chunk(&file, buffer, offset)?;
            match (reads, chunk.temperature) {
                (Some(reads), Temperature::Warm) => reads.warm(),
                (Some(reads), Temperature::Cold) => reads.cold(begun.elapsed()),
                (None, _) => {}
            }
            Ok(chunk)
        }));
    }

    fn hand_out(&mut self, buffer: Buffer) -> Bytes {
        self.range.start += buffer.as_ref().len() as u64;
        Bytes::from_owner(buffer)
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        if self.ahead.is_none() {
            if self.range.is_empty() {
                return Poll::Ready(Ok(None));
            }
            let mut buffer = self.next_buffer();
            if let Some(count) = self.read_cached(&mut buffer)? {
                buffer.fill(count);
                if let Some(reads) = &self.reads {
                    reads.warm();
                }
                return Poll::Ready(Ok(Some(self.hand_out(buffer))));
            }
            self.read_on_pool(buffer);
        }
        let Some(task) = &mut self.ahead else { return Poll::Ready(Ok(None)) };
        let read = ready!(Pin::new(task).poll(context));
        self.ahead = None;
        let chunk = read??;
        let bytes = self.hand_out(chunk.buffer);
        if chunk.temperature == Temperature::Cold && !self.range.is_empty() {
            let buffer = self.next_buffer();
            self.read_on_pool(buffer);
        }
        Poll::Ready(Ok(Some(bytes)))
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let chunk = ready!(self.poll_chunk(context));
        if chunk.is_err() {
            self.range.start = self.range.end;
        }
        Poll::Ready(chunk.transpose())
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream").field("range", &self.range).finish_non_exhaustive()
    }
}

fn read_cached(file: &File, space: &mut [u8], offset: u64) -> Result<Cached> {
    let mut slices = [IoSliceMut::new(space)];
    match rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
        Ok(0) => Err(cut_short()),
        Ok(count) => Ok(Cached::Bytes(count)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Cached::Nothing),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(Cached::Unknown),
        Err(error) => Err(error.into()),
    }
}

/// Fills `buffer` with what lies at `offset`, from wherever it has to come.
fn read_chunk(file: &File, mut buffer: Buffer, offset: u64) -> Result<Chunk> {
    let space = buffer.space();
    let wanted = space.len();
    let cached = match read_cached(file, space, offset)? {
        Cached::Bytes(count) => count,
        Cached::Nothing | Cached::Unknown => 0,
    };
    file.read_exact_at(&mut space[cached..], offset + cached as u64).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_short(),
        _ => error.into(),
    })?;
    buffer.fill(wanted);
    let temperature = if cached == wanted { Temperature::Warm } else { Temperature::Cold };
    Ok(Chunk { buffer, temperature })
}

fn cut_short() -> Error {
    Error::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "a blob is shorter than it should be"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::TryStreamExt as _;
    use rustix::fs::{Advice, fadvise};

    use super::*;

    /// A reader of bytes that differ from chunk to chunk, and those bytes.
    fn reader() -> (Reader, Vec<u8>) {
        let bytes: Vec<u8> = (0..1_200_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.sync_all().unwrap();
        (Reader::new(file).unwrap(), bytes)
    }

    async fn rest(stream: BlobStream) -> Vec<u8> {
        stream.try_collect::<Vec<_>>().await.unwrap().concat()
    }

    #[tokio::test]
    async fn what_the_page_cache_lost_is_read_from_the_disk() {
        let (reader, bytes) = reader();
        fadvise(&reader.file, 0, None, Advice::DontNeed).unwrap();
        assert!(rest(reader.stream(3..reader.len())).await == bytes[3..]);
        // Only the middle is lost, so that the stream changes its way twice.
        let middle = std::num::NonZeroU64::new(1_000_000);
        fadvise(&reader.file, 2_000_000, middle, Advice::DontNeed).unwrap();
        assert!(rest(reader.stream(0..reader.len())).await == bytes);
    }

    #[tokio::test]
    async fn a_file_system_that_cannot_tell_is_read_on_the_pool() {
        let (reader, bytes) = reader();
        let mut stream = reader.stream(0..reader.len());
        stream.probing = Probing::Unsupported;
        assert!(rest(stream).await == bytes);
        let mut beyond = reader.stream(0..reader.len() + 1);
        beyond.probing = Probing::Unsupported;
        let error = beyond.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::UnexpectedEof), "{error:?}");
    }

    #[tokio::test]
    async fn chunks_are_as_small_as_was_asked_for() {
        let (reader, bytes) = reader();
        for probing in [Probing::Works, Probing::Unsupported] {
            let mut stream = reader.stream(0..reader.len()).in_chunks_of(64 * 1024);
            stream.probing = probing;
            let chunks = stream.try_collect::<Vec<_>>().await.unwrap();
            assert!(chunks.iter().all(|chunk| chunk.len() <= 64 * 1024));
            assert!(chunks.concat() == bytes);
        }
    }

    #[tokio::test]
    async fn a_cold_chunk_is_followed_by_one_read_ahead_and_no_more() {
        let (reader, bytes) = reader();
        fadvise(&reader.file, 0, None, Advice::DontNeed).unwrap();
        let mut stream = reader.stream(0..reader.len());
        stream.probing = Probing::Unsupported;
        let first = futures_util::StreamExt::next(&mut stream).await.unwrap().unwrap();
        assert_eq!(first.len(), FIRST_CHUNK);
        let ahead = stream.ahead.take().unwrap().await.unwrap().unwrap();
        let ahead = ahead.buffer.as_ref();
        assert!(ahead == &bytes[FIRST_CHUNK..FIRST_CHUNK + ahead.len()]);
        assert_eq!(stream.range.start, FIRST_CHUNK as u64);
    }
}
