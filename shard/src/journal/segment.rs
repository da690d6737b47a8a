//! One file of a journal.

use super::{Frame, JournalError, MAX_PAYLOAD_BYTES, error, name, sync_folder};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

/// Length of a frame's header, in bytes.
pub const HEADER_BYTES: usize = 20;
const PREFIX: &str = "journal-";
const SUFFIX: &str = ".log";

#[derive(Debug)]
pub struct Segment {
    pub path: PathBuf,
    /// Number of its first frame.
    pub first: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy)]
struct Header {
    bytes: usize,
    number: u64,
    checksum: u32,
}

impl Segment {
    /// Segments of a folder by their first frame.
    pub fn list(folder: &Path) -> Result<Vec<Self>, JournalError> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(folder).map_err(|source| error(folder, source))? {
            let path = entry.map_err(|source| error(folder, source))?.path();
            if let Some(first) = first_frame(&path) {
                let bytes = fs::metadata(&path)
                    .map_err(|source| error(&path, source))?
                    .len();
                segments.push(Self { path, first, bytes });
            }
        }
        segments.sort_by_key(|segment| segment.first);
        Ok(segments)
    }

    /// An empty segment whose name is on disk when this returns.
    pub fn create(folder: &Path, first: u64) -> Result<Self, JournalError> {
        let path = folder.join(format!("{PREFIX}{first:016x}{SUFFIX}"));
        let create = || File::create_new(&path)?.sync_all();
        create().map_err(|source| error(&path, source))?;
        sync_folder(folder)?;
        Ok(Self {
            path,
            first,
            bytes: 0,
        })
    }

    pub fn append(&self) -> Result<File, JournalError> {
        let file = OpenOptions::new().append(true).open(&self.path);
        file.map_err(|source| error(&self.path, source))
    }

    /// Hands on its frames; gives the number of the frame after them. The torn tail of the last segment is cut off.
    pub fn replay<E: From<JournalError>>(
        &mut self,
        is_last: bool,
        take: impl FnMut(Frame) -> Result<(), E>,
    ) -> Result<u64, E> {
        let bytes = fs::read(&self.path).map_err(|source| error(&self.path, source))?;
        let (offset, next) = walk(&bytes, self.first, take)?;
        if offset == bytes.len() {
            return Ok(next);
        }
        if !is_last || continues(&bytes, offset, next) {
            Err(self.damaged(next, offset))?;
        }
        self.cut(offset as u64)?;
        Ok(next)
    }

    /// Hands on its frames; all of them must be whole.
    pub fn frames(&self, mut take: impl FnMut(Frame)) -> Result<(), JournalError> {
        let bytes = fs::read(&self.path).map_err(|source| error(&self.path, source))?;
        let take = |frame| {
            take(frame);
            Ok::<_, JournalError>(())
        };
        let (offset, next) = walk(&bytes, self.first, take)?;
        match offset == bytes.len() {
            true => Ok(()),
            false => Err(self.damaged(next, offset)),
        }
    }

    fn damaged(&self, frame: u64, offset: usize) -> JournalError {
        JournalError::Damaged {
            path: name(&self.path),
            frame,
            offset: offset as u64,
        }
    }

    fn cut(&mut self, bytes: u64) -> Result<(), JournalError> {
        let cut = || {
            let file = OpenOptions::new().write(true).open(&self.path)?;
            file.set_len(bytes)?;
            file.sync_all()
        };
        cut().map_err(|source| error(&self.path, source))?;
        self.bytes = bytes;
        Ok(())
    }
}

/// The header of a frame.
pub fn header(number: u64, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[4..12].copy_from_slice(&number.to_le_bytes());
    header[12..16].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let checksum = crc32fast::hash(&header[..16]);
    header[16..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Hands on frames numbered from `next` up to the first broken one; gives where it is and its number.
fn walk<E>(
    bytes: &[u8],
    mut next: u64,
    mut take: impl FnMut(Frame) -> Result<(), E>,
) -> Result<(usize, u64), E> {
    let mut offset = 0;
    while let Some((number, payload)) = frame_at(bytes, offset).filter(|frame| frame.0 == next) {
        let payload = payload.to_vec();
        offset += HEADER_BYTES + payload.len();
        take(Frame { number, payload })?;
        next += 1;
    }
    Ok((offset, next))
}

/// Number and payload of a whole frame.
fn frame_at(bytes: &[u8], offset: usize) -> Option<(u64, &[u8])> {
    let header = parse(bytes.get(offset..offset + HEADER_BYTES)?)?;
    let start = offset + HEADER_BYTES;
    let payload = bytes.get(start..start + header.bytes)?;
    (crc32fast::hash(payload) == header.checksum).then_some((header.number, payload))
}

/// A header that is whole.
fn parse(bytes: &[u8]) -> Option<Header> {
    let number = |range: std::ops::Range<usize>| {
        let mut value = [0; 8];
        value[..range.len()].copy_from_slice(&bytes[range]);
        u64::from_le_bytes(value)
    };
    let length = number(0..4) as usize;
    let whole = u64::from(crc32fast::hash(&bytes[..16])) == number(16..20);
    (whole && length <= MAX_PAYLOAD_BYTES).then(|| Header {
        bytes: length,
        number: number(4..12),
        checksum: number(12..16) as u32,
    })
}

/// Whether any frame from `next` on stands behind a broken one.
fn continues(bytes: &[u8], offset: usize, next: u64) -> bool {
    let follows = |offset| frame_at(bytes, offset).is_some_and(|(number, _)| number >= next);
    (offset + 1..bytes.len()).any(follows)
}

fn first_frame(path: &Path) -> Option<u64> {
    let digits = path
        .file_name()?
        .to_str()?
        .strip_prefix(PREFIX)?
        .strip_suffix(SUFFIX)?;
    u64::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() == 16)
}
