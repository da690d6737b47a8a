//! The light client on proofs of chosen statements.

mod common;

use ark_bn254::Fr;
use common::{Trapdoor, scalar};
use trifold_verifier::claim::ClaimError;
use trifold_verifier::client::{ClientError, LightClient, Network, Update};
use trifold_verifier::groth16::VerifyError;
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Keys, RangeError};
use trifold_verifier::trie::{Path, TrieError, empty_digests, node};

const SEED: u64 = 1;

fn genesis() -> GlobalState {
    GlobalState::genesis(1, scalar(100))
}

fn network() -> Network {
    let keys = Keys {
        merge: scalar(1),
        nest: scalar(2),
        registry: scalar(3),
    };
    Network {
        keys,
        genesis: genesis().digest(),
        nest_key: Trapdoor::new(SEED).key(),
    }
}

fn prove(network: &Network, state: GlobalState) -> Update {
    let x = network.statement(&state).digest();
    Update {
        state,
        proof: Trapdoor::new(SEED).prove(x),
    }
}

fn at_epoch(epoch: u64) -> GlobalState {
    GlobalState {
        epoch,
        root: scalar(200 + epoch),
        history: scalar(300 + epoch),
        ..genesis()
    }
}

fn client() -> LightClient {
    LightClient::from_genesis(network(), genesis()).unwrap()
}

/// The first path of a history, whose only entry is `leaf`.
fn first_entry(leaf: Fr) -> (Fr, Path) {
    let empty = empty_digests::<HISTORY_DEPTH>();
    let siblings = empty.iter().map(|digest| [*digest; 2]).collect();
    let root = empty
        .iter()
        .fold(leaf, |child, empty| node(&[child, *empty, *empty]));
    (root, Path { index: 0, siblings })
}

#[test]
fn follows_valid_updates_and_skips_epochs() {
    let mut client = client();
    for epoch in [1, 2, 9] {
        let update = prove(client.network(), at_epoch(epoch));
        let decoded = Update::from_bytes(&update.to_bytes()).unwrap();
        let verified = client.verify(&decoded).unwrap();
        assert_ne!(client.held(), &verified, "verifying alone changes nothing");
        client.advance(verified).unwrap();
        assert_eq!(client.held().state(), &at_epoch(epoch));
    }
}

#[test]
fn refuses_every_changed_field() {
    let (client, valid) = (client(), prove(&network(), at_epoch(3)));
    assert!(client.verify(&valid).is_ok());
    let state = valid.state;
    let changed = [
        GlobalState { epoch: 4, ..state },
        GlobalState { depth: 2, ..state },
        GlobalState {
            root: scalar(0),
            ..state
        },
        GlobalState {
            history: scalar(0),
            ..state
        },
        GlobalState {
            in_flight: 1,
            ..state
        },
    ];
    for state in changed {
        let error = ClientError::Proof {
            epoch: state.epoch,
            error: VerifyError::Pairing,
        };
        assert_eq!(client.verify(&Update { state, ..valid }), Err(error));
    }
    let out_of_range = Update {
        state: GlobalState { depth: 0, ..state },
        ..valid
    };
    assert_eq!(
        client.verify(&out_of_range),
        Err(ClientError::Range(RangeError::Depth(0)))
    );
}

#[test]
fn refuses_other_keys_and_other_chains() {
    let update = prove(&network(), at_epoch(3));
    let network = network();
    let others = [
        Network {
            keys: Keys {
                merge: scalar(9),
                ..network.keys
            },
            ..network
        },
        Network {
            keys: Keys {
                nest: scalar(9),
                ..network.keys
            },
            ..network
        },
        Network {
            keys: Keys {
                registry: scalar(9),
                ..network.keys
            },
            ..network
        },
        Network {
            genesis: scalar(9),
            ..network
        },
        Network {
            nest_key: Trapdoor::new(9).key(),
            ..network
        },
    ];
    assert!(LightClient::from_checkpoint(network, &update).is_ok());
    for other in others {
        let error = ClientError::Proof {
            epoch: 3,
            error: VerifyError::Pairing,
        };
        assert_eq!(
            LightClient::from_checkpoint(other, &update).unwrap_err(),
            error
        );
    }
}

#[test]
fn starts_at_its_own_genesis_only() {
    let other = GlobalState {
        root: scalar(5),
        ..genesis()
    };
    let error = LightClient::from_genesis(network(), other).unwrap_err();
    assert_eq!(error, ClientError::WrongGenesis);
    let later = at_epoch(1);
    let network = Network {
        genesis: later.digest(),
        ..network()
    };
    assert_eq!(
        LightClient::from_genesis(network, later).unwrap_err(),
        ClientError::WrongGenesis
    );
}

#[test]
fn only_advances() {
    let mut client =
        LightClient::from_checkpoint(network(), &prove(&network(), at_epoch(5))).unwrap();
    let verified = |state| client.verify(&prove(&network(), state)).unwrap();
    let (same, older) = (verified(at_epoch(5)), verified(at_epoch(4)));
    let fork = verified(GlobalState {
        in_flight: 1,
        ..at_epoch(5)
    });
    assert_eq!(client.advance(same), Err(ClientError::Known { epoch: 5 }));
    assert_eq!(
        client.advance(older),
        Err(ClientError::Stale { epoch: 4, held: 5 })
    );
    assert_eq!(
        client.advance(fork),
        Err(ClientError::Equivocation { epoch: 5 })
    );
    assert_eq!(client.held().state(), &at_epoch(5));
}

#[test]
fn refuses_states_verified_for_another_network() {
    let other = Network {
        keys: Keys {
            registry: scalar(9),
            ..network().keys
        },
        ..network()
    };
    let foreign = LightClient::from_checkpoint(other, &prove(&other, at_epoch(7))).unwrap();
    let mut client = client();
    assert_eq!(
        client.advance(*foreign.held()),
        Err(ClientError::OtherNetwork)
    );
    let (_, path) = first_entry(genesis().digest());
    assert_eq!(
        client.check_descent(foreign.held(), &path),
        Err(ClientError::OtherNetwork)
    );
}

#[test]
fn tells_descendants_from_forks() {
    let client = client();
    let (history, path) = first_entry(genesis().digest());
    let verified = |state| client.verify(&prove(&network(), state)).unwrap();
    let child = verified(GlobalState {
        history,
        ..at_epoch(1)
    });
    assert_eq!(client.check_descent(&child, &path), Ok(()));
    let (forked_history, forked_path) = first_entry(scalar(8));
    let fork = verified(GlobalState {
        history: forked_history,
        ..at_epoch(1)
    });
    let descent = |error| ClientError::Descent {
        epoch: 1,
        error: ClaimError::Path {
            what: "past state",
            error,
        },
    };
    let error = descent(TrieError::WrongRoot);
    assert_eq!(client.check_descent(&fork, &forked_path), Err(error));
    let elsewhere = Path { index: 1, ..path };
    let error = descent(TrieError::WrongIndex {
        found: 1,
        expected: 0,
    });
    assert_eq!(client.check_descent(&child, &elsewhere), Err(error));
}
