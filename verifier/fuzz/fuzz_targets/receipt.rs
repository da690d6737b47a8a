#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../targets.rs"]
mod targets;
#[path = "../../tests/light/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::receipt(bytes));
