//! Derives Poseidon's constants from their definition, so that none has to be taken on trust.

#[path = "build/grain.rs"]
mod grain;
#[path = "build/poseidon.rs"]
mod poseidon;
#[path = "build/scalar.rs"]
mod scalar;

use std::{env, fmt::Write as _, fs, path::Path};

use poseidon::Parameters;
use scalar::Scalar;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("poseidon_parameters.rs"), tables()?)?;
    Ok(())
}

fn tables() -> Result<String, std::fmt::Error> {
    let mut text = String::from("pub(super) static PARAMETERS: [Parameters; 16] = [\n");
    for t in 2..=17 {
        let parameters = Parameters::new(t);
        text.push_str("Parameters {\n");
        write_table(&mut text, "full", parameters.full.concat())?;
        write_table(&mut text, "partial", parameters.partial)?;
        write_table(&mut text, "mds", parameters.mds.concat())?;
        write_table(&mut text, "pre", parameters.pre.concat())?;
        write_table(&mut text, "sparse", parameters.sparse.concat())?;
        text.push_str("},\n");
    }
    text.push_str("];\n");
    Ok(text)
}

fn write_table(text: &mut String, name: &str, values: Vec<Scalar>) -> std::fmt::Result {
    writeln!(text, "{name}: &[")?;
    for value in values {
        let [a, b, c, d] = value.montgomery_limbs();
        writeln!(text, "f([{a}, {b}, {c}, {d}]),")?;
    }
    text.push_str("],\n");
    Ok(())
}
