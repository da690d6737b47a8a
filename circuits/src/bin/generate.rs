//! Writes the generated Circom files; with `--check`, only says which of them differ.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use trifold_circuits::generated::{self, GeneratedFile};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let files = generated::files()?;
    match arguments.as_slice() {
        [] => write(&root, &files),
        [only] if only == "--check" => Ok(check(&root, &files)),
        _ => Err("usage: generate [--check]".into()),
    }
}

fn write(root: &Path, files: &[GeneratedFile]) -> Result<ExitCode, Box<dyn Error>> {
    for file in files {
        fs::write(root.join(&file.path), &file.text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(root: &Path, files: &[GeneratedFile]) -> ExitCode {
    let stale = |file: &&GeneratedFile| {
        fs::read_to_string(root.join(&file.path)).ok().as_ref() != Some(&file.text)
    };
    let stale: Vec<_> = files.iter().filter(stale).collect();
    stale
        .iter()
        .for_each(|file| eprintln!("{} is stale", file.path));
    if stale.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
