//! Writes the sample that `trifold program check examples/kv` tries out:
//!
//!     cargo run --release -p trifold-kv --example sample > examples/kv/sample.json

fn main() -> anyhow::Result<()> {
    println!("{}", trifold_kv::files::sample()?);
    Ok(())
}
