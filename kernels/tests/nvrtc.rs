//! The way from the embedded sources to machine code by NVRTC, which needs no card. Where NVRTC is not installed these tests say
//! so; `make gpu-check` runs them with the pinned one and `TRIFOLD_NEED_NVRTC=1`.

use trifold_kernels::{Compiler, DeviceError, Module, Target};

fn compiler() -> Option<Compiler> {
    let found = Compiler::find();
    if found.is_none() {
        assert!(
            std::env::var_os("TRIFOLD_NEED_NVRTC").is_none(),
            "TRIFOLD_NEED_NVRTC is set, and there is no NVRTC"
        );
        eprintln!("left out: NVRTC (libnvrtc is not there)");
    }
    found
}

fn compiles_for_a_card(module: Module) {
    let Some(compiler) = compiler() else { return };
    let target = compiler.target(9, 0).unwrap();
    assert_eq!(target, Target::Cubin(9, 0));
    let image = compiler.compile(module, target).unwrap();
    assert!(image.starts_with(b"\x7fELF"), "{module:?} is no cubin");
}

/// A test for each module, since each is compiled by itself.
macro_rules! compiles_for_a_card {
    ($($test:ident: $module:ident,)*) => {
        $(#[test]
        fn $test() {
            compiles_for_a_card(Module::$module);
        })*

        #[test]
        fn every_module_has_its_test() {
            assert_eq!([$(Module::$module),*], Module::ALL);
        }
    };
}

compiles_for_a_card! {
    device_test_compiles: DeviceTest,
    field_test_compiles: FieldTest,
    sort_compiles: Sort,
    msm_g1_compiles: MsmG1,
    msm_g2_compiles: MsmG2,
    ntt_compiles: Ntt,
    r1cs_compiles: R1cs,
}

#[test]
fn a_card_newer_than_the_compiler_gets_ptx() {
    let Some(compiler) = compiler() else { return };
    let target = compiler.target(99, 0).unwrap();
    assert!(matches!(target, Target::Ptx(..)));
    let image = compiler.compile(Module::DeviceTest, target).unwrap();
    assert!(
        image.ends_with(b"\0"),
        "the driver reads PTX up to a zero byte"
    );
    let text = String::from_utf8(image).unwrap();
    assert!(text.contains(".visible .entry block_sum("), "{text}");
}

#[test]
fn a_card_older_than_the_compiler_is_named() {
    let Some(compiler) = compiler() else { return };
    let error = compiler.target(3, 5).unwrap_err();
    assert_eq!(
        error,
        DeviceError::NoCompiler {
            architecture: "sm_35".into()
        }
    );
}

#[test]
fn a_refused_compilation_carries_the_compilers_words() {
    let Some(compiler) = compiler() else { return };
    let error = compiler
        .compile(Module::DeviceTest, Target::Cubin(1, 0))
        .unwrap_err();
    assert!(
        matches!(&error, DeviceError::Compile { log, .. } if !log.is_empty()),
        "{error}"
    );
}

#[test]
fn an_image_is_keyed_by_all_that_goes_into_it() {
    let Some(compiler) = compiler() else { return };
    let keys: Vec<String> = [
        (Module::DeviceTest, Target::Cubin(9, 0)),
        (Module::DeviceTest, Target::Cubin(8, 0)),
    ]
    .map(|(module, target)| compiler.key(module, target))
    .into();
    assert_eq!(keys[0].len(), 32);
    assert_ne!(keys[0], keys[1]);
    assert_eq!(
        keys[0],
        compiler.key(Module::DeviceTest, Target::Cubin(9, 0))
    );
}
