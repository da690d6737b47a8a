//! The configuration file: read, and checked against the catalog before anything is made of it.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::catalog::{Catalog, Kind, Setting};

/// Largest configuration file that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// A configuration file all of whose entries are settings with values that their parsers take.
pub struct ConfigFile {
    pub path: PathBuf,
    entries: Vec<Entry>,
}

/// A line of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Section, as the path of a command; empty before the first section.
    section: Vec<String>,
    key: String,
    /// The value as a flag would have it.
    pub text: String,
    /// From 1.
    pub line: usize,
}

/// Everything that is wrong with a file, one line each.
#[derive(Debug)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

impl ConfigFile {
    /// Reads and checks a file.
    pub fn read(path: &Path, catalog: &Catalog) -> Result<Self, Problems> {
        let failed = |error: std::io::Error| Problems(vec![format!("{}: {error}", path.display())]);
        let bytes = std::fs::metadata(path).map_err(failed)?.len();
        if bytes > MAX_CONFIG_BYTES {
            let path = path.display();
            let problem = format!("{path}: {bytes} bytes, more than {MAX_CONFIG_BYTES}");
            return Err(Problems(vec![problem]));
        }
        Self::parse(
            path,
            &std::fs::read_to_string(path).map_err(failed)?,
            catalog,
        )
    }

    /// Checks the text of a file.
    pub fn parse(path: &Path, text: &str, catalog: &Catalog) -> Result<Self, Problems> {
        let mut reader = Reader {
            path,
            text,
            catalog,
            entries: Vec::new(),
            problems: Vec::new(),
        };
        match DeTable::parse(text) {
            Ok(table) => reader.section(&[], table.get_ref()),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                reader.problem(at, error.message());
            }
        }
        match reader.problems.is_empty() {
            true => Ok(Self {
                path: path.to_owned(),
                entries: reader.entries,
            }),
            false => Err(Problems(reader.problems)),
        }
    }

    /// What the file says about a setting: the innermost section that names it counts.
    pub fn entry(&self, setting: &Setting) -> Option<&Entry> {
        let names = |entry: &&Entry| {
            entry.key == setting.key() && setting.command.starts_with(&entry.section)
        };
        let entries = self.entries.iter().filter(names);
        entries.max_by_key(|entry| entry.section.len())
    }

    /// The number of settings that it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    catalog: &'a Catalog,
    entries: Vec<Entry>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn section(&mut self, section: &[String], table: &DeTable<'_>) {
        for (key, value) in table {
            let at = key.span().start;
            match value.get_ref() {
                DeValue::Table(inner) => self.subsection(section, key.get_ref(), at, inner),
                value => self.value(section, key.get_ref(), at, value),
            }
        }
    }

    fn subsection(&mut self, section: &[String], name: &str, at: usize, table: &DeTable<'_>) {
        let path = [section, &[name.to_owned()]].concat();
        if self.catalog.commands.contains(&path) {
            return self.section(&path, table);
        }
        let commands = self.catalog.commands.iter();
        let nearest = nearest(
            &path.join("."),
            commands.map(|command| command.join(".")).collect(),
        );
        self.problem(at, &format!("no section [{}]; {nearest}", path.join(".")));
    }

    fn value(&mut self, section: &[String], key: &str, at: usize, value: &DeValue<'_>) {
        let catalog = self.catalog;
        let settings: Vec<_> = catalog.named(section, key).collect();
        if settings.is_empty() {
            return self.unknown(section, key, at);
        }
        for setting in settings {
            match text_of(setting.kind(), value) {
                None => {
                    let kind = setting.kind().name();
                    return self.problem(at, &format!("{key} must be {kind}"));
                }
                Some(text) => {
                    if let Err(reason) = setting.check(&text) {
                        return self.problem(at, &reason);
                    }
                    self.keep(section, key, text, at);
                }
            }
        }
    }

    fn keep(&mut self, section: &[String], key: &str, text: String, at: usize) {
        let entry = Entry {
            section: section.to_vec(),
            key: key.into(),
            text,
            line: self.line(at),
        };
        if self.entries.last() != Some(&entry) {
            self.entries.push(entry);
        }
    }

    fn unknown(&mut self, section: &[String], key: &str, at: usize) {
        let catalog = self.catalog;
        let place = match section {
            [] => "before the first section".to_owned(),
            _ => format!("in [{}]", section.join(".")),
        };
        let elsewhere = catalog.named(&[], key).map(|setting| &setting.command);
        let homes: Vec<_> = elsewhere.map(|command| home(command)).collect();
        let advice = match homes.is_empty() {
            true => nearest(
                key,
                catalog
                    .below(section)
                    .map(|setting| setting.key().to_owned())
                    .collect(),
            ),
            false => format!("it belongs {}", homes.join(", or ")),
        };
        self.problem(at, &format!("no setting {key:?} {place}; {advice}"));
    }

    fn problem(&mut self, at: usize, what: &str) {
        let line = self.line(at);
        self.problems
            .push(format!("{}:{line}: {what}", self.path.display()));
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        1 + before.filter(|byte| **byte == b'\n').count()
    }
}

fn home(command: &[String]) -> String {
    match command {
        [] => "before the first section".into(),
        _ => format!("in [{}]", command.join(".")),
    }
}

/// The value as a flag would have it, if it is of the kind.
fn text_of(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(value)) => Some(value.to_string()),
        (Kind::Integer | Kind::Number | Kind::Time | Kind::Word, DeValue::Integer(value)) => {
            let number = i128::from_str_radix(value.as_str(), value.radix());
            number.ok().map(|number| number.to_string())
        }
        (Kind::Number | Kind::Time, DeValue::Float(value)) => Some(value.as_str().to_owned()),
        (Kind::Text | Kind::Time | Kind::Word | Kind::List, DeValue::String(value)) => {
            Some(value.to_string())
        }
        (Kind::List, DeValue::Array(values)) => {
            let texts = values.iter().map(|value| match value.get_ref() {
                DeValue::String(text) if !text.contains(',') => Some(text.to_string()),
                _ => None,
            });
            texts
                .collect::<Option<Vec<_>>>()
                .map(|texts| texts.join(","))
        }
        _ => None,
    }
}

/// Advice: the known name that is most like this one.
pub fn nearest(name: &str, known: Vec<String>) -> String {
    let nearest = known.iter().min_by_key(|known| distance(name, known));
    nearest.map_or("there is none".into(), |nearest| {
        format!("the nearest is {nearest:?}")
    })
}

/// Letters to change, add or remove to make one name of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
