//! The cards of a machine.

use std::fmt;
use std::str::FromStr;

/// The UUID by which the driver names a card; it outlives reboots and reordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CardId(pub [u8; 16]);

/// What the driver says of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub id: CardId,
    /// The driver's present number of the card; depends on `CUDA_VISIBLE_DEVICES`.
    pub ordinal: u32,
    pub name: String,
    /// Major and minor number.
    pub compute_capability: (u32, u32),
    pub multiprocessors: u32,
    /// The most dynamic shared memory that a block can ask for.
    pub shared_bytes_per_block: u32,
    pub total_bytes: u64,
    /// The newest CUDA version that the driver supports, major and minor.
    pub driver_version: (u32, u32),
}

/// Lengths of the groups of hexadecimal digits in a written UUID, in bytes.
const GROUPS: [usize; 5] = [4, 2, 2, 2, 6];

impl fmt::Display for CardId {
    /// As `nvidia-smi -L` writes it: `GPU-` and a UUID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GPU")?;
        let mut bytes = self.0.iter();
        for group in GROUPS {
            f.write_str("-")?;
            for byte in bytes.by_ref().take(group) {
                write!(f, "{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// The text is not `GPU-` and a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the UUID of a card: expected GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct CardIdError;

impl FromStr for CardId {
    type Err = CardIdError;

    fn from_str(text: &str) -> Result<Self, CardIdError> {
        let groups: Vec<&str> = text
            .strip_prefix("GPU-")
            .ok_or(CardIdError)?
            .split('-')
            .collect();
        let shaped = groups.len() == GROUPS.len()
            && groups
                .iter()
                .zip(GROUPS)
                .all(|(group, len)| group.len() == 2 * len);
        let digits = groups.concat();
        if !shaped || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(CardIdError);
        }
        let mut id = [0; 16];
        for (byte, index) in id.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16)
                .map_err(|_| CardIdError)?;
        }
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_id_reads_as_it_is_written() {
        let id = CardId([
            0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 0xff,
        ]);
        assert_eq!(id.to_string(), "GPU-12345678-9abc-def0-0102-0304050607ff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in [
            "",
            "GPU-",
            "12345678-9abc-def0-0102-0304050607ff",
            "GPU-12345678-9abc-def0-0102-0304050607f",
            "GPU-12345678-9abc-def0-0102-0304050607fg",
            "GPU-123456789abc-def0-0102-0304-050607ff",
            "GPU-1234567é-9abc-def0-0102-0304050607ff",
        ] {
            assert_eq!(wrong.parse::<CardId>(), Err(CardIdError), "{wrong}");
        }
    }
}
