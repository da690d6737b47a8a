//! A NATS server in operator mode, which knows users by signed tokens: the credentials file opens it, and no other does.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use common::NatsServer;
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};
use trifold_coordinator::queue::{Item, Lane, Pushed, Queue};

/// A token about `subject`, signed by `issuer`: what `nsc` writes, with the claims that a server asks for.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: Value) -> String {
    let encoded = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = encoded(json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let claims = encoded(json!({
        "jti": "1",
        "iat": 1_700_000_000,
        "iss": issuer.public_key(),
        "sub": subject.public_key(),
        "name": "test",
        "nats": claims,
    }));
    let signed = format!("{header}.{claims}");
    let signature = issuer.sign(signed.as_bytes()).expect("a private key");
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

fn account_claims(storage: i64) -> Value {
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": storage, "disk_storage": storage, "streams": -1, "consumer": -1,
    });
    json!({ "type": "account", "version": 2, "limits": limits })
}

/// The server's configuration: an operator with one account for the farm.
fn configuration(folder: &Path, operator: &KeyPair, account: &KeyPair) -> PathBuf {
    let system = KeyPair::new_account();
    let operator_token = token(
        operator,
        operator,
        json!({ "type": "operator", "version": 2 }),
    );
    let text = format!(
        "operator: \"{operator_token}\"\nsystem_account: {}\nresolver: MEMORY\n\
         resolver_preload: {{ {}: \"{}\", {}: \"{}\" }}\n",
        system.public_key(),
        account.public_key(),
        token(operator, account, account_claims(-1)),
        system.public_key(),
        token(operator, &system, account_claims(0)),
    );
    let path = folder.join("server.conf");
    std::fs::write(&path, text).expect("written");
    path
}

/// A credentials file of a user of `account`.
fn credentials(folder: &Path, account: &KeyPair) -> PathBuf {
    let user = KeyPair::new_user();
    let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        token(account, &user, claims),
        user.seed().expect("a private key"),
    );
    let path = folder.join(format!("{}.creds", user.public_key()));
    std::fs::write(&path, text).expect("written");
    path
}

async fn connect(server: &NatsServer, credentials: Option<PathBuf>) -> Result<NatsQueue, String> {
    let config = NatsConfig {
        credentials,
        ..NatsConfig::new(server.bare_url())
    };
    let connected = NatsQueue::connect(&config).await;
    connected.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credentials_file_opens_a_server_in_operator_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let configuration = configuration(folder.path(), &operator, &account);
    let configuration = configuration.to_str().expect("UTF-8");
    let server = NatsServer::start_with(["--config".to_owned(), configuration.to_owned()]);

    let own = credentials(folder.path(), &account);
    let queue = connect(&server, Some(own)).await.expect("let in");
    let item = Item {
        key: "x".into(),
        attempt: 0,
        body: Bytes::from_static(b"1"),
    };
    let pushed = queue.push(&Lane::Results, &item).await;
    assert_eq!(pushed.expect("pushed"), Pushed::New);
    let pulled = queue.pull(&[Lane::Results], Duration::from_secs(5)).await;
    assert!(pulled.expect("pulled").is_some());

    let foreign = credentials(folder.path(), &KeyPair::new_account());
    let refused = connect(&server, Some(foreign)).await.err();
    assert!(refused.expect("refused").contains("127.0.0.1"));
    connect(&server, None).await.err().expect("refused");
    let missing = folder.path().join("missing.creds");
    let refused = connect(&server, Some(missing)).await.err();
    assert!(refused.expect("refused").contains("missing.creds"));
}
