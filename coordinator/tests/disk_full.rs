//! A full disk: the embedded queue refuses what is new, never says that somebody else leads, and keeps what it had.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::queue::{Item, Lane, Queue, QueueError};

const DIRECTORY: &str = "TRIFOLD_TEST_DIRECTORY";
const LEASE: Duration = Duration::from_secs(30);

fn body(position: u64) -> Bytes {
    Bytes::from(vec![position as u8; 10_000])
}

async fn check(queue: &LocalQueue) -> u64 {
    let entries = queue.read(0, usize::MAX).await.expect("reads");
    assert!((1..).zip(&entries).all(|(i, entry)| entry.position == i));
    assert!(entries.iter().all(|e| e.body == body(e.position)));
    let end = queue.end().await.expect("reads");
    assert_eq!(end, entries.len() as u64);
    end
}

/// Runs in a process of its own, whose files may not grow beyond some hundred KiB.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test below"]
async fn in_a_small_place() {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).expect("a directory"));
    let queue = LocalQueue::open(&directory, LEASE).expect("opens");
    let mut end = 0;
    let refused = loop {
        match queue.append(body(end + 1), end).await {
            Ok(position) => end = position,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, QueueError::Backend(_)), "{refused}");
    assert_eq!(check(&queue).await, end);
    for _ in 0..3 {
        let again = queue.append(body(end + 1), end).await;
        assert!(matches!(again, Err(QueueError::Backend(_))), "{again:?}");
    }
    let item = Item {
        key: "k".into(),
        attempt: 0,
        body: Bytes::new(),
    };
    assert!(queue.push(&Lane::Results, &item).await.is_err());
    assert_eq!(check(&queue).await, end);
    assert!(end > 5, "some fitted");
    // Opening needs no more room than there is.
    drop(queue);
    let queue = LocalQueue::open(&directory, LEASE).expect("opens again");
    assert_eq!(check(&queue).await, end);
    println!("kept {end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_forgets_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let script =
        "trap '' XFSZ; ulimit -f 300; exec \"$0\" --exact in_a_small_place --ignored --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().expect("this test"))
        .env(DIRECTORY, directory.path())
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    let end = check(&queue).await;
    assert!(said.contains(&format!("kept {end}\n")), "{said}");
    let appended = queue.append(body(end + 1), end).await;
    assert_eq!(appended.expect("has room again"), end + 1);
}
