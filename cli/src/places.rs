//! Where the circuits and the cache lie.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use clap::Args;

/// The two folders that every command knows.
#[derive(Args)]
pub struct Places {
    /// Folder with circuits/ and tools/; without it the nearest one from the current folder upwards
    #[arg(
        long,
        env = "TRIFOLD_ROOT",
        global = true,
        value_name = "DIR",
        hide_short_help = true
    )]
    root: Option<PathBuf>,
    /// Folder of compiled circuits, keys and tools, relative to the root; without it .cache
    #[arg(
        long,
        env = "TRIFOLD_CACHE",
        global = true,
        value_name = "DIR",
        hide_short_help = true
    )]
    cache: Option<PathBuf>,
}

impl Places {
    /// Libraries and tools find these two in the environment: where a flag or a file says something else, this process
    /// starts over with them there.
    ///
    /// # Errors
    /// It can't.
    pub fn settle(&self) -> anyhow::Result<()> {
        let wanted = [("TRIFOLD_ROOT", &self.root), ("TRIFOLD_CACHE", &self.cache)];
        let wanted = wanted.map(|(name, folder)| (name, folder.as_ref()));
        let missing = wanted.iter().any(|(name, folder)| {
            folder
                .is_some_and(|folder| std::env::var_os(name).as_deref() != Some(folder.as_os_str()))
        });
        if !missing {
            return Ok(());
        }
        let known = wanted
            .iter()
            .filter_map(|(name, folder)| Some((*name, (*folder)?)));
        let mut again = Command::new(std::env::current_exe()?);
        let error = again.args(std::env::args_os().skip(1)).envs(known).exec();
        Err(error).context("can't start over with another root or cache")
    }
}
