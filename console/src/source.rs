//! Where the console gets what it shows.

use std::sync::Arc;

use trifold_coordinator::view::{Cells, View};

/// The farm as its coordinator knows it. Asked a few times a second while somebody looks, and not at all otherwise.
pub trait Source: Send + Sync + 'static {
    /// The newest picture of the farm.
    fn view(&self) -> Arc<View>;

    /// Every cell of this epoch's tree, if it is known.
    fn cells(&self, epoch: u64) -> Option<Cells>;
}

/// Whether the process can do its work; the error says why it can't.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The process's metrics as OpenMetrics text.
pub type Exposition = Arc<dyn Fn() -> String + Send + Sync>;

/// What a process has to tell.
#[derive(Clone)]
pub struct Console {
    pub ready: Ready,
    pub metrics: Exposition,
    /// The farm, if this process knows it: a coordinator does, and has a live page; a worker does not.
    pub source: Option<Arc<dyn Source>>,
}
