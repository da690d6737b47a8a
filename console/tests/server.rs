//! The server as its clients meet it: bytes on a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use trifold_console::play::{Play, Score};
use trifold_console::{Console, Server, Source};

const SCORE: Score = Score {
    shards: 100,
    workers: 12,
    task_ms: 900,
    seed: 11,
};

struct Running {
    address: SocketAddr,
    play: Arc<Play>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

fn console(source: Option<Arc<dyn Source>>) -> Console {
    Console {
        ready: Arc::new(|| Err("the self-test proof is not made yet".into())),
        metrics: Arc::new(|| "farm_ready 0\n# EOF\n".into()),
        source,
        light: None,
    }
}

/// As it reads after a journey: text and back.
fn plain(value: &impl serde::Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

async fn start() -> Running {
    let play = Arc::new(Play::new(SCORE));
    start_with(play.clone(), console(Some(play))).await
}

async fn start_with(play: Arc<Play>, console: Console) -> Running {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), console)
        .await
        .unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(server.serve(async { drop(stopped.await) }));
    Running {
        address,
        play,
        stop,
        server,
    }
}

impl Running {
    /// Sends bytes and reads until the server closes.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may have closed before it took everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn request(&self, method: &str, path: &str, headers: &str) -> String {
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: farm\r\nConnection: close\r\n{headers}\r\n"
        ))
        .await
    }

    async fn get(&self, path: &str) -> String {
        self.request("GET", path, "").await
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    async fn follow(&self, path: &str) -> Events {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: farm\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut events = Events(BufReader::new(stream));
        let head = events.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        events
    }
}

/// What a client of the events reads, chunks and all.
struct Events(BufReader<TcpStream>);

impl Events {
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await.unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    async fn head(&mut self) -> String {
        let mut head = String::new();
        while let Some(line) = self.line().await {
            if line.is_empty() {
                break;
            }
            head += &line;
            head.push('\n');
        }
        head
    }

    /// The next event and its data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let line = self.line().await?;
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.into();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).unwrap()));
            }
        }
    }
}

#[tokio::test]
async fn nothing_but_reading_is_answered() {
    let farm = start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for path in ["/", "/api/v1/view", "/livez", "/nothing"] {
            let answer = farm.request(method, path, "").await;
            assert!(
                answer.starts_with("HTTP/1.1 405"),
                "{method} {path}: {answer}"
            );
            assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
        }
    }
    let answer = farm.request("HEAD", "/", "").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("content-length: "),
        "{head}"
    );
    assert_eq!(body, "");
    let answer = farm.request("HEAD", "/api/v1/events", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("text/event-stream"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_is_refused() {
    let farm = start().await;
    for body in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let answer = farm
            .raw(&format!("GET / HTTP/1.1\r\nHost: farm\r\n{body}\r\n"))
            .await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn every_answer_is_protected() {
    let farm = start().await;
    for path in [
        "/",
        "/assets/page.js",
        "/api/v1/view",
        "/readyz",
        "/nothing",
        "/api/v1/cells/abc",
    ] {
        let answer = farm.get(path).await.to_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
            "cache-control: no-",
        ] {
            assert!(answer.contains(header), "{path} lacks {header}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_head_has_limits() {
    let farm = start().await;
    let many: String = (0..100).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "a".repeat(64 * 1024));
    for headers in [many, long] {
        let answer = farm.request("GET", "/livez", &headers).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
    let answer = farm.get(&format!("/{}", "a".repeat(64 * 1024))).await;
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    for junk in ["\r\n\r\n\r\n", "GET\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"] {
        let answer = farm.raw(junk).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    assert!(
        farm.get("/livez").await.starts_with("HTTP/1.1 200"),
        "it still answers"
    );
}

/// Ends by the server's own limit of ten seconds; the test asserts that it ends, not when.
#[tokio::test]
async fn who_does_not_ask_is_let_go() {
    let farm = start().await;
    let half = farm.raw("GET /livez HTTP/1.1\r\nHost: fa");
    let idle = farm.raw("GET /livez HTTP/1.1\r\nHost: farm\r\n\r\n");
    let (half, idle) = tokio::join!(half, idle);
    assert!(
        half.is_empty() || half.starts_with("HTTP/1.1 408"),
        "{half}"
    );
    assert!(
        idle.starts_with("HTTP/1.1 200") && idle.ends_with("alive\n"),
        "{idle}"
    );
}

#[tokio::test]
async fn files_have_tags() {
    let farm = start().await;
    for path in [
        "/",
        "/assets/page.css",
        "/assets/page.js",
        "/assets/mark.svg",
    ] {
        let answer = farm.get(path).await;
        let tag = answer
            .lines()
            .find_map(|line| line.strip_prefix("etag: "))
            .unwrap()
            .to_owned();
        let again = farm
            .request("GET", path, &format!("If-None-Match: {tag}\r\n"))
            .await;
        assert!(again.starts_with("HTTP/1.1 304"), "{path}: {again}");
        assert!(again.ends_with("\r\n\r\n"), "{again}");
        let other = farm
            .request("GET", path, "If-None-Match: \"other\"\r\n")
            .await;
        assert!(other.starts_with("HTTP/1.1 200"), "{path}: {other}");
    }
    for path in [
        "/assets/",
        "/assets/none.js",
        "/assets/..%2fCargo.toml",
        "/assets/../src/lib.rs",
    ] {
        assert!(farm.get(path).await.starts_with("HTTP/1.1 404"), "{path}");
    }
}

/// Each file that the page and its modules name is there, and nothing is taken from elsewhere.
#[tokio::test]
async fn the_page_is_whole() {
    let farm = start().await;
    let mut open = vec!["/".to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = open.pop() {
        let text = farm.get(&path).await;
        assert!(text.starts_with("HTTP/1.1 200"), "{path}: {text}");
        let outside = text
            .split("http://")
            .skip(1)
            .chain(text.split("https://").skip(1));
        assert_eq!(
            outside
                .filter(|rest| !rest.starts_with("www.w3.org/2000/svg"))
                .count(),
            0,
            "{path}"
        );
        let quoted = text
            .split('"')
            .filter(|part| part.starts_with("/assets/") || part.starts_with("./"));
        for name in quoted.map(|part| part.replace("./", "/assets/")) {
            if !seen.contains(&name) {
                seen.push(name.clone());
                open.push(name);
            }
        }
    }
    assert!(seen.len() >= 12, "{seen:?}");
}

#[tokio::test]
async fn health_says_why() {
    let farm = start().await;
    assert!(farm.get("/livez").await.ends_with("alive\n"));
    let answer = farm.get("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.ends_with("not ready: the self-test proof is not made yet\n"),
        "{answer}"
    );
    let answer = farm.get("/metrics").await;
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{answer}"
    );
    assert!(answer.ends_with("farm_ready 0\n# EOF\n"), "{answer}");
}

#[tokio::test]
async fn a_worker_has_health_and_no_page() {
    let farm = start_with(Arc::new(Play::new(SCORE)), console(None)).await;
    assert!(farm.get("/livez").await.starts_with("HTTP/1.1 200"));
    assert!(farm.get("/metrics").await.starts_with("HTTP/1.1 200"));
    for path in ["/", "/api/v1/view", "/api/v1/events", "/assets/page.js"] {
        assert!(farm.get(path).await.starts_with("HTTP/1.1 404"), "{path}");
    }
}

#[tokio::test]
async fn view_and_cells_are_the_source_s() {
    let farm = start().await;
    farm.play.advance(5000);
    assert_eq!(farm.json("/api/v1/view").await, plain(&*farm.play.view()));
    let cells = plain(&farm.play.cells(1).unwrap());
    assert_eq!(farm.json("/api/v1/cells/1").await, cells);
    assert!(
        farm.get("/api/v1/cells/77")
            .await
            .starts_with("HTTP/1.1 404")
    );
    assert!(
        farm.get("/api/v1/cells/-1")
            .await
            .starts_with("HTTP/1.1 400")
    );
    assert!(
        farm.get("/api/v1/events?epoch=x")
            .await
            .starts_with("HTTP/1.1 400")
    );
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let farm = start().await;
    let error = Server::bind(farm.address, console(None))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(&farm.address.to_string()), "{error}");
    assert!(error.contains("in use"), "{error}");
}

#[tokio::test]
async fn the_end_is_orderly() {
    let farm = start().await;
    let mut events = farm.follow("/api/v1/events").await;
    assert_eq!(events.next().await.unwrap().0, "view");
    farm.stop.send(()).unwrap();
    while events.next().await.is_some() {}
    farm.server.await.unwrap();
    assert!(TcpStream::connect(farm.address).await.is_err());
}

#[tokio::test]
async fn followers_are_counted() {
    let farm = start().await;
    let mut followers = Vec::new();
    for _ in 0..64 {
        followers.push(farm.follow("/api/v1/events").await);
    }
    assert!(farm.get("/api/v1/events").await.starts_with("HTTP/1.1 503"));
    assert!(
        farm.get("/livez").await.starts_with("HTTP/1.1 200"),
        "health does not wait for followers"
    );
    followers.clear();
    while !farm.request("HEAD", "/livez", "").await.is_empty() {
        let mut stream = TcpStream::connect(farm.address).await.unwrap();
        stream
            .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: farm\r\n\r\n")
            .await
            .unwrap();
        let head = Events(BufReader::new(stream)).head().await;
        if head.starts_with("HTTP/1.1 200") {
            return;
        }
    }
}

#[tokio::test]
async fn watched_epochs_are_counted() {
    let farm = start().await;
    let mut followers = Vec::new();
    for epoch in 0..8 {
        followers.push(farm.follow(&format!("/api/v1/events?epoch={epoch}")).await);
    }
    followers.push(farm.follow("/api/v1/events?epoch=3").await);
    assert!(
        farm.get("/api/v1/events?epoch=8")
            .await
            .starts_with("HTTP/1.1 503")
    );
}

/// What a client puts together from the events.
#[derive(Default)]
struct Puzzle {
    view: Value,
    cells: Value,
    deltas: usize,
    patches: usize,
}

impl Puzzle {
    fn take(&mut self, name: &str, data: Value) {
        match name {
            "view" => self.view = data,
            "cells" => self.cells = data,
            "patch" => self.patch(&data),
            "delta" => self.delta(&data),
            other => assert_eq!(other, "beat"),
        }
    }

    fn patch(&mut self, patch: &Value) {
        self.patches += 1;
        for (key, value) in patch["set"].as_object().unwrap() {
            self.view[key] = value.clone();
        }
        let workers = self.view["workers"].as_array_mut().unwrap();
        for worker in patch["workers"].as_array().unwrap() {
            let name = &worker["presence"]["name"];
            workers.retain(|known| known["presence"]["name"] != *name);
            workers.push(worker.clone());
        }
        workers.retain(|known| {
            !patch["gone"]
                .as_array()
                .unwrap()
                .contains(&known["presence"]["name"])
        });
    }

    fn delta(&mut self, delta: &Value) {
        self.deltas += 1;
        assert_eq!(delta["epoch"], self.cells["epoch"]);
        for (level, difference) in delta["levels"].as_array().unwrap().iter().enumerate() {
            let mut letters = spell(self.cells["levels"][level].as_str().unwrap());
            for (index, letter) in spell(difference.as_str().unwrap()).into_iter().enumerate() {
                if letter != '.' {
                    letters[index] = letter;
                }
            }
            self.cells["levels"][level] = json!(
                letters
                    .iter()
                    .map(|letter| format!("1{letter}"))
                    .collect::<String>()
            );
        }
        let holders = self.cells["holders"].as_array_mut().unwrap();
        for holder in delta["holders"].as_array().unwrap() {
            holders.retain(|known| known[0] != holder[0] || known[1] != holder[1]);
            if holder[2] != "" {
                holders.push(holder.clone());
            }
        }
    }

    /// The same in one form, so that two can be compared.
    fn canonical(mut view: Value, mut cells: Value) -> (Value, Value) {
        let workers = view["workers"].as_array_mut().unwrap();
        for worker in workers.iter_mut() {
            worker["silent_ms"] = json!(0);
        }
        workers.sort_by_key(|worker| worker["presence"]["name"].to_string());
        for level in cells["levels"].as_array_mut().unwrap() {
            *level = json!(
                spell(level.as_str().unwrap())
                    .into_iter()
                    .collect::<String>()
            );
        }
        cells["holders"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(Value::to_string);
        (view, cells)
    }
}

fn spell(runs: &str) -> Vec<char> {
    let mut letters = Vec::new();
    let mut count = String::new();
    for character in runs.chars() {
        if character.is_ascii_digit() {
            count.push(character);
        } else {
            letters.extend(std::iter::repeat_n(character, count.parse().unwrap()));
            count.clear();
        }
    }
    letters
}

/// After every advance the pieces make the whole, whatever was skipped in between.
#[tokio::test]
async fn differences_add_up() {
    let farm = start().await;
    let mut events = farm.follow("/api/v1/events").await;
    let mut puzzle = Puzzle::default();
    for milliseconds in [0, 50, 1500, 400, 9000, 50, 20_000, 3000] {
        farm.play.advance(milliseconds);
        let view = farm.play.view();
        let epoch = view.epochs.first().unwrap().epoch;
        let cells = plain(&farm.play.cells(epoch).unwrap());
        let whole = Puzzle::canonical(plain(&*view), cells);
        loop {
            let (name, data) = events.next().await.unwrap();
            puzzle.take(&name, data);
            if !puzzle.cells.is_null()
                && Puzzle::canonical(puzzle.view.clone(), puzzle.cells.clone()) == whole
            {
                break;
            }
            assert_ne!(name, "beat", "everything was told, and it is not the whole");
        }
    }
    assert!(
        puzzle.deltas > 2 && puzzle.patches > 2,
        "{} {}",
        puzzle.deltas,
        puzzle.patches
    );
}
