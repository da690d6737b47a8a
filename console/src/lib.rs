//! What a process of the farm tells about itself over HTTP: the live page, its status, metrics and health.
//!
//! It only reads: there is nothing here that changes the farm, and nobody is asked who they are. What a client can cost is
//! bounded in connections, bytes and time.

mod assets;
mod error;
mod events;
mod light;
pub mod metrics;
mod patch;
mod patience;
mod picture;
pub mod play;
mod pulse;
mod routes;
mod runs;
mod server;
mod source;

pub use error::ConsoleError;
pub use light::LightPage;
pub use metrics::Metrics;
pub use server::Server;
pub use source::{
    Accounts, Console, Deliveries, Exposition, Light, NoAccount, NoDelivery, Ready, ShardAccount,
    Source,
};
