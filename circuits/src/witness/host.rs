//! What the wasm calls: reports of failed assertions, and `log`.

use std::fmt;

use wasmtime::{Caller, Error, Linker, Result};

const MAX_MESSAGE_BYTES: usize = 4096;
const MAX_MESSAGES: usize = 64;

/// What one calculation has reported.
#[derive(Default)]
pub struct Messages(Vec<String>);

impl Messages {
    /// The reported templates and lines in one line, innermost first.
    pub fn trace(&self) -> String {
        let lines = self.0.iter().map(|message| message.trim());
        lines.collect::<Vec<_>>().join("; ")
    }
}

/// The circuit gave up, with this code.
#[derive(Debug)]
pub struct Raised(u32);

impl Raised {
    pub fn meaning(&self) -> &'static str {
        match self.0 {
            1 => "signal not found",
            2 => "too many signals set",
            3 => "signal already set",
            4 => "assertion failed",
            5 => "not enough memory",
            6 => "input signal index out of range",
            7 => "array index out of range",
            _ => "unknown error",
        }
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.meaning())
    }
}

impl std::error::Error for Raised {}

/// Gives a module the four functions it imports.
pub fn define(linker: &mut Linker<Messages>) -> Result<()> {
    linker.func_wrap("runtime", "exceptionHandler", |code: u32| -> Result<()> {
        Err(Error::new(Raised(code)))
    })?;
    linker.func_wrap("runtime", "printErrorMessage", report)?;
    linker.func_wrap("runtime", "writeBufferMessage", log)?;
    linker.func_wrap("runtime", "showSharedRWMemory", || ())?;
    Ok(())
}

fn report(mut caller: Caller<Messages>) -> Result<()> {
    let message = message(&mut caller)?;
    let messages = &mut caller.data_mut().0;
    if messages.len() < MAX_MESSAGES {
        messages.push(message);
    }
    Ok(())
}

/// `log` of a circuit goes nowhere, but its buffer has to be emptied.
fn log(mut caller: Caller<Messages>) -> Result<()> {
    message(&mut caller).map(|_| ())
}

fn message(caller: &mut Caller<Messages>) -> Result<String> {
    let export = caller.get_export("getMessageChar");
    let function = export.and_then(|export| export.into_func());
    let function = function.ok_or_else(|| Error::msg("no getMessageChar"))?;
    let next = function.typed::<(), u32>(&mut *caller)?;
    let mut message = String::new();
    while message.len() < MAX_MESSAGE_BYTES {
        match next.call(&mut *caller, ())? {
            0 => break,
            byte => message.push(char::from(byte as u8)),
        }
    }
    Ok(message)
}
