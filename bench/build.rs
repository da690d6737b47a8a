//! Compiles what calls sppark, with nvcc, where the feature asks for it.

fn main() {
    println!("cargo:rerun-if-changed=sppark/peer.cu");
    #[cfg(feature = "sppark")]
    sppark();
}

/// For one generation of cards, `TRIFOLD_SPPARK_SM` (90 unless it is set): a peer is timed on code for the very card.
#[cfg(feature = "sppark")]
fn sppark() {
    println!("cargo:rerun-if-env-changed=TRIFOLD_SPPARK_SM");
    let sm = std::env::var("TRIFOLD_SPPARK_SM").unwrap_or_else(|_| "90".to_owned());
    let include = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    cc::Build::new()
        .cuda(true)
        // With nvcc, debug information for the device means code that is not optimised.
        .debug(false)
        .flag("-std=c++17")
        .flag("-gencode")
        .flag(format!("arch=compute_{sm},code=[compute_{sm},sm_{sm}]"))
        .define("FEATURE_BN254", None)
        .define("TAKE_RESPONSIBILITY_FOR_ERROR_MESSAGE", None)
        .include(include("DEP_SPPARK_ROOT"))
        .include(include("DEP_BLST_C_SRC"))
        .warnings(false)
        .file("sppark/peer.cu")
        .compile("trifold_sppark");
}
