//! Derives Poseidon's constants from their definition, so that none has to be taken on trust.

extern crate alloc;

#[path = "build/grain.rs"]
mod grain;
#[path = "build/poseidon.rs"]
mod poseidon;
#[path = "build/scalar.rs"]
mod scalar;

use std::ops::RangeInclusive;
use std::{env, fmt::Write as _, fs, path::Path};

use poseidon::Parameters;
use scalar::Scalar;

/// State sizes.
const SIZES: RangeInclusive<usize> = 2..=17;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("poseidon_parameters.rs"), tables()?)?;
    Ok(())
}

/// A static for each size, so that the linker keeps those that are used, and a function that picks one.
fn tables() -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for t in SIZES {
        let parameters = Parameters::new(t);
        writeln!(text, "static PARAMETERS_{t}: Parameters = Parameters {{")?;
        write_table(&mut text, "full", parameters.full.concat())?;
        write_table(&mut text, "partial", parameters.partial)?;
        write_table(&mut text, "mds", parameters.mds.concat())?;
        write_table(&mut text, "pre", parameters.pre.concat())?;
        write_table(&mut text, "sparse", parameters.sparse.concat())?;
        text.push_str("};\n");
    }
    text.push_str(
        "pub(super) const fn table<const T: usize>() -> &'static Parameters { match T {\n",
    );
    for t in SIZES {
        let pattern = if t == *SIZES.end() {
            "_".into()
        } else {
            t.to_string()
        };
        writeln!(text, "{pattern} => &PARAMETERS_{t},")?;
    }
    text.push_str("} }\n");
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
