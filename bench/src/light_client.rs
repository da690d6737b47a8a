//! What a light client pays for one update, against arkworks' verification of the same proof.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, PreparedVerifyingKey, Proof, prepare_verifying_key};
use ark_serialize::CanonicalDeserialize;
use rayon::ThreadPoolBuilder;
use serde::Serialize;
use trifold_circuits::artifacts::Checkout;
use trifold_coordinator::standin::{Chain, Simulator};
use trifold_verifier::client::{LightClient, Network, Update};
use trifold_verifier::codec::{GLOBAL_STATE_BYTES, PROOF_BYTES, UPDATE_BYTES};
use trifold_verifier::groth16;
use trifold_verifier::statement::{GlobalState, Keys};

use crate::report::{self, Report, Target};

const RUNS: usize = 200;
/// Epochs after which a client syncs from genesis, and how often.
const SYNCED_EPOCHS: [u64; 4] = [1, 10, 100, 1000];
const SYNCS: usize = 50;

/// What it takes to come from genesis to the newest state.
#[derive(Serialize)]
struct Sync {
    epochs: u64,
    /// State and proof.
    bytes: usize,
    /// Median: the client set up, the update decoded and verified, the client moved on.
    milliseconds: f64,
}

#[derive(Serialize)]
struct Figures {
    runs: usize,
    proof_bytes: usize,
    state_bytes: usize,
    /// Medians from here on.
    client_milliseconds: f64,
    arkworks_verify_milliseconds: f64,
    arkworks_decode_and_verify_milliseconds: f64,
    sync: Vec<Sync>,
}

/// Measures the client and its peer in turns, and writes the report.
pub fn run(checkout: &Checkout) -> Result<Vec<Target>> {
    let report = Report::begin(checkout, "light-client".into());
    let peer = Setting::new()?;
    // Arkworks would use all cores for one verification, which a server that has many does not want.
    let one_core = ThreadPoolBuilder::new().num_threads(1).build()?;
    let milliseconds = one_core.install(|| peer.times())?;
    let [client, verify, decode_and_verify] = milliseconds.map(median);
    let figures = Figures {
        runs: RUNS,
        proof_bytes: PROOF_BYTES,
        state_bytes: GLOBAL_STATE_BYTES,
        client_milliseconds: client,
        arkworks_verify_milliseconds: verify,
        arkworks_decode_and_verify_milliseconds: decode_and_verify,
        sync: sync()?,
    };
    report.end(&figures, &figures.page(), figures.targets())
}

/// Clients that start at genesis, after ever more epochs, in turns.
fn sync() -> Result<Vec<Sync>> {
    let mut chain = Chain::new(3, 2)?;
    let mut updates = Vec::new();
    for epochs in SYNCED_EPOCHS {
        let mut last = chain.next([0])?;
        while chain.state.epoch < epochs {
            last = chain.next([chain.state.epoch as u32 % 3])?;
        }
        let proof = groth16::Proof::from_bytes(&last.proof.proof.0)?;
        let state = chain.state;
        updates.push((epochs, Update { state, proof }.to_bytes()));
    }
    let mut milliseconds = updates.iter().map(|_| Vec::new()).collect::<Vec<_>>();
    for _ in 0..SYNCS {
        for ((epochs, update), times) in updates.iter().zip(&mut milliseconds) {
            let start = Instant::now();
            let origin = black_box(&chain.origin);
            let mut client = LightClient::from_genesis(origin.network, origin.genesis)?;
            client.advance(client.verify(&Update::from_bytes(black_box(update))?)?)?;
            times.push(1e3 * start.elapsed().as_secs_f64());
            ensure!(client.held().epoch() == *epochs, "another epoch");
        }
    }
    let syncs = updates.iter().zip(milliseconds);
    let sync = |((epochs, update), times): (&(u64, [u8; UPDATE_BYTES]), _)| Sync {
        epochs: *epochs,
        bytes: update.len(),
        milliseconds: median(times),
    };
    Ok(syncs.map(sync).collect())
}

/// A client of a network whose nest key has known secrets, and an update with a valid proof.
struct Setting {
    client: LightClient,
    update: [u8; UPDATE_BYTES],
    key: PreparedVerifyingKey<Bn254>,
    proof: Proof<Bn254>,
    x: Fr,
}

impl Setting {
    fn new() -> Result<Self> {
        let simulator = Simulator::new(2);
        let key = simulator.verifying_key();
        let network = network(&simulator)?;
        let state = GlobalState {
            epoch: 3,
            depth: 1,
            root: Fr::from(71),
            history: Fr::from(72),
            in_flight: 0,
        };
        let x = network.statement(&state).digest();
        let proof = simulator.prove(x);
        let update = Update {
            state,
            proof: simulator.client_proof(x)?,
        };
        Ok(Self {
            client: LightClient::from_checkpoint(network, &update)?,
            update: update.to_bytes(),
            key: prepare_verifying_key(&key),
            proof,
            x,
        })
    }

    /// Milliseconds of the client, of arkworks' verification, and of that with the decoding, in turns.
    fn times(&self) -> Result<[Vec<f64>; 3]> {
        let mut milliseconds = [(); 3].map(|()| Vec::with_capacity(RUNS));
        for _ in 0..RUNS {
            for (kind, times) in milliseconds.iter_mut().enumerate() {
                let start = Instant::now();
                let accepted = match kind {
                    0 => self.client()?,
                    1 => self.arkworks(&self.proof)?,
                    _ => self.arkworks(&Proof::deserialize_compressed(self.proof_bytes())?)?,
                };
                times.push(1e3 * start.elapsed().as_secs_f64());
                ensure!(accepted, "a valid proof is refused");
            }
        }
        Ok(milliseconds)
    }

    /// Decodes state and proof, hashes the statement and checks the pairings.
    fn client(&self) -> Result<bool> {
        let update = Update::from_bytes(black_box(&self.update))?;
        Ok(self.client.verify(&update).is_ok())
    }

    fn arkworks(&self, proof: &Proof<Bn254>) -> Result<bool> {
        let (key, x) = black_box((&self.key, self.x));
        Ok(Groth16::<Bn254>::verify_proof(key, proof, &[x])?)
    }

    fn proof_bytes(&self) -> &[u8] {
        &self.update[GLOBAL_STATE_BYTES..]
    }
}

fn network(nest: &Simulator) -> Result<Network> {
    Ok(Network {
        keys: Keys {
            merge: Fr::from(12),
            nest: nest.prepared()?.digest(),
            registry: Fr::from(13),
        },
        genesis: Fr::from(99),
        nest_key: nest.client_key()?,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Figures {
    fn targets(&self) -> Vec<Target> {
        let (client, peer) = (self.client_milliseconds, self.arkworks_verify_milliseconds);
        vec![
            Target::at_most("light client: one update, ms".into(), 2.0, client),
            Target::at_most(
                "light client: one update, times arkworks' verification alone".into(),
                1.1,
                client / peer,
            ),
            Target::figure(
                "light client: sync from genesis after 1,000 epochs, times that after one".into(),
                self.sync[self.sync.len() - 1].milliseconds / self.sync[0].milliseconds,
            ),
            Target::at_most(
                "proof and state, bytes".into(),
                256.0,
                (self.proof_bytes + self.state_bytes) as f64,
            ),
        ]
    }

    fn page(&self) -> String {
        let row = |name: &str, value: f64| format!("| {name} | {value:.3} |\n");
        [
            format!(
                "One update: a state of {} bytes and a proof of {} bytes. Median of {}, in turns, on one core; keys prepared.\n\n",
                self.state_bytes,
                self.proof_bytes,
                report::plural(self.runs, "run")
            ),
            "| work | ms |\n|---|---|\n".into(),
            row(
                "light client: decode, hash, pairings",
                self.client_milliseconds,
            ),
            row("arkworks: pairings", self.arkworks_verify_milliseconds),
            row(
                "arkworks: decode, pairings",
                self.arkworks_decode_and_verify_milliseconds,
            ),
            format!(
                "\nFrom genesis to the newest state, the key's preparation included. Median of {SYNCS}, in turns.\n\n\
                 | epochs | bytes | ms |\n|---|---|---|\n"
            ),
            self.sync
                .iter()
                .map(|sync| {
                    format!(
                        "| {} | {} | {:.3} |\n",
                        sync.epochs, sync.bytes, sync.milliseconds
                    )
                })
                .collect(),
        ]
        .concat()
    }
}
