//! Light clients over HTTP: every route answers as the document says, what is answered verifies, caches and pages are told the
//! right things, and nothing that is asked does harm.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use trifold_console::{
    Accounts, Console, Deliveries, Light, LightPage, NoAccount, NoDelivery, Server, ShardAccount,
};
use trifold_coordinator::Archive;
use trifold_coordinator::archive::Follow;
use trifold_coordinator::coordinator::publish;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::standin::Chain;
use trifold_verifier::claim::{AccountClaim, NettedAccountClaim};
use trifold_verifier::client::Network;
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::{PastState, Receipt};
use trifold_verifier::statement::Body;
use trifold_verifier::trie::Path;

const DOCUMENT: &str = include_str!("../openapi/light.json");

/// A server, and the chain that it serves.
struct Running {
    address: SocketAddr,
    chain: Chain,
    archive: Archive,
    queue: LocalQueue,
    _stop: oneshot::Sender<()>,
}

/// An answer, its head in lower case.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

async fn serve(light: Light) -> (SocketAddr, oneshot::Sender<()>) {
    let console = Console {
        ready: Arc::new(|| Ok(())),
        metrics: Arc::new(String::new),
        source: None,
        light: Some(light),
    };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), console)
        .await
        .unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.serve(async { drop(stopped.await) }));
    (address, stop)
}

impl Running {
    /// Serves a network of five shards, of which two step in each of `epochs` epochs.
    async fn start(epochs: u64) -> Self {
        let chain = Chain::new(5, 3).unwrap();
        let archive = Archive::new(&chain.origin).unwrap();
        let (address, stop) = serve(Light::Archive(archive.clone(), None)).await;
        let mut running = Self {
            address,
            chain,
            archive,
            queue: LocalQueue::memory(Duration::from_secs(30)),
            _stop: stop,
        };
        for _ in 0..epochs {
            running.epoch().await;
        }
        running
    }

    /// One epoch more.
    async fn epoch(&mut self) {
        let link = self.chain.next([1, 4]).unwrap();
        publish(&self.queue, &link.proof, &link.members)
            .await
            .unwrap();
        let (archive, queue) = (&self.archive, &self.queue);
        Follow { archive, queue }.catch_up().await.unwrap();
    }

    async fn get(&self, path: &str) -> Answer {
        request(self.address, "GET", path, "").await
    }
}

async fn request(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: light\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_lowercase(),
        body: body.into(),
    }
}

/// Accounts of which there is none, in a small trie; at one place the trie is that of a netted shard.
struct NoAccounts;

impl Accounts for NoAccounts {
    fn account(&self, index: u64) -> Result<ShardAccount, NoAccount> {
        let siblings = vec![[1.into(), 2.into()], [3.into(), 4.into()]];
        match index {
            0..=7 => Ok(ShardAccount::Reference(AccountClaim {
                body: Body::default(),
                index,
                account: None,
                path: Path { index, siblings },
            })),
            8 => Ok(ShardAccount::Netted(NettedAccountClaim {
                body: Body::default(),
                network: 5.into(),
                keys: 6.into(),
                depth: 3,
                index: 8,
                triad: Default::default(),
                path: Path { index: 2, siblings },
            })),
            9 => Err(NoAccount::Unreadable("it is being written".into())),
            _ => Err(NoAccount::NoPlace(format!("no account {index}"))),
        }
    }
}

/// A shard that has something for shard 1 under epoch 3.
struct OneDelivery;

impl Deliveries for OneDelivery {
    fn delivery(&self, destination: u32, epoch: u64) -> Result<String, NoDelivery> {
        match (destination, epoch) {
            (1, 3) => Ok(r#"{"messages":[]}"#.into()),
            (1, 9) => Err(NoDelivery::Unreadable("it is being written".into())),
            (1, _) => Err(NoDelivery::NotKept(format!("no epoch {epoch}"))),
            _ => Err(NoDelivery::NoShard(format!("no shard {destination}"))),
        }
    }
}

const DELIVERIES: &str = "/light/v1/epochs/{epoch}/deliveries/{shard}";

/// Requests by the route that they are for, and the status of the answer.
const ASKED: [(&str, &str, u16); 48] = [
    ("/light/v1/network", "/light/v1/network", 200),
    ("/light/v1/latest", "/light/v1/latest", 200),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/latest", 200),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/1", 200),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/0", 404),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/9", 404),
    (
        "/light/v1/epochs/{epoch}",
        "/light/v1/epochs/18446744073709551615",
        404,
    ),
    (
        "/light/v1/epochs/{epoch}",
        "/light/v1/epochs/18446744073709551616",
        400,
    ),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/01", 400),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/-1", 400),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/Latest", 400),
    ("/light/v1/epochs/{epoch}", "/light/v1/epochs/%ff", 400),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/3/shards/4",
        200,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/latest/shards/0",
        200,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/1/shards/4?under=3",
        200,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/0/shards/4?under=latest",
        200,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/2/shards/8",
        200,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/2/shards/4294967295",
        200,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/2/shards/4294967296",
        400,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/2/shards/x",
        400,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/2/shards/1?under=x",
        400,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/2/shards/1?under=1",
        400,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/latest/shards/1?under=1",
        400,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/2/shards/1?under=9",
        404,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/0/shards/1",
        404,
    ),
    (
        "/light/v1/epochs/{epoch}/shards/{shard}",
        "/light/v1/epochs/9/shards/1",
        404,
    ),
    ("/light/v1/descent", "/light/v1/descent?from=0&to=3", 200),
    (
        "/light/v1/descent",
        "/light/v1/descent?from=1&to=latest",
        200,
    ),
    ("/light/v1/descent", "/light/v1/descent?from=3&to=3", 400),
    ("/light/v1/descent", "/light/v1/descent?from=3&to=2", 400),
    ("/light/v1/descent", "/light/v1/descent?from=1", 400),
    ("/light/v1/descent", "/light/v1/descent", 400),
    (
        "/light/v1/descent",
        "/light/v1/descent?from=latest&to=3",
        400,
    ),
    ("/light/v1/descent", "/light/v1/descent?from=1&to=9", 404),
    ("/light/v1/openapi.json", "/light/v1/openapi.json", 200),
    (DELIVERIES, "/light/v1/epochs/3/deliveries/1", 200),
    (DELIVERIES, "/light/v1/epochs/3/deliveries/x", 400),
    (DELIVERIES, "/light/v1/epochs/3/deliveries/4294967296", 400),
    (DELIVERIES, "/light/v1/epochs/latest/deliveries/1", 400),
    (DELIVERIES, "/light/v1/epochs/4/deliveries/1", 404),
    (DELIVERIES, "/light/v1/epochs/3/deliveries/2", 404),
    (DELIVERIES, "/light/v1/epochs/9/deliveries/1", 503),
    ("/light/v1/accounts/{index}", "/light/v1/accounts/3", 200),
    ("/light/v1/accounts/{index}", "/light/v1/accounts/8", 200),
    ("/light/v1/accounts/{index}", "/light/v1/accounts/9", 503),
    ("/light/v1/accounts/{index}", "/light/v1/accounts/10", 404),
    ("/light/v1/accounts/{index}", "/light/v1/accounts/x", 400),
    (
        "/light/v1/accounts/{index}",
        "/light/v1/accounts/18446744073709551616",
        400,
    ),
];

/// What the document says about an answer of a route.
fn described<'a>(document: &'a Value, route: &str, status: u16) -> &'a Value {
    let responses = &document["paths"][route]["get"]["responses"];
    let described = &responses[status.to_string()];
    assert!(!described.is_null(), "{route} says nothing about {status}");
    described
}

/// Holds an answer against the document.
fn check(document: &Value, route: &str, answer: &Answer) {
    let described = described(document, route, answer.status);
    for (name, _) in described["headers"].as_object().unwrap() {
        let name = name.to_lowercase();
        assert!(answer.header(&name).is_some(), "{route} lacks {name}");
    }
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let schema = &described["content"]["application/json"]["schema"];
    let conforms = conforms(document, schema, &answer.json(), "the answer");
    conforms.unwrap_or_else(|wrong| panic!("{route}: {wrong}\n{}", answer.body));
}

/// Whether a value has the form that a schema describes. It knows the keywords that the document uses, and no others.
fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: &dyn std::fmt::Debug| Err(format!("{at} is {value}, not {what:?}"));
    for (keyword, of) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "description" | "minItems" | "additionalProperties" | "properties" => {}
            "$ref" => {
                let target = of.as_str().unwrap().strip_prefix('#').unwrap();
                conforms(document, document.pointer(target).unwrap(), value, at)?;
            }
            "const" if of != value => return wrong(of),
            "type" if !is(of.as_str().unwrap(), value) => return wrong(of),
            "const" | "type" => {}
            "pattern" if !value.as_str().is_some_and(|text| decimal(of, text)) => return wrong(of),
            "pattern" => {}
            "oneOf" => {
                let ways = of.as_array().unwrap().iter();
                let fits = ways.filter(|way| conforms(document, way, value, at).is_ok());
                if fits.count() != 1 {
                    return wrong(of);
                }
            }
            "required" => {
                let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
                if let Some(missing) = of.as_array().unwrap().iter().find(missing) {
                    return Err(format!("{at} lacks {missing}"));
                }
                let known = schema["properties"].as_object().unwrap();
                for (name, value) in value.as_object().unwrap() {
                    let Some(schema) = known.get(name) else {
                        return Err(format!("{at} has {name}"));
                    };
                    conforms(document, schema, value, &format!("{at}.{name}"))?;
                }
            }
            "prefixItems" => {
                for (index, schema) in of.as_array().unwrap().iter().enumerate() {
                    let entry = value.get(index).unwrap_or(&Value::Null);
                    conforms(document, schema, entry, &format!("{at}[{index}]"))?;
                }
            }
            "maxItems" if value.as_array().map_or(0, Vec::len) as u64 > of.as_u64().unwrap() => {
                return wrong(&"so long a list");
            }
            "maxItems" => {}
            "items" if *of == false => {}
            "items" => {
                for entry in value.as_array().unwrap() {
                    conforms(document, of, entry, &format!("{at}[..]"))?;
                }
            }
            other => panic!("the document uses {other}"),
        }
    }
    Ok(())
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        other => panic!("the document uses {other}"),
    }
}

/// The one kind of pattern that the document uses: digits without a leading zero, so many at most.
fn decimal(pattern: &Value, text: &str) -> bool {
    let longest = match pattern.as_str().unwrap() {
        "^(0|[1-9][0-9]{0,77})$" => 78,
        "^(0|[1-9][0-9]{0,38})$" => 39,
        other => panic!("the document uses {other}"),
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.len() <= longest && (text == "0" || !text.starts_with('0'))
}

#[tokio::test]
async fn every_route_answers_as_the_document_says() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let farm = Running::start(4).await;
    let light = Light::Shard(Arc::new(OneDelivery), Arc::new(NoAccounts));
    let (shard, _stop) = serve(light).await;
    for (route, path, status) in ASKED {
        let address = match route == DELIVERIES || route.starts_with("/light/v1/accounts") {
            true => shard,
            false => farm.address,
        };
        let answer = request(address, "GET", path, "").await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        check(&document, route, &answer);
    }
    let empty = Running::start(0).await;
    for (route, path) in [
        ("/light/v1/latest", "/light/v1/latest"),
        ("/light/v1/epochs/{epoch}", "/light/v1/epochs/latest"),
        (
            "/light/v1/epochs/{epoch}/shards/{shard}",
            "/light/v1/epochs/latest/shards/0",
        ),
        ("/light/v1/descent", "/light/v1/descent?from=0&to=latest"),
    ] {
        let answer = empty.get(path).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (404, &"no_epoch".into())
        );
        check(&document, route, &answer);
    }
}

#[test]
fn the_document_knows_every_route_and_every_answer_that_was_asked_for() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    for (route, operations) in document["paths"].as_object().unwrap() {
        let responses = operations["get"]["responses"].as_object().unwrap();
        for status in responses.keys().filter(|status| *status != "304") {
            let asked = ASKED
                .iter()
                .any(|(of, _, found)| *of == route && found.to_string() == *status);
            // A farm without any epoch is asked by itself.
            let nothing = route == "/light/v1/latest" && status == "404";
            assert!(asked || nothing, "nobody asks {route} for {status}");
        }
    }
}

#[tokio::test]
async fn what_is_answered_verifies() {
    let farm = Running::start(4).await;
    let trusted = farm.chain.origin.network;
    let network = Network::from_json(&farm.get("/light/v1/network").await.body).unwrap();
    assert_eq!(network, trusted);
    let latest = GlobalProof::from_json(&farm.get("/light/v1/latest").await.body).unwrap();
    assert_eq!(latest.network, trusted);
    let held = latest.verify().unwrap();
    assert_eq!(*held.state(), farm.chain.state);
    let past = farm.get("/light/v1/descent?from=2&to=4").await;
    let past = PastState::from_json(&past.body).unwrap();
    assert_eq!(
        held.verify_past_state(&past.state, &past.path)
            .unwrap()
            .epoch(),
        2
    );
    for (path, present) in [
        ("/light/v1/epochs/4/shards/4", true),
        ("/light/v1/epochs/2/shards/4?under=latest", true),
        ("/light/v1/epochs/4/shards/7", false),
        ("/light/v1/epochs/1/shards/77?under=3", false),
    ] {
        let receipt = Receipt::from_json(&farm.get(path).await.body).unwrap();
        let verified = receipt.verify_under(&trusted).unwrap();
        assert_eq!(!verified.shard().is_absent(), present, "{path}");
    }
    let leaf = farm.get("/light/v1/epochs/4/shards/4").await;
    let receipt = Receipt::from_json(&leaf.body).unwrap();
    assert_eq!(receipt.shard.leaf.as_ref(), farm.chain.leaf(4));
}

const FOREVER: &str = "public, max-age=31536000, immutable";
const BRIEFLY: &str = "public, max-age=1, must-revalidate";

#[tokio::test]
async fn what_can_change_is_kept_briefly_and_what_can_not_for_ever() {
    let mut farm = Running::start(3).await;
    for (path, kept) in [
        ("/light/v1/epochs/2", FOREVER),
        ("/light/v1/epochs/2/shards/1", FOREVER),
        ("/light/v1/epochs/2/shards/1?under=3", FOREVER),
        ("/light/v1/descent?from=1&to=3", FOREVER),
        ("/light/v1/latest", BRIEFLY),
        ("/light/v1/epochs/latest", BRIEFLY),
        ("/light/v1/epochs/latest/shards/1", BRIEFLY),
        ("/light/v1/epochs/2/shards/1?under=latest", BRIEFLY),
        ("/light/v1/descent?from=1&to=latest", BRIEFLY),
        ("/light/v1/network", "public, max-age=3600"),
        ("/light/v1/openapi.json", "public, max-age=3600"),
        ("/light/v1/epochs/4", "no-store"),
        ("/light/v1/epochs/x", "no-store"),
        ("/light/v1/nothing", "no-store"),
    ] {
        let answer = farm.get(path).await;
        assert_eq!(answer.header("cache-control"), Some(kept), "{path}");
    }
    let latest = farm.get("/light/v1/latest").await;
    let tag = latest.header("etag").unwrap().to_owned();
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
        let headers = format!("If-None-Match: {known}\r\n");
        let answer = request(farm.address, "GET", "/light/v1/latest", &headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{known}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    farm.epoch().await;
    let headers = format!("If-None-Match: {tag}\r\n");
    let answer = request(farm.address, "GET", "/light/v1/latest", &headers).await;
    assert_eq!(
        (answer.status, &answer.json()["state"]["epoch"]),
        (200, &"4".into())
    );
}

#[tokio::test]
async fn any_page_may_read_these_answers_and_no_others() {
    let farm = Running::start(1).await;
    for path in [
        "/light/v1/latest",
        "/light/v1/epochs/7",
        "/light/v1/epochs/x",
        "/light/v1/nothing",
        "/light/v1/epochs/1/shards/0",
    ] {
        let answer = farm.get(path).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "{path}"
        );
        let policy = answer.header("cross-origin-resource-policy");
        assert_eq!(policy, Some("cross-origin"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").is_some());
    }
    for path in ["/livez", "/metrics", "/", "/nothing", "/light"] {
        let answer = farm.get(path).await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        let policy = answer.header("cross-origin-resource-policy");
        assert_eq!(policy, Some("same-origin"), "{path}");
    }
    let preflight = "Origin: https://example.org\r\nAccess-Control-Request-Method: GET\r\n";
    let answer = request(farm.address, "OPTIONS", "/light/v1/latest", preflight).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-methods"),
        Some("get, head")
    );
    let answer = request(farm.address, "OPTIONS", "/livez", preflight).await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn only_reading_is_answered_and_bodies_are_refused() {
    let farm = Running::start(1).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        for path in ["/light/v1/latest", "/light/v1/nothing"] {
            let answer = request(farm.address, method, path, "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("get, head, options"));
            assert_eq!(answer.json()["code"], "method");
        }
    }
    let length = "Content-Length: 5\r\n\r\nhello";
    let answer = request(farm.address, "GET", "/light/v1/latest", length).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &"body".into())
    );
    let answer = request(farm.address, "HEAD", "/light/v1/latest", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert!(answer.header("content-length").is_some());
}

#[tokio::test]
async fn hostile_addresses_get_an_error_and_the_server_lives() {
    let farm = Running::start(1).await;
    let long = "9".repeat(4000);
    for path in [
        format!("/light/v1/epochs/{long}"),
        format!("/light/v1/epochs/1/shards/{long}"),
        format!("/light/v1/epochs/1/shards/0?under={long}"),
        format!("/light/v1/descent?from={long}&to={long}"),
        "/light/v1/epochs/..%2f..%2fetc".into(),
        "/light/v1/epochs/1/shards/0?under=%00".into(),
        "/light/v1/descent?from=0&from=0&to=1".into(),
        "/light/v1/epochs//shards/".into(),
    ] {
        let answer = farm.get(&path).await;
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.head
        );
        assert!(answer.body.len() < 4096, "{path}: {}", answer.body.len());
        assert!(answer.json()["code"].is_string());
    }
    assert_eq!(farm.get("/light/v1/latest").await.status, 200);
}

#[tokio::test]
async fn the_light_clients_page_is_served_out_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("index.html", "<!doctype html>"),
        ("page.js", "export {};"),
        ("secret.txt", "no part of it"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let chain = Chain::new(3, 3).unwrap();
    let archive = Archive::new(&chain.origin).unwrap();
    let page = LightPage::read(folder.path()).unwrap();
    let (address, _stop) = serve(Light::Archive(archive, Some(page))).await;
    for (path, status) in [
        ("/light/", 200),
        ("/light/page.js", 200),
        ("/light/secret.txt", 404),
        ("/light/..%2fCargo.toml", 404),
        ("/light", 308),
        ("/light/v1/network", 200),
        ("/light/v1/nothing", 404),
    ] {
        let answer = request(address, "GET", path, "").await;
        assert_eq!(answer.status, status, "{path}: {}", answer.head);
    }
    let page = request(address, "GET", "/light/", "").await;
    assert_eq!(page.body, "<!doctype html>");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("'wasm-unsafe-eval'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(page.header("access-control-allow-origin"), None);
    let known = format!("If-None-Match: {}\r\n", page.header("etag").unwrap());
    assert_eq!(request(address, "GET", "/light/", &known).await.status, 304);
    assert_eq!(request(address, "POST", "/light/", "").await.status, 405);
    std::fs::remove_file(folder.path().join("index.html")).unwrap();
    assert!(LightPage::read(folder.path()).is_err());
}
