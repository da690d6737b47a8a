//! `trifold config`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, Args, CommandFactory, Subcommand};
use serde_json::json;

use crate::settings::{self, Catalog, ConfigFile, Effective};
use crate::table::Table;

/// Flags come before environment variables, those before the file that --config names, and that before the defaults.
#[derive(Args)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Check the configuration file and the environment
    Check,
    /// Show every setting with its value, and who said so; secrets are hidden
    Show(Show),
    /// Print the reference of all settings, as docs/configuration.md has it
    Reference,
}

#[derive(Args)]
struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Config {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let definition = crate::Arguments::command();
        let catalog = Catalog::of(&definition);
        let matches = definition.clone().get_matches();
        let path = matches.get_one::<PathBuf>("config");
        let file = path.map(|path| ConfigFile::read(path, &catalog));
        let file = file.transpose()?;
        match self.action {
            Action::Check => return Ok(check(&catalog, file.as_ref())),
            Action::Show(show) => show.run(&catalog, &matches, file.as_ref()),
            Action::Reference => print!("{}", settings::reference(&definition)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The file is checked by being read, which every command does.
fn check(catalog: &Catalog, file: Option<&ConfigFile>) -> ExitCode {
    let problems = settings::unknown_variables(catalog, std::env::vars());
    for problem in &problems {
        eprintln!("trifold: {problem}");
    }
    match (file, problems.is_empty()) {
        (_, false) => return ExitCode::FAILURE,
        (None, _) => println!("no configuration file; the environment is good"),
        (Some(file), _) => println!("{}: {} settings, all good", file.path.display(), file.len()),
    }
    ExitCode::SUCCESS
}

impl Show {
    fn run(&self, catalog: &Catalog, matches: &ArgMatches, file: Option<&ConfigFile>) {
        let variable = |name: &str| std::env::var(name).ok();
        let settings = settings::effective(catalog, matches, file, &variable);
        match self.json {
            true => println!("{:#}", json!({ "version": 1, "settings": settings })),
            false => print!("{}", table(&settings)),
        }
    }
}

fn table(settings: &[Effective]) -> Table {
    let mut table = Table::new(["command", "setting", "value", "from"]);
    for setting in settings {
        let value = match (&setting.value, setting.secret) {
            (Some(value), _) => value.as_str(),
            (None, true) if setting.origin != settings::Origin::Unset => "(hidden)",
            _ => "-",
        };
        table.row([
            setting.command.as_str(),
            setting.key.as_str(),
            value,
            &setting.origin.to_string(),
        ]);
    }
    table
}
