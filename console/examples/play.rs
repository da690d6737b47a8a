//! The live page without a farm: `cargo run --release -p trifold-console --example play -- [SHARDS] [ADDR] [WORKERS] [TASK_MS]`.

use std::sync::Arc;
use std::time::Duration;

use trifold_console::play::{Play, Score};
use trifold_console::{Console, Server};

/// Time between two steps of the play.
const STEP: Duration = Duration::from_millis(250);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let shards: u32 = arguments.next().unwrap_or_else(|| "243".into()).parse()?;
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:9464".into())
        .parse()?;
    let workers = arguments
        .next()
        .unwrap_or_else(|| (8 + shards / 100).to_string())
        .parse()?;
    let task_ms = arguments.next().unwrap_or_else(|| "2500".into()).parse()?;
    let play = Arc::new(Play::new(Score {
        shards,
        workers,
        task_ms,
        seed: 4,
    }));
    let console = Console {
        ready: Arc::new(|| Ok(())),
        metrics: Arc::new(|| "# EOF\n".into()),
        source: Some(play.clone()),
        light: None,
    };
    let server = Server::bind(address, console).await?;
    println!(
        "a played farm of {shards} shards: http://{}",
        server.address()
    );
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(STEP).await;
            play.advance(STEP.as_millis() as u64);
        }
    });
    server
        .serve(async { drop(tokio::signal::ctrl_c().await) })
        .await;
    Ok(())
}
