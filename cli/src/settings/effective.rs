//! What holds, and who said so.

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::Serialize;

use super::catalog::{Catalog, Kind, Setting};
use super::file::{ConfigFile, nearest};

/// Variables of these names are read by more than the command line, or by tests.
const OTHER_VARIABLES: [&str; 2] = ["TRIFOLD_CONFIG", "TRIFOLD_NATS_SERVER"];

/// A setting with its value.
#[derive(Serialize)]
pub struct Effective {
    /// The command that takes it, words separated by spaces; empty for a setting of all.
    pub command: String,
    pub key: String,
    /// None if nothing was said, or if it is secret.
    pub value: Option<String>,
    pub secret: bool,
    pub origin: Origin,
}

/// Who said it.
#[derive(Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Origin {
    Flag,
    Environment { variable: String },
    File { path: String, line: usize },
    Default,
    Unset,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment { variable } => f.write_str(variable),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Default => f.write_str("default"),
            Self::Unset => f.write_str("unset"),
        }
    }
}

/// The value of every setting; `matches` has the flags that were given to this process.
pub fn effective(
    catalog: &Catalog,
    matches: &ArgMatches,
    file: Option<&ConfigFile>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Vec<Effective> {
    let settings = catalog.settings.iter();
    let settings = settings.map(|setting| {
        let (value, origin) = said(setting, matches, file, variable);
        Effective {
            command: setting.command.join(" "),
            key: setting.key().to_owned(),
            value: value
                .filter(|_| !setting.secret())
                .map(|value| without_login(&value)),
            secret: setting.secret(),
            origin,
        }
    });
    settings.collect()
}

fn said(
    setting: &Setting,
    matches: &ArgMatches,
    file: Option<&ConfigFile>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (Option<String>, Origin) {
    if let Some(value) = flag(setting, matches) {
        return (Some(value), Origin::Flag);
    }
    if let Some(value) = variable(setting.variable()) {
        let variable = setting.variable().to_owned();
        return (Some(value), Origin::Environment { variable });
    }
    if let Some((file, entry)) = file.and_then(|file| Some((file, file.entry(setting)?))) {
        let path = file.path.display().to_string();
        let line = entry.line;
        return (Some(entry.text.clone()), Origin::File { path, line });
    }
    match setting.default() {
        Some(value) => (Some(value), Origin::Default),
        None if setting.kind() == Kind::Flag => (Some("false".into()), Origin::Default),
        None => (None, Origin::Unset),
    }
}

/// A setting of all commands can be given to the command that shows them.
fn flag(setting: &Setting, matches: &ArgMatches) -> Option<String> {
    let common = setting.command.is_empty();
    let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    if !common || !given(setting.id()) {
        return None;
    }
    let values = matches.get_raw(setting.id())?;
    let texts: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    Some(texts.join(","))
}

/// A URL without the name and password in it.
fn without_login(value: &str) -> String {
    let login = value.split_once("://").and_then(|(scheme, rest)| {
        let host = rest.split('/').next().unwrap_or_default();
        let (_, after) = host.rsplit_once('@')?;
        let path = &rest[host.len()..];
        Some(format!("{scheme}://(hidden)@{after}{path}"))
    });
    login.unwrap_or_else(|| value.to_owned())
}

/// A line for each variable that looks like one of ours and is none, or whose value its setting doesn't take.
pub fn unknown_variables(
    catalog: &Catalog,
    variables: impl Iterator<Item = (String, String)>,
) -> Vec<String> {
    let ours = variables.filter(|(name, _)| {
        name.starts_with("TRIFOLD_") && !OTHER_VARIABLES.contains(&name.as_str())
    });
    let problems = ours.filter_map(|(name, value)| {
        let settings = catalog.settings.iter();
        let mut named = settings.filter(|setting| setting.variable() == name);
        match named.next() {
            Some(setting) => {
                let checked = setting.check(&value);
                checked.err().map(|reason| format!("{name}: {reason}"))
            }
            None => {
                let settings = catalog.settings.iter();
                let known = settings.map(|setting| setting.variable().to_owned());
                Some(format!(
                    "{name}: no such variable; {}",
                    nearest(&name, known.collect())
                ))
            }
        }
    });
    problems.collect()
}

#[cfg(test)]
mod tests {
    use super::without_login;

    #[test]
    fn a_login_in_a_url_is_hidden() {
        let shown = [
            ("nats://farm:s3cret@host:4222", "nats://(hidden)@host:4222"),
            ("tls://a:p@b@host/x", "tls://(hidden)@host/x"),
            ("nats://host:4222", "nats://host:4222"),
            ("a@b", "a@b"),
        ];
        for (value, expected) in shown {
            assert_eq!(without_login(value), expected);
        }
    }
}
