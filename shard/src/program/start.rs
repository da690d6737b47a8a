//! What a shard of a program that is not ours starts from, as the program's author writes it.

use super::json::{self, ProgramFileError};
use trifold_circuits::genesis::ProgramStart;

const FIELDS: [&str; 3] = ["body", "state_root", "supply"];

/// Reads the start of a shard that runs `program`.
pub fn start_from_json(program: &str, text: &[u8]) -> Result<ProgramStart, ProgramFileError> {
    let object = json::object(text, &FIELDS)?;
    Ok(ProgramStart {
        program: program.into(),
        body: json::body(&object, "body", "state_root")?,
        supply: json::optional(&object, "supply")?,
    })
}
