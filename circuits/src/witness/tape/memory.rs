//! The wasm's memory while it is traced: bytes, and over them the field elements that have a node.

use std::collections::HashSet;

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};

use super::Unsupported;
use super::graph::{Graph, Id};

/// Bytes and words of a field element: a short form, flags, and four limbs.
pub const CELL_BYTES: u32 = 40;
const CELL_WORDS: usize = 10;
const PAGE_BYTES: usize = 1 << 16;
/// Pages of memory that a circuit may use: 2 GiB.
const MAX_PAGES: usize = 1 << 15;
const IS_LONG: u32 = 1 << 31;
const IS_MONTGOMERY: u32 = 1 << 30;

#[derive(Default)]
pub struct Memory {
    bytes: Vec<u8>,
    /// For every word, one more than the node of the element that starts there.
    cells: Vec<u32>,
    /// What was overwritten since the outermost fork.
    log: Vec<Change>,
    is_logging: bool,
}

/// What a place held before.
#[derive(Clone, Copy)]
pub enum Change {
    /// Word, and what `cells` had there.
    Cell(usize, u32),
    /// Address and byte.
    Byte(usize, u8),
}

impl Change {
    /// What is changed, without its state.
    pub fn place(&self) -> (bool, usize) {
        match *self {
            Self::Cell(word, _) => (true, word),
            Self::Byte(at, _) => (false, at),
        }
    }
}

const OUTSIDE: Unsupported = Unsupported("an address outside the memory");
const OVERLAP: Unsupported = Unsupported("the bytes of a field element are used otherwise");

impl Memory {
    pub fn pages(&self) -> usize {
        self.bytes.len() / PAGE_BYTES
    }

    pub fn grow(&mut self, pages: usize) -> Result<(), Unsupported> {
        let pages = self.pages().saturating_add(pages);
        if pages > MAX_PAGES {
            return Err(Unsupported("more memory than any circuit needs"));
        }
        self.bytes.resize(pages * PAGE_BYTES, 0);
        self.cells.resize(pages * PAGE_BYTES / 4, 0);
        Ok(())
    }

    pub fn init(&mut self, address: u32, bytes: &[u8]) -> Result<(), Unsupported> {
        let rest = self.bytes.get_mut(address as usize..).ok_or(OUTSIDE)?;
        rest.get_mut(..bytes.len())
            .ok_or(OUTSIDE)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// An integer of up to 8 bytes.
    pub fn load(&self, address: usize, size: usize) -> Result<u64, Unsupported> {
        let bytes = self.bytes.get(address..address + size).ok_or(OUTSIDE)?;
        if self.has_cell(
            (address / 4).saturating_sub(CELL_WORDS - 1),
            (address + size - 1) / 4,
        ) {
            return Err(OVERLAP);
        }
        let mut number = [0; 8];
        number[..size].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(number))
    }

    pub fn store(&mut self, address: usize, size: usize, value: u64) -> Result<(), Unsupported> {
        self.load(address, size)?;
        let bytes = &mut self.bytes[address..address + size];
        if self.is_logging {
            let old = (address..)
                .zip(bytes.iter())
                .map(|(at, &byte)| Change::Byte(at, byte));
            self.log.extend(old);
        }
        bytes.copy_from_slice(&value.to_le_bytes()[..size]);
        Ok(())
    }

    /// The element at an address.
    pub fn element(&self, address: u32, graph: &mut Graph) -> Result<Id, Unsupported> {
        let word = self.word(address)?;
        match self.cells[word] {
            0 if self.overlaps(word) => Err(OVERLAP),
            cell => self.held(word, cell, graph),
        }
    }

    /// The element of a word in which `cells` had this.
    pub fn held(&self, word: usize, cell: u32, graph: &mut Graph) -> Result<Id, Unsupported> {
        match cell {
            0 => Ok(graph.constant(self.initial(word * 4)?)),
            id => Ok(id - 1),
        }
    }

    pub fn set_element(&mut self, address: u32, id: Id) -> Result<(), Unsupported> {
        let word = self.word(address)?;
        if self.overlaps(word) {
            return Err(OVERLAP);
        }
        let old = std::mem::replace(&mut self.cells[word], id + 1);
        if self.is_logging {
            self.log.push(Change::Cell(word, old));
        }
        Ok(())
    }

    fn word(&self, address: u32) -> Result<usize, Unsupported> {
        let word = address as usize / 4;
        match address.is_multiple_of(4) && word + CELL_WORDS <= self.cells.len() {
            true => Ok(word),
            false => Err(OUTSIDE),
        }
    }

    /// Whether an element starts in some of the words.
    fn has_cell(&self, first: usize, last: usize) -> bool {
        self.cells[first..=last].iter().any(|cell| *cell != 0)
    }

    fn overlaps(&self, word: usize) -> bool {
        word > 0 && self.has_cell(word.saturating_sub(CELL_WORDS - 1), word - 1)
            || self.has_cell(word + 1, word + CELL_WORDS - 1)
    }

    /// The element that bytes stand for.
    fn initial(&self, at: usize) -> Result<Fr, Unsupported> {
        let word = |at: usize| {
            let bytes = self.bytes[at..].first_chunk().copied().unwrap_or_default();
            u32::from_le_bytes(bytes)
        };
        let flags = word(at + 4);
        if flags & IS_LONG == 0 {
            return Ok(Fr::from(word(at) as i32));
        }
        let limb = |i| u64::from(word(at + 8 + 8 * i)) | u64::from(word(at + 12 + 8 * i)) << 32;
        let integer = BigInt(std::array::from_fn(limb));
        let value = Fr::from_bigint(integer).ok_or(Unsupported("an unreduced constant"))?;
        Ok(match flags & IS_MONTGOMERY {
            0 => value,
            _ => Fr::new_unchecked(integer),
        })
    }

    /// Starts to log, and gives the place in the log.
    pub fn mark(&mut self) -> usize {
        self.is_logging = true;
        self.log.len()
    }

    /// What was changed since a mark, each place once, with what it held then.
    pub fn changes(&self, mark: usize) -> Vec<Change> {
        let mut seen = HashSet::new();
        let is_first = |change: &&Change| seen.insert(change.place());
        self.log[mark..].iter().filter(is_first).copied().collect()
    }

    /// The present state of a place.
    pub fn present(&self, change: Change) -> Change {
        match change {
            Change::Cell(word, _) => Change::Cell(word, self.cells[word]),
            Change::Byte(at, _) => Change::Byte(at, self.bytes[at]),
        }
    }

    pub fn roll_back(&mut self, mark: usize) {
        while self.log.len() > mark {
            match self.log.pop() {
                Some(Change::Cell(word, old)) => self.cells[word] = old,
                Some(Change::Byte(at, old)) => self.bytes[at] = old,
                None => {}
            }
        }
    }

    /// Forgets the log: no fork is open.
    pub fn end_log(&mut self) {
        self.log.clear();
        self.is_logging = false;
    }
}
