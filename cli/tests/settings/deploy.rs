//! What the files for deployment name exists: every flag, every variable, every setting.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{succeed, trifold};

/// Long options of other programs' command lines that stand in these files.
const FOREIGN: [&str; 19] = [
    "--build",
    "--detach",
    "--rm",
    "--profile",
    "--target",
    "--release",
    "--locked",
    "--from",
    "--no-install-recommends",
    "--yes",
    "--interval",
    "--timeout",
    "--start-period",
    "--retries",
    "--now",
    "--from-file",
    "--signal",
    "--mount",
    "--values",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file for deployment with its text.
fn files() -> Vec<(PathBuf, String)> {
    let mut found = vec![root().join("Dockerfile"), root().join("docs/operations.md")];
    let mut folders = vec![root().join("deploy")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("UTF-8");
        (path, text)
    };
    found.into_iter().map(read).collect()
}

/// Words of a text that begin with `start` and go on with letters that `goes_on` takes.
fn words<'a>(text: &'a str, start: &str, goes_on: fn(char) -> bool) -> BTreeSet<&'a str> {
    let starts = text.match_indices(start).map(|(at, _)| at);
    let whole = starts.filter(|at| {
        let before = text[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    });
    let words = whole.map(|at| {
        let rest = &text[at + start.len()..];
        let end = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
        &text[at..at + start.len() + end]
    });
    words.collect()
}

fn reference() -> String {
    succeed(&mut trifold(["config", "reference"]))
}

#[test]
fn every_variable_is_one_of_ours() {
    let reference = reference();
    let known = words(&reference, "TRIFOLD_", |c| {
        c.is_ascii_uppercase() || c == '_'
    });
    for (path, text) in files() {
        for name in words(&text, "TRIFOLD_", |c| c.is_ascii_uppercase() || c == '_') {
            assert!(known.contains(name), "{}: {name}", path.display());
        }
    }
}

#[test]
fn every_flag_is_one_of_ours() {
    let reference = reference();
    let flag = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let known = words(&reference, "--", flag);
    for (path, text) in files() {
        if path.extension().is_some_and(|end| end == "json") {
            continue;
        }
        for name in words(&text, "--", flag) {
            let word = name.len() > 2 && !name.starts_with("---");
            // Prometheus has dots in its options.
            let foreign = FOREIGN.contains(&name) || text.contains(&format!("{name}."));
            let ours = known.contains(name);
            assert!(!word || foreign || ours, "{}: {name}", path.display());
        }
    }
}

/// Subcommands named in these files, after the name of the command.
#[test]
fn every_subcommand_is_one_of_ours() {
    for (path, text) in files() {
        let letters = |c: char| c.is_ascii_lowercase() || c == ' ';
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("FROM"))
        {
            for named in words(line, "`trifold ", letters) {
                let arguments: Vec<_> = named.split_whitespace().skip(1).take(1).collect();
                let mut help = trifold(["help"]);
                let output = help.args(&arguments).output().expect("starts");
                assert!(output.status.success(), "{}: {named}", path.display());
            }
        }
    }
}

/// Checks a configuration file as an operator does.
fn check(text: &str, name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("farm.toml");
    fs::write(&path, text).expect("written");
    let mut command = trifold(["config", "check", "--config"]);
    let said = succeed(command.arg(&path));
    assert!(said.contains("all good"), "{name}: {said}");
}

#[test]
fn the_example_files_are_good() {
    let example = fs::read_to_string(root().join("deploy/farm.toml")).expect("readable");
    check(&example, "deploy/farm.toml");
    let values = root().join("deploy/helm/trifold/values.yaml");
    let values = fs::read_to_string(values).expect("readable");
    let block = values.split("\nconfig: |\n").nth(1).expect("a block");
    let lines = block.lines();
    let inside = lines.take_while(|line| line.is_empty() || line.starts_with("  "));
    let text: Vec<_> = inside
        .map(|line| line.strip_prefix("  ").unwrap_or(line))
        .collect();
    assert!(text.len() > 5, "{text:?}");
    check(&text.join("\n"), "values.yaml");
}
