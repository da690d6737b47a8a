//! One configuration: flags, environment variables and a TOML file say the same things in that order of precedence.
//!
//! The definition of the command line is the only list of settings there is: an option with an environment variable is a
//! setting, its key in the file is the flag without its dashes, and what the file says is handed to the same parser.
//! So the help, the environment, the file and `docs/configuration.md` can't drift apart.

mod catalog;
mod effective;
mod file;
mod reference;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};

pub use catalog::Catalog;
pub use effective::{Effective, Origin, effective, unknown_variables};
pub use file::{ConfigFile, Problems};
pub use reference::reference;

/// Where the settings come from that are on no flag and in no variable.
#[derive(Args, Clone)]
pub struct Source {
    /// Configuration file (TOML); flags and environment variables come before it
    #[arg(long, env = "TRIFOLD_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The arguments of the process, followed by those that its configuration file adds.
///
/// # Errors
/// The file can't be read, or something in it is not a setting or not a value of one.
pub fn arguments(
    definition: &Command,
    mut given: Vec<OsString>,
) -> Result<Vec<OsString>, Problems> {
    let tolerant = definition.clone().ignore_errors(true);
    // Help, and the version: the file has nothing to add.
    let Ok(matches) = tolerant.try_get_matches_from(&given) else {
        return Ok(given);
    };
    let Some(path) = matches.get_one::<PathBuf>("config") else {
        return Ok(given);
    };
    let added = additions(definition, path, &matches)?;
    let end = given.iter().position(|argument| argument == "--");
    let end = end.unwrap_or(given.len());
    given.splice(end..end, added);
    Ok(given)
}

/// What the file says about the command that is asked for, as far as flags and environment don't.
fn additions(
    definition: &Command,
    path: &Path,
    matches: &ArgMatches,
) -> Result<Vec<OsString>, Problems> {
    let catalog = Catalog::of(definition);
    let file = ConfigFile::read(path, &catalog)?;
    let (command, leaf) = asked_for(matches);
    let added = catalog.settings.iter().filter_map(|setting| {
        let applies = setting.command.is_empty() || setting.command == command;
        let entry = file.entry(setting).filter(|_| applies)?;
        let said = matches!(
            leaf.value_source(setting.id()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        setting.argument(&entry.text).filter(|_| !said)
    });
    Ok(added.map(OsString::from).collect())
}

/// The subcommand's path and its matches.
fn asked_for(mut matches: &ArgMatches) -> (Vec<String>, &ArgMatches) {
    let mut path = Vec::new();
    while let Some((name, inner)) = matches.subcommand() {
        path.push(name.to_owned());
        matches = inner;
    }
    (path, matches)
}
