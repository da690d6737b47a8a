//! The modules of kernels: one file of `cuda/` each.

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/sources.rs"));
}

/// Every header of `include/`: the name that includes it, and its text.
pub(crate) use embedded::HEADERS;
/// What nvcc made of a module, by its name; empty where there was no nvcc at build time.
pub(crate) use embedded::PREBUILT;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Module {
    /// Kernels that test the device layer.
    DeviceTest,
    /// Kernels that test the arithmetic.
    FieldTest,
    Sort,
    MsmG1,
    MsmG2,
    Ntt,
    R1cs,
}

impl Module {
    pub const ALL: [Self; 7] = [
        Self::DeviceTest,
        Self::FieldTest,
        Self::Sort,
        Self::MsmG1,
        Self::MsmG2,
        Self::Ntt,
        Self::R1cs,
    ];

    /// The name of the file in `cuda/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceTest => "device_test",
            Self::FieldTest => "field_test",
            Self::Sort => "sort",
            Self::MsmG1 => "msm_g1",
            Self::MsmG2 => "msm_g2",
            Self::Ntt => "ntt",
            Self::R1cs => "r1cs",
        }
    }
    /// The text of the file; nothing if there is no such file.
    pub(crate) fn source(self) -> Option<&'static str> {
        embedded::MODULES
            .iter()
            .find(|(name, _)| *name == self.name())
            .map(|(_, text)| *text)
    }
}
