//! The netted ledger: circuits, native relations and the rule of an epoch agree, and each constraint is shown to bite.

mod assembly;
#[path = "../claims/support.rs"]
mod calculator;
mod channels;
mod close;
mod epoch;
mod join;
mod mail;
mod messages;
mod rows;
mod support;
mod tablet;
