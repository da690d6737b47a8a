//! The compiler's wasm for a circuit, run as it is.
//!
//! The wasm exports functions that take and give one value at a time through a 32-byte mailbox in its memory; strings
//! never cross. Compiling it takes seconds for a big circuit, so the machine code is kept beside the wasm.

use std::path::Path;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use wasmtime::{
    Engine, Instance, InstancePre, Linker, Memory, Store, TypedFunc, WasmParams, WasmResults,
};

use super::host::{self, Messages, Raised};
use super::{WitnessError, code, name_hash};
use crate::field;
use crate::inputs::Inputs;

/// Bytes of a field element in the wasm's mailbox.
const FIELD_BYTES: usize = 32;
/// More wires than any circuit that a BN254 proof can be made for has: the 2-adicity of the field is 28.
const MAX_WIRES: usize = 1 << 28;

/// A circuit's wasm as machine code; shared between threads, every calculation runs in memory of its own.
pub struct WasmCalculator {
    engine: Engine,
    instance: InstancePre<Messages>,
}

impl WasmCalculator {
    /// Loads a circuit's wasm, and its machine code from the cache beside it, which is written when absent.
    ///
    /// # Errors
    /// The file is unreadable, or not a witness calculator over BN254.
    pub fn new(path: &Path) -> Result<Self, WitnessError> {
        let refused = |error: wasmtime::Error| WitnessError::Module {
            path: path.to_owned(),
            reason: format!("{error:#}"),
        };
        let engine = code::engine().map_err(refused)?;
        let module = code::load(&engine, path)?;
        let mut linker = Linker::new(&engine);
        host::define(&mut linker).map_err(refused)?;
        let instance = linker.instantiate_pre(&module).map_err(refused)?;
        let calculator = Self { engine, instance };
        calculator.start()?;
        Ok(calculator)
    }

    /// Calculates every wire's value, the leading one first.
    ///
    /// # Errors
    /// Signals that are unknown, missing or of another size, an assertion of the circuit that fails, or a calculator
    /// that does not keep to its interface.
    pub fn calculate(&self, inputs: &Inputs) -> Result<Vec<Fr>, WitnessError> {
        let mut run = self.start()?;
        run.check(inputs)?;
        for (name, values) in inputs.iter() {
            run.assign(name, values)?;
        }
        run.witness()
    }

    fn start(&self) -> Result<Run, WitnessError> {
        let mut store = Store::new(&self.engine, Messages::default());
        let instance = self.instance.instantiate(&mut store).map_err(trapped)?;
        Run::new(store, instance)
    }
}

/// One calculation.
struct Run {
    store: Store<Messages>,
    memory: Memory,
    mailbox: usize,
    signal_size: TypedFunc<(u32, u32), i32>,
    set_signal: TypedFunc<(u32, u32, u32), ()>,
    input_size: u32,
    get_witness: TypedFunc<u32, ()>,
    witness_size: usize,
}

impl Run {
    fn new(mut store: Store<Messages>, instance: Instance) -> Result<Self, WitnessError> {
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or(WitnessError::Interface("no memory"))?;
        let mailbox = number(&mut store, &instance, "getSharedRWMemoryStart")? as usize;
        let mut run = Self {
            memory,
            mailbox,
            signal_size: function(&mut store, &instance, "getInputSignalSize")?,
            set_signal: function(&mut store, &instance, "setInputSignal")?,
            input_size: number(&mut store, &instance, "getInputSize")?,
            get_witness: function(&mut store, &instance, "getWitness")?,
            witness_size: number(&mut store, &instance, "getWitnessSize")? as usize,
            store,
        };
        run.check_field(&instance)?;
        let init: TypedFunc<u32, ()> = function(&mut run.store, &instance, "init")?;
        init.call(&mut run.store, 0).map_err(trapped)?;
        Ok(run)
    }

    fn check_field(&mut self, instance: &Instance) -> Result<(), WitnessError> {
        let words = number(&mut self.store, instance, "getFieldNumLen32")?;
        let get_prime: TypedFunc<(), ()> = function(&mut self.store, instance, "getRawPrime")?;
        get_prime.call(&mut self.store, ()).map_err(trapped)?;
        let prime = self.received()?;
        match words == 8 && prime[..] == Fr::MODULUS.to_bytes_le() {
            true => Ok(()),
            false => Err(WitnessError::Field),
        }
    }

    /// Compares names and sizes with the circuit's before any value is handed over.
    fn check(&mut self, inputs: &Inputs) -> Result<(), WitnessError> {
        let mut found = 0;
        for (name, values) in inputs.iter() {
            let size = self.signal_size.call(&mut self.store, halves(name));
            // A name that the circuit lacks has a negative size in some versions of the wasm and none in others.
            let expected = usize::try_from(size.map_err(trapped)?).unwrap_or(0);
            if expected == 0 && !values.is_empty() {
                return Err(WitnessError::UnknownSignal { name: name.into() });
            }
            if expected != values.len() {
                return Err(WitnessError::SignalSize {
                    name: name.into(),
                    expected,
                    found: values.len(),
                });
            }
            found += expected;
        }
        if found == self.input_size as usize {
            return Ok(());
        }
        let names: Vec<&str> = inputs.iter().map(|(name, _)| name).collect();
        Err(WitnessError::MissingSignals {
            expected: self.input_size as usize,
            found,
            given: names.join(", "),
        })
    }

    /// Hands over the values of one signal; the last value of the last signal sets the circuit going.
    fn assign(&mut self, name: &str, values: &[Fr]) -> Result<(), WitnessError> {
        let (high, low) = halves(name);
        for (index, value) in (0..).zip(values) {
            let bytes = field::to_bytes(value);
            let written = self.memory.write(&mut self.store, self.mailbox, &bytes);
            written.map_err(|_| WitnessError::Interface("mailbox outside the memory"))?;
            let set = self.set_signal.call(&mut self.store, (high, low, index));
            set.map_err(|error| self.refused(error))?;
        }
        Ok(())
    }

    fn witness(&mut self) -> Result<Vec<Fr>, WitnessError> {
        if self.witness_size > MAX_WIRES {
            return Err(WitnessError::Interface("too many wires"));
        }
        let mut witness = Vec::with_capacity(self.witness_size);
        for wire in 0..self.witness_size {
            let got = self.get_witness.call(&mut self.store, wire as u32);
            got.map_err(trapped)?;
            let value = field::from_bytes(&self.received()?);
            witness.push(value.ok_or(WitnessError::Interface("unreduced value"))?);
        }
        Ok(witness)
    }

    fn received(&self) -> Result<[u8; FIELD_BYTES], WitnessError> {
        let memory = self.memory.data(&self.store);
        let bytes = memory.get(self.mailbox..).and_then(<[u8]>::first_chunk);
        let outside = WitnessError::Interface("mailbox outside the memory");
        bytes.copied().ok_or(outside)
    }

    /// Turns an error of the wasm into the circuit's own words where it said any.
    fn refused(&self, error: wasmtime::Error) -> WitnessError {
        match error.downcast_ref::<Raised>() {
            Some(raised) => WitnessError::Circuit {
                kind: raised.meaning(),
                trace: self.store.data().trace(),
            },
            None => trapped(error),
        }
    }
}

fn function<P: WasmParams, R: WasmResults>(
    store: &mut Store<Messages>,
    instance: &Instance,
    name: &'static str,
) -> Result<TypedFunc<P, R>, WitnessError> {
    let found = instance.get_typed_func(store, name);
    found.map_err(|_| WitnessError::Interface(name))
}

fn number(
    store: &mut Store<Messages>,
    instance: &Instance,
    name: &'static str,
) -> Result<u32, WitnessError> {
    let get: TypedFunc<(), u32> = function(store, instance, name)?;
    get.call(store, ()).map_err(trapped)
}

fn trapped(error: wasmtime::Error) -> WitnessError {
    WitnessError::Trap(format!("{error:#}"))
}

/// The hash of a signal's name, high half first.
fn halves(name: &str) -> (u32, u32) {
    let hash = name_hash(name);
    ((hash >> 32) as u32, hash as u32)
}
