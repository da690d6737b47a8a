//! Prints what a task costs outside the worker: `cargo run --release -p trifold-coordinator --example overhead`.

use std::sync::Arc;
use std::time::Duration;

use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::{CoordinatorError, overhead};

#[tokio::main]
async fn main() -> Result<(), CoordinatorError> {
    let lease = Duration::from_secs(30);
    let directory = std::env::temp_dir().join(format!("trifold-overhead-{}", std::process::id()));
    let queues: [(&str, Arc<dyn Queue>); 2] = [
        ("memory", Arc::new(LocalQueue::memory(lease))),
        ("directory", Arc::new(LocalQueue::open(&directory, lease)?)),
    ];
    for (name, queue) in queues {
        let overhead = overhead::measure(queue, 9, 20, 2).await?;
        let milliseconds = 1e3 * overhead.task_seconds();
        println!(
            "{name}: {} tasks, {milliseconds:.3} ms each",
            overhead.tasks
        );
    }
    let _ = std::fs::remove_dir_all(directory);
    Ok(())
}
