//! Flags of the commands that prove, and what is said where there is no card.

mod support;

use support::trifold;

/// Runs a command that has to fail and returns its exit code and what it said.
fn fails(arguments: &[&str]) -> (Option<i32>, String) {
    let output = trifold(arguments.iter().copied())
        .env("CUDA_VISIBLE_DEVICES", "")
        .output()
        .expect("starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(said).expect("UTF-8"),
    )
}

#[test]
fn a_bad_value_is_named_with_what_would_be_good() {
    let cases: [(&[&str], &str); 8] = [
        (&["--backend", "metal"], "auto, cpu, cuda, icicle"),
        (&["--backend", "paired:cpu,cpu"], "paired:X,Y"),
        (&["--batch", "0"], "1 to 256"),
        (&["--gpu", "0,first"], "\"first\""),
        (&["--gpu", "1,1"], "twice"),
        (&["--memory-budget", "lots"], "40GB"),
        (&["--low-memory", "maybe"], "auto, on or off"),
        (&["--witness-threads", "0"], "--witness-threads"),
    ];
    for (flags, part) in cases {
        let arguments = [&["worker", "--genesis", "nowhere.json"], flags].concat();
        let (code, said) = fails(&arguments);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(flags[1]) && said.contains(part), "{said}");
    }
}

/// One line, whatever this machine lacks; a card that is there is hidden from it.
#[test]
fn without_a_card_one_line_says_why() {
    for arguments in [
        &["gpu"][..],
        &["worker", "--genesis", "nowhere.json", "--backend", "cuda"],
        &["worker", "--genesis", "nowhere.json", "--gpu", "0"],
    ] {
        let (code, said) = fails(arguments);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("cuda") || said.contains("CUDA"), "{said}");
    }
}

#[test]
fn programs_get_the_reason_as_json() {
    let (code, said) = fails(&["gpu", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(code, Some(1));
    assert_eq!(value["cards"], serde_json::json!([]));
    assert!(
        value["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty())
    );
}
