//! Input signals in the JSON form that snarkjs reads: names, and nested arrays of decimal numbers.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use ark_bn254::Fr;
use serde_json::Value;
use trifold_circuits::inputs::Inputs;

/// Reads a file of input signals.
pub fn read(path: &Path) -> Result<Inputs> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    let Value::Object(signals) = serde_json::from_slice(&text)? else {
        bail!("{}: not an object", path.display());
    };
    let mut inputs = Inputs::new();
    for (name, value) in signals {
        let mut values = Vec::new();
        flatten(&value, &mut values).with_context(|| name.clone())?;
        inputs.insert(name, values);
    }
    Ok(inputs)
}

fn flatten(value: &Value, values: &mut Vec<Fr>) -> Result<()> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| flatten(item, values)),
        Value::String(text) => push(text, values),
        Value::Number(number) => push(&number.to_string(), values),
        _ => bail!("neither a number nor an array"),
    }
}

fn push(text: &str, values: &mut Vec<Fr>) -> Result<()> {
    let value = Fr::from_str(text).map_err(|()| anyhow!("{text:?} is no field element"))?;
    values.push(value);
    Ok(())
}
