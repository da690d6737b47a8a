//! A write-ahead journal: what is appended is on disk before it is acknowledged, and read back in order, each once.
//!
//! It is a folder of segments `journal-<number of its first frame>.log`. A frame is what was made durable together:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | length of the payload |
//! | 8 | number of the frame, counted from 0 over all segments |
//! | 4 | CRC-32 of the payload |
//! | 4 | CRC-32 of the 16 bytes before |
//! | length | payload |
//!
//! All little-endian. Nothing is written behind a frame before it is on disk. So a broken frame with nothing behind it was never
//! acknowledged (the machine stopped while it was written) and is cut off; one with a good frame behind it, or in a segment that is not
//! the last, is damage: opening refuses and names the place. A last frame that rots after it was written can't be told from one
//! that was never finished.

mod segment;

use segment::{HEADER_BYTES, Segment};
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Longest payload of a frame, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;
/// A new segment begins when the last one is at least this long, in bytes.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Why a journal was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("{path}: frame {frame} at byte {offset} is damaged, and frames behind it are not")]
    Damaged {
        path: String,
        frame: u64,
        offset: u64,
    },
    #[error("{path}: frame {expected} is missing; the next is {found}")]
    Gap {
        path: String,
        expected: u64,
        found: u64,
    },
    #[error("a payload of {bytes} bytes exceeds {MAX_PAYLOAD_BYTES}")]
    TooLong { bytes: usize },
    #[error("{path}: another process has this journal open")]
    Locked { path: String },
    #[error("the journal failed before and takes nothing more; open it again")]
    Failed,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    segments: Vec<Segment>,
    file: File,
    next: u64,
    segment_bytes: u64,
    /// Set by a failed write: what is on disk then is not known, and a later success would hide it.
    failed: bool,
    /// Held until the journal is dropped.
    _lock: File,
}

/// One frame as it was read back.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub number: u64,
    pub payload: Vec<u8>,
}

impl Journal {
    /// Opens the journal in `folder`, which is made if it is not there, and hands every frame from number `from` on to `replay`. A torn
    /// tail is cut off.
    ///
    /// # Errors
    /// A frame is damaged or missing, another process has it open, the disk fails, or `replay` says so.
    pub fn open<E: From<JournalError>>(
        folder: &Path,
        from: u64,
        segment_bytes: u64,
        mut replay: impl FnMut(Frame) -> Result<(), E>,
    ) -> Result<Self, E> {
        fs::create_dir_all(folder).map_err(|source| error(folder, source))?;
        let lock = lock(folder)?;
        let mut segments = Segment::list(folder)?;
        let mut next = segments.first().map_or(from, |segment| segment.first);
        if next > from {
            let (path, found) = (name(folder), next);
            let expected = from;
            Err(JournalError::Gap {
                path,
                expected,
                found,
            })?;
        }
        let last = segments.len().saturating_sub(1);
        for (position, segment) in segments.iter_mut().enumerate() {
            if segment.first != next {
                Err(JournalError::Gap {
                    path: name(&segment.path),
                    expected: next,
                    found: segment.first,
                })?;
            }
            next = segment.replay(position == last, |frame| match frame.number < from {
                true => Ok(()),
                false => replay(frame),
            })?;
        }
        if next < from {
            // Everything that the journal holds is older than what the caller has: a checkpoint was made and the tail lost with the disk.
            Err(JournalError::Gap {
                path: name(folder),
                expected: from,
                found: next,
            })?;
        }
        if segments.is_empty() {
            segments.push(Segment::create(folder, next)?);
        }
        let file = segments[segments.len() - 1].append()?;
        Ok(Self {
            folder: folder.into(),
            segments,
            file,
            next,
            segment_bytes,
            failed: false,
            _lock: lock,
        })
    }

    /// Number of the next frame.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether it takes frames.
    ///
    /// # Errors
    /// A write failed before.
    pub fn check(&self) -> Result<(), JournalError> {
        match self.failed {
            true => Err(JournalError::Failed),
            false => Ok(()),
        }
    }

    /// Writes a frame and waits until it is on disk; gives its number. After an error nothing more is taken.
    pub fn append(&mut self, payload: &[u8]) -> Result<u64, JournalError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(JournalError::TooLong {
                bytes: payload.len(),
            });
        }
        self.check()?;
        let written = self.write(payload);
        self.failed = written.is_err();
        written
    }

    fn write(&mut self, payload: &[u8]) -> Result<u64, JournalError> {
        let number = self.next;
        let last = self.segments.len() - 1;
        if self.segments[last].bytes >= self.segment_bytes {
            let segment = Segment::create(&self.folder, number)?;
            self.file = segment.append()?;
            self.segments.push(segment);
        }
        let last = self.segments.len() - 1;
        let segment = &mut self.segments[last];
        let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
        frame.extend(segment::header(number, payload));
        frame.extend(payload);
        let write = |mut file: &File| {
            file.write_all(&frame)?;
            file.sync_data()
        };
        write(&self.file).map_err(|source| error(&segment.path, source))?;
        segment.bytes += frame.len() as u64;
        self.next += 1;
        Ok(number)
    }

    /// Reads frames again.
    pub fn frames(&self, numbers: Range<u64>) -> Result<Vec<Frame>, JournalError> {
        let ends = self.segments.iter().skip(1).map(|segment| segment.first);
        let ends = ends.chain([self.next]);
        let holds =
            |(segment, end): &(&Segment, u64)| segment.first < numbers.end && *end > numbers.start;
        let mut frames = Vec::new();
        for (segment, _) in self.segments.iter().zip(ends).filter(holds) {
            segment.frames(|frame| frames.push(frame))?;
        }
        frames.retain(|frame| numbers.contains(&frame.number));
        Ok(frames)
    }

    /// Deletes the segments that hold no frame from `number` on.
    pub fn prune(&mut self, number: u64) -> Result<(), JournalError> {
        let ends = self.segments.iter().skip(1).map(|segment| segment.first);
        let old = ends.take_while(|end| *end <= number).count();
        for segment in self.segments.drain(..old) {
            fs::remove_file(&segment.path).map_err(|source| error(&segment.path, source))?;
        }
        sync_folder(&self.folder)
    }

    /// Length of all segments, in bytes.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// One process at a time; the kernel lets go of the lock when the process ends, however it does.
fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|source| error(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::Locked { path: name(folder) }),
        Err(fs::TryLockError::Error(source)) => Err(error(&path, source)),
    }
}

fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(|source| error(folder, source))
}

fn error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io {
        path: name(path),
        source,
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
