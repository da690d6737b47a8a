use crate::support::Circuit;
use ark_bn254::Fr;
use trifold_verifier::statement::{Body, Channel, Message, key_payload};

#[test]
fn digests_agree() {
    let circuit = Circuit::new("channel");
    let fr = |value: u64| Fr::from(value);
    let fields: [Fr; 5] = std::array::from_fn(|i| fr(i as u64 + 1));
    let witness = circuit.witness(&[("in", &fields)]);
    let message = Message {
        kind: 1,
        from: 2,
        to: 3,
        amount: 4,
        payload: fr(5),
    };
    let channel = Channel {
        count: 1,
        messages: fr(2),
    };
    let body = Body {
        state_root: fr(1),
        outbox_root: fr(2),
        inbox_root: fr(3),
    };
    let expected = [
        message.digest(),
        channel.digest(),
        key_payload(fr(1), fr(2)),
        body.digest(),
    ];
    assert_eq!(witness[1..5], expected);
}

#[test]
fn a_word_keeps_its_parts_apart() {
    let last = Message {
        kind: u32::MAX,
        from: u32::MAX,
        to: u32::MAX,
        amount: u64::MAX,
        payload: Fr::from(0),
    };
    let parts: [fn(&mut Message); 4] = [
        |message| message.kind = 0,
        |message| message.from = 0,
        |message| message.to = 0,
        |message| message.amount = 0,
    ];
    let bits = [32, 32, 32, 64];
    let shifts = [128, 96, 64, 0];
    let two = num_bigint::BigUint::from(2u8);
    for ((change, bits), shift) in parts.into_iter().zip(bits).zip(shifts) {
        let mut without = last;
        change(&mut without);
        let part = (two.pow(bits) - 1u8) * two.pow(shift);
        assert_eq!(last.word() - without.word(), Fr::from(part));
    }
}
