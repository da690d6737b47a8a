//! A device as far as it goes, and the CPU for the keys that do not fit it.

use std::sync::Arc;

use super::{Backend, BackendError, Cpu, LoadedKey};
use crate::key::ProvingKey;

/// What `auto` makes of a device that nobody has asked for by name.
pub struct Fallback {
    device: Arc<dyn Backend>,
}

impl Fallback {
    pub fn new(device: Arc<dyn Backend>) -> Self {
        Self { device }
    }
}

impl Backend for Fallback {
    fn name(&self) -> &str {
        self.device.name()
    }

    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError> {
        match self.device.load(key.clone()) {
            Err(error @ (BackendError::Memory { .. } | BackendError::HostMemory { .. })) => {
                tracing::warn!(%error, "proving on the CPU with this key");
                Cpu.load(key)
            }
            result => result,
        }
    }
}
