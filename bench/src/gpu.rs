//! Sums, transforms and whole proofs on a card, against sppark, ICICLE and the processor, in one run on one machine.

mod arkworks;
mod clock;
mod contender;
mod icicle;
mod page;
mod plot;
mod proofs;
#[cfg(feature = "sppark")]
mod sppark;
mod sweep;
mod terms;
mod trifold;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use trifold_circuits::artifacts::Checkout;
use trifold_kernels::{Card, Device, Module};
use trifold_prover::backend::{Cuda, Icicle, IcicleOptions, Options as BackendOptions};
use trifold_prover::{Backend, Cpu};

use crate::report::Report;
use arkworks::Arkworks;
use clock::Clock;
use contender::Contender;
use sweep::Sizes;
use trifold::Trifold;

#[derive(Args)]
pub struct Options {
    /// Measures what there is without a card, at small sizes.
    #[arg(long)]
    cpu: bool,
    /// Runs everything on the kernels' emulator at tiny sizes, to see that it works; the times mean nothing.
    #[arg(long, conflicts_with = "cpu")]
    emulator: bool,
    /// The run ends after about this many seconds; what it did not come to is not measured.
    #[arg(long, default_value_t = 480)]
    seconds: u64,
    /// Logarithms of the sizes of sums and transforms.
    #[arg(long, value_delimiter = ',')]
    sizes: Option<Vec<u32>>,
    /// Of powers, dense, transfer, nest, merge.
    #[arg(long, value_delimiter = ',')]
    circuits: Option<Vec<String>>,
    /// Proofs of random inputs.
    #[arg(long)]
    random: Option<usize>,
    /// Where ICICLE is installed.
    #[arg(long, env = "ICICLE_INSTALL_DIR")]
    icicle: Option<PathBuf>,
    /// Where the results go, instead of bench/results.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Compiled before anything is timed, where no build has embedded them.
const KERNELS: [Module; 5] = [
    Module::Sort,
    Module::MsmG1,
    Module::MsmG2,
    Module::Ntt,
    Module::R1cs,
];

/// What a run is about: a card, or what is there without one.
struct Setting {
    name: &'static str,
    device: Option<Device>,
    card: Option<String>,
    /// What the largest cases are cut to.
    sizes: Sizes,
    check_log: u32,
    circuits: &'static [&'static str],
    /// For the single proofs of a circuit, and for those that are counted.
    proofs_seconds: f64,
    random: usize,
}

#[derive(Serialize)]
struct Figures {
    /// Name, memory, compute capability and driver.
    card: Option<String>,
    contenders: Vec<Named>,
    absent: Vec<Absent>,
    checks: Vec<sweep::Check>,
    timings: Vec<sweep::Timing>,
    proofs: Vec<proofs::Proofs>,
    random: Vec<proofs::Random>,
}

#[derive(Serialize)]
struct Named {
    name: String,
    device: String,
}

/// Everyone who can be timed, and the others.
#[derive(Default)]
struct Present {
    contenders: Vec<Box<dyn Contender>>,
    backends: Vec<Arc<dyn Backend>>,
    absent: Vec<Absent>,
}

/// Who could have been timed, and why not.
#[derive(Serialize)]
struct Absent {
    name: &'static str,
    reason: String,
}

/// Measures, writes `gpu.json`, `gpu.md` and `gpu.svg`, and fails if a result of ours was wrong.
pub fn run(options: &Options) -> Result<()> {
    let setting = match Setting::of(options)? {
        Ok(setting) => setting,
        Err(reason) => {
            println!("no card to measure: {reason} (--cpu measures what there is without one)");
            return Ok(());
        }
    };
    let checkout = Checkout::find()?;
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| checkout.root().join("bench/results"));
    let report = Report::begin_in(out.clone(), setting.name.to_owned());
    let clock = Clock::new(Duration::from_secs(options.seconds));
    let figures = setting.measure(options, &checkout, &clock);
    report.end(&figures, &figures.page(), figures.targets())?;
    let figure = plot::msm(&figures.timings, figures.card.as_deref());
    std::fs::write(out.join(setting.name).with_extension("svg"), figure)?;
    figures.ours_are_right()
}

impl Setting {
    /// The card, or else why there is none.
    fn of(options: &Options) -> Result<Result<Self, String>> {
        let mut setting = match (options.cpu, options.emulator) {
            (true, _) => Self::processor(),
            (_, true) => Self::emulator()?,
            _ => match Self::card() {
                Ok(setting) => setting,
                Err(reason) => return Ok(Err(reason)),
            },
        };
        if let Some(logs) = &options.sizes {
            setting.sizes.g1.clone_from(logs);
            setting.sizes.g2.clone_from(logs);
            setting.sizes.ntt.clone_from(logs);
        }
        Ok(Ok(setting))
    }

    fn card() -> Result<Self, String> {
        let cards = Device::cards().map_err(|error| error.to_string())?;
        let card = cards.first().ok_or("the driver has none")?;
        let device = Device::cuda(&card.id).map_err(|error| error.to_string())?;
        device.load(&KERNELS).map_err(|error| error.to_string())?;
        Ok(Self {
            name: "gpu",
            device: Some(device),
            card: Some(describe(card)),
            sizes: Sizes {
                g1: vec![16, 18, 20, 22, 24],
                g2: vec![16, 18, 20, 22],
                ntt: vec![16, 18, 20, 22, 24],
            },
            check_log: 12,
            circuits: &["powers", "dense", "transfer", "nest", "merge"],
            proofs_seconds: 12.0,
            random: 1000,
        })
    }

    fn processor() -> Self {
        Self {
            name: "gpu-without-card",
            device: None,
            card: None,
            sizes: Sizes {
                g1: vec![10, 12, 14, 16],
                g2: vec![10, 12, 14],
                ntt: vec![10, 12, 14, 16, 18],
            },
            check_log: 8,
            circuits: &["powers", "dense"],
            proofs_seconds: 10.0,
            random: 100,
        }
    }

    fn emulator() -> Result<Self> {
        Ok(Self {
            name: "gpu-emulated",
            device: Some(Device::emulator()?),
            sizes: Sizes {
                g1: vec![4],
                g2: vec![4],
                ntt: vec![4],
            },
            check_log: 4,
            circuits: &["powers"],
            proofs_seconds: 0.5,
            random: 4,
            ..Self::processor()
        })
    }

    fn measure(&self, options: &Options, checkout: &Checkout, clock: &Clock) -> Figures {
        let present = self.present(options);
        let (contenders, backends) = (&present.contenders, &present.backends);
        let names = contenders.iter().map(|contender| Named {
            name: contender.name().to_owned(),
            device: contender.device(),
        });
        let circuits = options.circuits.clone();
        let circuits = circuits.unwrap_or_else(|| {
            self.circuits
                .iter()
                .map(|name| (*name).to_owned())
                .collect()
        });
        let random = options.random.unwrap_or(self.random);
        Figures {
            card: self.card.clone(),
            contenders: names.collect(),
            checks: sweep::checks(contenders, self.check_log),
            timings: sweep::timings(contenders, &self.sizes, clock),
            random: proofs::random(checkout, backends, random, clock),
            proofs: proofs::run(checkout, &circuits, backends, self.proofs_seconds, clock),
            absent: present.absent,
        }
    }

    fn present(&self, options: &Options) -> Present {
        let mut present = Present::default();
        if let Some(device) = &self.device {
            let name = if self.card.is_some() {
                "cuda"
            } else {
                "emulator"
            };
            let device = device.clone();
            present.contenders.push(Box::new(Trifold {
                device: device.clone(),
            }));
            match Cuda::on(name, device, &BackendOptions::default()) {
                Ok(cuda) => present.backends.push(Arc::new(cuda)),
                Err(error) => present.absent.push(Absent::new(name, error)),
            }
        }
        match sppark() {
            Ok(sppark) => present.contenders.push(sppark),
            Err(error) => present.absent.push(Absent::new("sppark", error)),
        }
        let folder = options.icicle.clone();
        match Icicle::new(&IcicleOptions {
            folder,
            device: None,
        })
        .map(Arc::new)
        {
            Ok(icicle) => {
                present.contenders.push(Box::new(icicle.clone()));
                present.backends.push(icicle);
            }
            Err(error) => present.absent.push(Absent::new("ICICLE", error)),
        }
        present.contenders.push(Box::new(Arkworks));
        present.backends.push(Arc::new(Cpu));
        present
    }
}

impl Absent {
    fn new(name: &'static str, reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string();
        Self { name, reason }
    }
}

impl Figures {
    fn ours_are_right(&self) -> Result<()> {
        let mut checks = self
            .checks
            .iter()
            .filter(|check| check.contender == "trifold");
        ensure!(
            checks.all(|check| check.agrees),
            "our kernels do not agree with arkworks"
        );
        let mut ours = self
            .timings
            .iter()
            .filter(|timing| timing.contender == "trifold");
        let is_wrong = |timing: &sweep::Timing| timing.reason.as_deref() == Some(sweep::WRONG);
        ensure!(
            !ours.any(is_wrong),
            "our kernels do not agree with a known result"
        );
        Ok(())
    }
}

#[cfg(feature = "sppark")]
fn sppark() -> Result<Box<dyn Contender>> {
    Ok(Box::new(sppark::Sppark::new()?))
}

#[cfg(not(feature = "sppark"))]
fn sppark() -> Result<Box<dyn Contender>> {
    anyhow::bail!("built without the feature sppark, which needs nvcc")
}

fn describe(card: &Card) -> String {
    let ((major, minor), (driver, part)) = (card.compute_capability, card.driver_version);
    format!(
        "{}, {:.0} GiB, compute capability {major}.{minor}, CUDA driver {driver}.{part}",
        card.name,
        card.total_bytes as f64 / f64::from(1 << 30),
    )
}
