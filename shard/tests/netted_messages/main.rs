//! Netted shards among shards of `transfer`: what becomes of messages, what is refused and why, crashes at every point, and random
//! histories against a model of plain maps.

#[path = "../../../verifier/tests/common/mod.rs"]
mod common;
mod crashes;
mod histories;
mod limits;
mod model;
mod network;
#[path = "../messages/model.rs"]
mod plain;
mod refusals;
mod rounds;

use histories::History;

/// TRIFOLD_HISTORIES is how many, TRIFOLD_HISTORY the first seed.
#[test]
fn value_stays_and_every_message_is_taken_once_and_in_order() {
    let number = |name: &str, default: u64| {
        let value = std::env::var(name).ok();
        value.map_or(default, |text| text.parse().expect("a number"))
    };
    let first = number("TRIFOLD_HISTORY", 0);
    let mut tally = [0; 4];
    for seed in first..first + number("TRIFOLD_HISTORIES", 4) {
        println!("seed {seed}");
        let mut history = History::new(seed);
        history.run();
        tally = std::array::from_fn(|kind| tally[kind] + history.tally()[kind]);
    }
    println!("taken: {tally:?}");
    assert!(tally.iter().all(|taken| *taken > 0), "{tally:?}");
}
