//! What the end-to-end tests share: the command as a child process, a real NATS server, snarkjs as an outside judge.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use trifold_circuits::artifacts::Checkout;

/// Ends a test that hangs; nothing asserts that it is short.
const PATIENCE: Duration = Duration::from_secs(40 * 60);

/// The checkout with its cache: compiled circuits and keys are shared with `make demo`.
pub fn checkout() -> Checkout {
    let checkout = Checkout::find().expect("tests run inside the checkout");
    checkout.fetch_tools("all").expect("tools");
    checkout
}

/// `trifold` with arguments.
pub fn trifold<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trifold"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end and returns its standard output; fails the test with all of its output if it failed.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?}\n{}", both(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a command that has to exit with 1 and returns what it said, both streams.
pub fn refuse(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    assert_eq!(
        output.status.code(),
        Some(1),
        "{command:?}\n{}",
        both(&output)
    );
    both(&output)
}

fn both(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// Public snarkjs, which knows nothing of this project, on the three files in `out`.
pub fn snarkjs_verifies(checkout: &Checkout, out: &Path) -> bool {
    let output = Command::new("node")
        .arg(checkout.node_script("snarkjs/build/cli.cjs"))
        .args(["groth16", "verify"])
        .args(["verification_key.json", "public.json", "proof.json"].map(|file| out.join(file)))
        .stdin(Stdio::null())
        .output()
        .expect("node");
    output.status.success() && both(&output).contains("OK!")
}

/// A child process with its lines; killed when dropped.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts a command whose two streams are read line by line.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let (sender, lines) = channel();
        let out = child.stdout.take().expect("piped");
        let err = child.stderr.take().expect("piped");
        let other = sender.clone();
        std::thread::spawn(move || forward(out, &sender));
        std::thread::spawn(move || forward(err, &other));
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line that contains `text` and returns it.
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line with {text:?}; it said:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// SIGTERM, and the end that the process makes of it.
    pub fn terminate(mut self) -> (std::process::ExitStatus, Vec<String>) {
        signal("TERM", self.child.id());
        let status = self.child.wait().expect("reaped");
        self.seen.extend(self.lines.iter());
        (status, std::mem::take(&mut self.seen))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end that the process makes by itself.
    pub fn end(mut self) -> (std::process::ExitStatus, Vec<String>) {
        let status = self.child.wait().expect("reaped");
        self.seen.extend(self.lines.iter());
        (status, std::mem::take(&mut self.seen))
    }

    /// SIGKILL: the process gets no chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().expect("alive");
        self.child.wait().expect("reaped");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, process: u32) {
    let process = process.to_string();
    let sent = Command::new("kill").args(["-s", name, &process]).status();
    assert!(sent.expect("kill").success());
}

fn forward(stream: impl std::io::Read, to: &std::sync::mpsc::Sender<String>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let _ = to.send(line);
    }
}

/// The pinned nats-server with JetStream on a free port, its store in a folder of its own.
pub struct NatsServer {
    child: Child,
    port: u16,
    _store: tempfile::TempDir,
}

impl NatsServer {
    pub fn start(checkout: &Checkout) -> Self {
        let store = tempfile::tempdir().expect("temporary folder");
        let port = free_port();
        let child = Command::new(checkout.nats_server())
            .args([
                "--addr",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--jetstream",
                "--store_dir",
            ])
            .arg(store.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server");
        let server = Self {
            child,
            port,
            _store: store,
        };
        server.wait_until_it_listens();
        server
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// A copy of `file` beside it in which one JSON string or number was changed by `change`.
pub fn altered(file: &Path, change: impl FnOnce(&mut serde_json::Value)) -> PathBuf {
    let bytes = std::fs::read(file).expect("readable");
    let mut value = serde_json::from_slice(&bytes).expect("JSON");
    change(&mut value);
    let copy = file.with_extension("altered.json");
    std::fs::write(&copy, value.to_string()).expect("writable");
    copy
}
