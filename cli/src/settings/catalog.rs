//! Every setting of every command, read off the definition of the command line.

use std::any::TypeId;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, Command};

/// The one option with an environment variable that the file can't have: it names the file.
const FILE_OPTION: &str = "config";

/// All settings, those of every command first.
pub struct Catalog {
    pub settings: Vec<Setting>,
    /// Commands that have settings, or whose subcommands do, as paths.
    pub commands: Vec<Vec<String>>,
}

/// An option that flags, environment and file can give.
#[derive(Clone)]
pub struct Setting {
    /// The command that takes it; empty if each does.
    pub command: Vec<String>,
    pub arg: Arg,
}

/// What a value looks like in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Flag,
    Integer,
    Number,
    Text,
    Time,
    /// A text with a form of its own, or a bare integer if that has the form.
    Word,
    List,
}

impl Kind {
    /// What the file must have, for people.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Flag => "true or false",
            Kind::Integer => "a whole number",
            Kind::Number => "a number",
            Kind::Text => "a text in quotes",
            Kind::Time => "a number of seconds, or a text such as \"90s\" or \"7d\"",
            Kind::Word => "a text in quotes or a whole number",
            Kind::List => "a text in quotes or a list of them",
        }
    }
}

impl Catalog {
    /// The settings of a command and its subcommands.
    pub fn of(definition: &Command) -> Self {
        let mut catalog = Self {
            settings: Vec::new(),
            commands: Vec::new(),
        };
        catalog.walk(definition, &[]);
        catalog
    }

    fn walk(&mut self, command: &Command, path: &[String]) {
        let settings = command.get_arguments().filter(|arg| is_setting(arg));
        self.settings.extend(settings.map(|arg| Setting {
            command: path.to_vec(),
            arg: arg.clone(),
        }));
        for subcommand in command.get_subcommands() {
            let path = [path, &[subcommand.get_name().to_owned()]].concat();
            let (place, before) = (self.commands.len(), self.settings.len());
            self.walk(subcommand, &path);
            if self.settings.len() > before {
                self.commands.insert(place, path);
            }
        }
    }

    /// The settings of this name that stand at or below a command.
    pub fn named<'a>(
        &'a self,
        command: &'a [String],
        key: &'a str,
    ) -> impl Iterator<Item = &'a Setting> {
        let below = self.below(command);
        below.filter(move |setting| setting.key() == key)
    }

    /// The settings that stand at or below a command.
    pub fn below<'a>(&'a self, command: &'a [String]) -> impl Iterator<Item = &'a Setting> {
        let settings = self.settings.iter();
        settings.filter(move |setting| setting.command.starts_with(command))
    }
}

fn is_setting(arg: &Arg) -> bool {
    let named = arg.get_env().is_some() && arg.get_long().is_some();
    named && !arg.is_hide_set() && arg.get_id() != FILE_OPTION
}

impl Setting {
    /// Its name in the file, which is the flag without its dashes.
    pub fn key(&self) -> &str {
        self.arg.get_long().unwrap_or_default()
    }

    /// Its name in parsed matches.
    pub fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// Its environment variable.
    pub fn variable(&self) -> &str {
        let name = self.arg.get_env().and_then(|name| name.to_str());
        name.unwrap_or_default()
    }

    /// Whether its value is shown to nobody.
    pub fn secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    /// Its default as text.
    pub fn default(&self) -> Option<String> {
        let values = self.arg.get_default_values();
        let texts: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
        (!texts.is_empty() && self.kind() != Kind::Flag).then(|| texts.join(","))
    }

    /// What it looks like in the file.
    pub fn kind(&self) -> Kind {
        let value = self.arg.get_value_parser().type_id();
        let is_one_of = |types: &[TypeId]| types.iter().any(|known| value == *known);
        match self.arg.get_action() {
            ArgAction::SetTrue => Kind::Flag,
            _ if self.arg.get_value_delimiter().is_some() => Kind::List,
            _ if is_one_of(&INTEGERS) => Kind::Integer,
            _ if is_one_of(&[TypeId::of::<f64>()]) => Kind::Number,
            _ if is_one_of(&[TypeId::of::<Duration>()]) => Kind::Time,
            _ if is_one_of(&[TypeId::of::<String>(), TypeId::of::<PathBuf>()]) => Kind::Text,
            _ => Kind::Word,
        }
    }

    /// The argument that gives it this value; none for a flag that is off.
    pub fn argument(&self, text: &str) -> Option<String> {
        match (self.kind(), text) {
            (Kind::Flag, "true") => Some(format!("--{}", self.key())),
            (Kind::Flag, _) => None,
            _ => Some(format!("--{}={text}", self.key())),
        }
    }

    /// Whether its parser takes this text; else what that says.
    pub fn check(&self, text: &str) -> Result<(), String> {
        // Another option with the same parser, without what it requires and excludes.
        let mut option = Arg::new(STAND_IN)
            .long(STAND_IN)
            .action(self.arg.get_action().clone())
            .value_parser(self.arg.get_value_parser().clone());
        if let Some(delimiter) = self.arg.get_value_delimiter() {
            option = option.value_delimiter(delimiter);
        }
        let argument = match (self.kind(), text) {
            (Kind::Flag, "true" | "false") => return Ok(()),
            (Kind::Flag, _) => return Err(format!("{text:?} is not true or false")),
            _ => format!("--{STAND_IN}={text}"),
        };
        let parsed = Command::new(STAND_IN).arg(option);
        let parsed = parsed.try_get_matches_from([STAND_IN.to_owned(), argument]);
        parsed
            .map(drop)
            .map_err(|error| self.reason(&error.to_string()))
    }

    /// The part of a parser's message that says what is wrong, in one line.
    fn reason(&self, message: &str) -> String {
        let first = message.split("\n\n").next().unwrap_or_default();
        let words: Vec<_> = first.split_whitespace().collect();
        let line = words.join(" ");
        let line = line.strip_prefix("error: ").unwrap_or(&line);
        line.replace(&format!("--{STAND_IN} <{STAND_IN}>"), self.key())
    }
}

const STAND_IN: &str = "stand-in";

const INTEGERS: [TypeId; 9] = [
    TypeId::of::<u8>(),
    TypeId::of::<u16>(),
    TypeId::of::<u32>(),
    TypeId::of::<u64>(),
    TypeId::of::<usize>(),
    TypeId::of::<i64>(),
    TypeId::of::<NonZeroU32>(),
    TypeId::of::<NonZeroU64>(),
    TypeId::of::<NonZeroUsize>(),
];
