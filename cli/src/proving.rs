//! What to prove with: the flags of every command that proves, and the backend they ask for.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use trifold_coordinator::worker::WorkerConfig;
use trifold_prover::backend::{CardChoice, Choice, LowMemory, Options, Selected, select};

/// Batches at a device at once: while it computes one, the processor prepares and checks another.
const DEVICE_BATCHES: usize = 2;

/// Which backend proves, and how much of the machine it takes.
#[derive(Args, Clone)]
pub struct Proving {
    /// What proves: auto (a CUDA card where there is one, else the CPU), cpu, cuda, icicle, or paired:X,Y, which proves
    /// with both and refuses to answer when they differ
    #[arg(
        long,
        env = "TRIFOLD_BACKEND",
        default_value = "auto",
        value_name = "NAME"
    )]
    pub backend: Choice,
    /// Tasks of one circuit proven together: a number, or auto for what suits the backend
    #[arg(long, env = "TRIFOLD_BATCH", default_value = "auto", value_name = "K")]
    pub batch: Batch,
    /// Cards to prove on: all, or UUIDs and numbers as `trifold gpu` lists them, separated by commas
    #[arg(
        long = "gpu",
        env = "TRIFOLD_GPU",
        default_value = "all",
        value_name = "CARDS"
    )]
    pub cards: Cards,
    /// The most device memory to take on a card, e.g. 40000000000 or 40GB or 37GiB; without it what is free, less a
    /// reserve
    #[arg(
        long = "memory-budget",
        env = "TRIFOLD_MEMORY_BUDGET",
        value_name = "BYTES"
    )]
    pub memory_budget: Option<Bytes>,
    /// Keep keys on the card without their precomputed tables: auto (when they don't fit otherwise), on, or off
    #[arg(
        long = "low-memory",
        env = "TRIFOLD_LOW_MEMORY",
        default_value = "auto",
        value_name = "MODE"
    )]
    pub low_memory: LowMemory,
    /// Where ICICLE is installed, if not in its default folder
    #[arg(long, env = "TRIFOLD_ICICLE", value_name = "DIR")]
    pub icicle_folder: Option<PathBuf>,
    /// ICICLE's name of the device to use, e.g. CUDA:0 or CPU
    #[arg(long, env = "TRIFOLD_ICICLE_DEVICE", value_name = "NAME")]
    pub icicle_device: Option<String>,
}

impl Proving {
    /// The card for a command that proves on one only; none leaves the choice to the backend.
    pub fn first_card(&self) -> Option<CardChoice> {
        match &self.cards {
            Cards::All => None,
            Cards::These(cards) => cards.first().cloned(),
        }
    }

    /// Gets the backend ready, on one card if it needs one; the first without a choice.
    ///
    /// # Errors
    /// This machine or this build has no such backend.
    pub fn select(&self, card: Option<CardChoice>) -> anyhow::Result<Selected> {
        let options = Options {
            card,
            memory_budget_bytes: self.memory_budget.map(|bytes| bytes.0.get()),
            low_memory: self.low_memory,
            icicle_folder: self.icicle_folder.clone(),
            icicle_device: self.icicle_device.clone(),
        };
        Ok(select(&self.backend, &options)?)
    }
}

/// How a worker with this backend behaves.
pub fn worker_config(name: &str, selected: &Selected) -> WorkerConfig {
    let provers = match selected.backend.name() {
        "cpu" => 1,
        _ => DEVICE_BATCHES,
    };
    WorkerConfig {
        provers,
        ..WorkerConfig::new(name)
    }
}

/// Tasks proven together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch(pub Option<NonZeroUsize>);

/// The largest batch that makes sense: witnesses of a million wires take 32 MB each.
const MAX_BATCH: usize = 256;

impl FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = || {
            text.parse()
                .ok()
                .filter(|k: &NonZeroUsize| k.get() <= MAX_BATCH)
        };
        match text {
            "auto" => Ok(Self(None)),
            _ => number()
                .map(|number| Self(Some(number)))
                .ok_or_else(|| format!("{text:?} is not auto or a number from 1 to {MAX_BATCH}")),
        }
    }
}

/// Which cards of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cards {
    All,
    These(Vec<CardChoice>),
}

impl FromStr for Cards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let cards: Result<Vec<CardChoice>, _> = text.split(',').map(str::parse).collect();
        let cards = cards.map_err(|error| format!("{error}, or all"))?;
        let twice = (1..cards.len()).find(|&place| cards[..place].contains(&cards[place]));
        match twice {
            None => Ok(Self::These(cards)),
            Some(_) => Err(format!("{text:?} names a card twice")),
        }
    }
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub NonZeroU64);

const UNITS: [(&str, u64); 6] = [
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
    ("", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale = UNITS.iter().find(|(name, _)| *name == unit.trim_start());
        let bytes = number.parse::<u64>().ok().zip(scale);
        bytes
            .and_then(|(number, (_, scale))| number.checked_mul(*scale))
            .and_then(NonZeroU64::new)
            .map(Self)
            .ok_or_else(|| {
                format!("{text:?} is not an amount of memory such as 40000000000, 40GB or 37GiB")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: FromStr<Err = String> + std::fmt::Debug>(text: &str) -> String {
        text.parse::<T>().expect_err(text)
    }

    #[test]
    fn amounts_of_memory() {
        let amounts = [
            ("1", 1),
            ("7B", 7),
            ("40GB", 40_000_000_000),
            ("37 GiB", 37 << 30),
            ("512MiB", 512 << 20),
            ("3MB", 3_000_000),
        ];
        for (text, bytes) in amounts {
            assert_eq!(text.parse::<Bytes>().expect(text).0.get(), bytes, "{text}");
        }
        for text in ["", "0", "GB", "-1", "1.5GB", "4gb", "99999999999GiB"] {
            assert!(refused::<Bytes>(text).contains(&format!("{text:?}")));
        }
    }

    #[test]
    fn batches() {
        assert_eq!("auto".parse(), Ok(Batch(None)));
        assert_eq!("16".parse(), Ok(Batch(NonZeroUsize::new(16))));
        for text in ["", "0", "-1", "257", "many"] {
            assert!(refused::<Batch>(text).contains(&format!("{text:?}")));
        }
    }

    #[test]
    fn cards() {
        let uuid = "GPU-00112233-4455-6677-8899-aabbccddeeff";
        let both = Cards::These(vec![CardChoice::Uuid(uuid.into()), CardChoice::Index(1)]);
        assert_eq!(format!("{uuid},1").parse(), Ok(both));
        assert_eq!("all".parse(), Ok(Cards::All));
        assert!(refused::<Cards>("0,1,0").contains("twice"));
        for text in ["", "first", "0,", "0;1"] {
            refused::<Cards>(text);
        }
    }
}
