//! The netted ledger: transfers of one epoch proven together instead of a path per transfer.
//!
//! An epoch of a shard is a set of signed [`message`]s and, for every account, one step from its old to its new state
//! ([`epoch`] is the rule, in the plainest form). Messages are proven in any order and in any number of proofs
//! ([`messages`]), accounts as full subtrees ([`tablet`]) or as the touched nodes alone ([`rows`]). What ties them together is
//! a sum of fractions at a random point ([`challenge`]) that vanishes only if every account took part in exactly the messages
//! that name it. [`join`] verifies up to three proofs and adds their sums, [`close`] checks the total and states the program
//! statement. `docs/soundness-ledger.md` has the argument; `programs/transfer.circom` is the reference model without netting.

pub mod accounts;
pub mod assembly;
pub mod challenge;
pub mod circuit;
pub mod close;
pub mod epoch;
pub mod join;
pub mod manifest;
pub mod message;
pub mod messages;
pub mod part_inputs;
pub mod rows;
pub mod statement;
pub mod tablet;
pub mod traffic;

mod layout;
