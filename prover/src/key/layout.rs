//! Where everything lies in a `.zkey` file.
//!
//! Format: iden3 binary file, version 1; sections 1 to 10 as snarkjs' `zkey_utils` writes them.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ff::{BigInteger, PrimeField};

use super::{KeyError, Point};

const GROTH16: u32 = 1;
const FIELD_BYTES: usize = 32;
/// Matrix, row, wire, and the coefficient.
pub(crate) const COEFFICIENT_BYTES: usize = 12 + FIELD_BYTES;
/// The odd points of a domain of twice the size must exist, and the scalar field's 2-adicity is 28.
pub(crate) const MAX_DOMAIN: usize = 1 << 27;
const MAX_WIRES: usize = 1 << 28;
const NUM_SECTIONS: usize = 10;
/// More sections than any tool writes.
const MAX_SECTIONS: u32 = 32;

/// A section of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Protocol = 1,
    Header = 2,
    Ic = 3,
    Coefficients = 4,
    A = 5,
    B1 = 6,
    B2 = 7,
    C = 8,
    H = 9,
    Contributions = 10,
}

impl Section {
    /// Every section, in the order of their numbers.
    pub(crate) const ALL: [Self; NUM_SECTIONS] = [
        Self::Protocol,
        Self::Header,
        Self::Ic,
        Self::Coefficients,
        Self::A,
        Self::B1,
        Self::B2,
        Self::C,
        Self::H,
        Self::Contributions,
    ];

    fn from_number(number: u32) -> Option<Self> {
        let known = Self::ALL.into_iter();
        known.into_iter().find(|section| *section as u32 == number)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{} ({self:?})", *self as u32)
    }
}

/// Counts and single points of a key.
#[derive(Clone, Debug)]
pub struct Header {
    /// Values of a witness, the leading one included.
    pub num_wires: usize,
    /// Public values, the leading one not included.
    pub num_public: usize,
    /// Size of the evaluation domain, a power of two.
    pub domain_size: usize,
    pub alpha_g1: G1Affine,
    pub beta_g1: G1Affine,
    pub beta_g2: G2Affine,
    pub gamma_g2: G2Affine,
    pub delta_g1: G1Affine,
    pub delta_g2: G2Affine,
}

/// Bytes of each section.
pub(crate) struct Sections([Range<usize>; NUM_SECTIONS]);

impl Sections {
    pub(crate) fn range(&self, section: Section) -> Range<usize> {
        self.0[section as usize - 1].clone()
    }
}

/// Finds and measures every section.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<(Header, Sections), KeyError> {
    let format = |reason: &str| KeyError::Format {
        path: path.to_owned(),
        reason: reason.into(),
    };
    let refuse = |section, reason: String| KeyError::Section {
        path: path.to_owned(),
        section,
        reason,
    };
    let sections = find(bytes).map_err(|reason| format(&reason))?;
    if bytes[sections.range(Section::Protocol)] != GROTH16.to_le_bytes() {
        return Err(refuse(Section::Protocol, "another proof system".into()));
    }
    let header = header(&bytes[sections.range(Section::Header)])
        .map_err(|reason| refuse(Section::Header, reason.into()))?;
    for section in Section::ALL {
        let found = sections.range(section).len();
        if !fits(section, found, &header) {
            return Err(refuse(
                section,
                format!("{found} bytes do not fit the header"),
            ));
        }
    }
    Ok((header, sections))
}

fn find(bytes: &[u8]) -> Result<Sections, String> {
    let mut reader = Reader { bytes, position: 0 };
    let (magic, version) = (reader.take(4)?, reader.u32()?);
    if bytes[magic] != *b"zkey" || version != 1 {
        return Err("no zkey file of version 1".into());
    }
    let count = reader.u32()?;
    if count > MAX_SECTIONS {
        return Err(format!("{count} sections"));
    }
    let mut found: [Option<Range<usize>>; NUM_SECTIONS] = Default::default();
    for _ in 0..count {
        let (number, size) = (reader.u32()?, reader.u64()?);
        let size = usize::try_from(size).map_err(|_| "a section is too long".to_owned())?;
        let range = reader.take(size)?;
        let Some(section) = Section::from_number(number) else {
            continue;
        };
        if found[section as usize - 1].replace(range).is_some() {
            return Err(format!("section {section} occurs twice"));
        }
    }
    if reader.position != bytes.len() {
        return Err("bytes follow the last section".into());
    }
    let mut ranges = Vec::new();
    for section in Section::ALL {
        let range = found[section as usize - 1].take();
        ranges.push(range.ok_or_else(|| format!("section {section} is missing"))?);
    }
    let ranges = ranges.try_into();
    ranges
        .map(Sections)
        .map_err(|_| "sections are missing".into())
}

/// Whether a section has the size that the header's counts demand.
fn fits(section: Section, size: usize, header: &Header) -> bool {
    let private = header.num_wires - header.num_public - 1;
    let points = |count: usize, bytes: usize| size == count * bytes;
    match section {
        Section::Protocol => size == 4,
        Section::Header => true,
        Section::Ic => points(header.num_public + 1, G1Affine::BYTES),
        Section::Coefficients => size >= 4 && (size - 4).is_multiple_of(COEFFICIENT_BYTES),
        Section::A | Section::B1 => points(header.num_wires, G1Affine::BYTES),
        Section::B2 => points(header.num_wires, G2Affine::BYTES),
        Section::C => points(private, G1Affine::BYTES),
        Section::H => points(header.domain_size, G1Affine::BYTES),
        Section::Contributions => size >= 68,
    }
}

fn header(bytes: &[u8]) -> Result<Header, &'static str> {
    let mut reader = Reader { bytes, position: 0 };
    let mut field = |modulus: Vec<u8>| {
        let size = reader.u32()? as usize;
        let found = (size == FIELD_BYTES).then(|| reader.take(FIELD_BYTES));
        match found.transpose()? {
            Some(range) if bytes[range.clone()] == modulus => Ok(()),
            _ => Err("another curve".to_owned()),
        }
    };
    let fields = field(Fq::MODULUS.to_bytes_le()).and_then(|()| field(Fr::MODULUS.to_bytes_le()));
    fields.map_err(|_| "another curve than BN254")?;
    counts_and_points(&mut reader)
        .map_err(|_| "it is truncated")?
        .checked(reader)
}

fn counts_and_points(reader: &mut Reader) -> Result<Header, String> {
    Ok(Header {
        num_wires: reader.u32()? as usize,
        num_public: reader.u32()? as usize,
        domain_size: reader.u32()? as usize,
        alpha_g1: reader.point()?,
        beta_g1: reader.point()?,
        beta_g2: reader.point()?,
        gamma_g2: reader.point()?,
        delta_g1: reader.point()?,
        delta_g2: reader.point()?,
    })
}

impl Header {
    fn checked(self, reader: Reader) -> Result<Self, &'static str> {
        if reader.position != reader.bytes.len() {
            return Err("it is too long");
        }
        if self.num_public >= self.num_wires || self.num_wires > MAX_WIRES {
            return Err("impossible number of wires");
        }
        let domain = self.domain_size;
        if !domain.is_power_of_two() || domain > MAX_DOMAIN || domain <= self.num_public {
            return Err("impossible domain");
        }
        Ok(self)
    }
}

/// Takes values off the front of a slice, never past its end.
struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<Range<usize>, String> {
        let end = self.position.checked_add(count);
        let end = end.filter(|&end| end <= self.bytes.len());
        let end = end.ok_or("it is truncated")?;
        Ok(std::mem::replace(&mut self.position, end)..end)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let range = self.take(N)?;
        let chunk = self.bytes[range].first_chunk();
        chunk.copied().ok_or_else(|| "it is truncated".into())
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn point<P: Point>(&mut self) -> Result<P, String> {
        let range = self.take(P::BYTES)?;
        Ok(P::decode(&self.bytes[range]))
    }
}
