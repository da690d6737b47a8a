//! A key-value table as a shard's program (`docs/programs.md`): the native relation of `kv.circom`, the table itself, and
//! what its operator and its readers need.
//!
//! [`Table`] keeps the rows and makes a [`Step`] of requests; [`Step::statement`] says what the circuit proves of it or why it
//! proves nothing; [`Answers`] are checked under the shard's leaf by whoever was given them. It knows nothing of the farm.

pub mod answer;
pub mod files;
pub mod step;
pub mod table;

pub use answer::{Answer, Answers, AnswersError};
pub use step::{Header, Operation, Row, Size, Slot, Step, StepError};
pub use table::{Request, Table, TableError};
