//! One configuration: precedence, what is refused and how, and the generated reference.

use std::path::Path;

use crate::support::{succeed, trifold};
use serde_json::Value;

/// Runs `trifold` with a configuration file in an empty environment; exit code, output, errors.
fn with_file(text: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("farm.toml");
    std::fs::write(&path, text).expect("written");
    let mut command = trifold(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRIFOLD_")) {
        command.env_remove(name);
    }
    let output = command
        .args(["--config", &path.display().to_string()])
        .envs(variables.iter().copied())
        .output()
        .expect("starts");
    let text = |bytes: &[u8]| {
        let folder = format!("{}/", folder.path().display());
        String::from_utf8_lossy(bytes).replace(&folder, "")
    };
    let code = output.status.code().expect("no signal");
    (code, text(&output.stdout), text(&output.stderr))
}

fn refused(text: &str) -> Vec<String> {
    let (code, out, errors) = with_file(text, &["config", "check"], &[]);
    assert_eq!(code, 2, "{text}: {out}{errors}");
    errors.lines().map(str::to_owned).collect()
}

/// Value and origin of a command's setting, as `config show` has it.
fn shown(json: &str, command: &str, key: &str) -> (Value, Value) {
    let value: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(value["version"], 1);
    let settings = value["settings"].as_array().expect("a list");
    let found = settings
        .iter()
        .find(|setting| setting["command"] == command && setting["key"] == key);
    let found = found.unwrap_or_else(|| panic!("no {command} {key}"));
    (found["value"].clone(), found["origin"].clone())
}

const FILE: &str = r#"
nats = "nats://farm:secret@example:4222"
log = "info"
nats-password = "s3cret"
nats-user = "farm"

[worker]
batch = 16
nats = "nats://near:4222"
memory-budget = 40_000_000_000
"#;

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let show = ["config", "show", "--json"];
    let (code, json, errors) = with_file(FILE, &show, &[("TRIFOLD_BACKEND", "cpu")]);
    assert_eq!(code, 0, "{errors}");
    let at = |line| serde_json::json!({"kind": "file", "path": "farm.toml", "line": line});
    let url = "nats://(hidden)@example:4222".into();
    assert_eq!(shown(&json, "submit", "nats"), (url, at(2)));
    let near = "nats://near:4222".into();
    assert_eq!(shown(&json, "worker", "nats"), (near, at(9)));
    assert_eq!(shown(&json, "worker", "batch"), ("16".into(), at(8)));
    assert_eq!(shown(&json, "demo", "batch").1["kind"], "default");
    assert_eq!(
        shown(&json, "worker", "nats-password"),
        (Value::Null, at(4))
    );
    let variable = serde_json::json!({"kind": "environment", "variable": "TRIFOLD_BACKEND"});
    assert_eq!(shown(&json, "worker", "backend"), ("cpu".into(), variable));
    let (_, json, _) = with_file(FILE, &["--log", "error", "config", "show", "--json"], &[]);
    assert_eq!(shown(&json, "", "log").0, "error");
    let (_, table, _) = with_file(FILE, &["config", "show"], &[]);
    assert!(
        !table.contains("s3cret") && !table.contains("farm:secret"),
        "{table}"
    );
    assert!(
        table.contains("(hidden)") && table.contains("farm.toml:8"),
        "{table}"
    );
}

/// What a command does with the values, not only what is shown of them.
#[test]
fn a_command_runs_with_what_the_file_says() {
    let file = "[status]\nnats = \"nats://127.0.0.1:1\"\n";
    let said = |arguments: &[&str], variables: &[(&str, &str)]| {
        let (code, _, errors) = with_file(file, arguments, variables);
        assert_eq!(code, 1, "{errors}");
        errors
    };
    assert!(said(&["status"], &[]).contains("127.0.0.1:1:"));
    let variable = [("TRIFOLD_NATS", "nats://127.0.0.1:2")];
    assert!(said(&["status"], &variable).contains("127.0.0.1:2:"));
    let flag = ["status", "--nats", "nats://127.0.0.1:3"];
    assert!(said(&flag, &variable).contains("127.0.0.1:3:"));
}

#[test]
fn a_required_setting_may_stand_in_the_file() {
    let (code, _, errors) = with_file("", &["worker"], &[]);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--genesis"), "{errors}");
}

/// clap's own rules about what goes together hold for what the file says too.
#[test]
fn what_excludes_each_other_does_so_from_the_file() {
    let file = "nats-creds = \"farm.creds\"\n";
    let login = ["status", "--nats-user", "a", "--nats-password", "b"];
    let (code, _, errors) = with_file(file, &login, &[]);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--nats-creds"), "{errors}");
    let (code, _, errors) = with_file("nats-user = \"a\"\n", &["status"], &[]);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--nats-password"), "{errors}");
}

#[test]
fn what_is_wrong_is_said_with_file_line_and_nearest_name() {
    let cases = [
        (
            "natz = \"x\"",
            "farm.toml:1: no setting \"natz\" before the first section; the nearest is \"nats\"",
        ),
        (
            "\n[worker]\nbatsh = 3",
            "farm.toml:3: no setting \"batsh\" in [worker]; the nearest is \"batch\"",
        ),
        (
            "[wroker]\nbatch = 3",
            "farm.toml:1: no section [wroker]; the nearest is \"worker\"",
        ),
        (
            "[submit]\nbatch = 3",
            "farm.toml:2: no setting \"batch\" in [submit]; it belongs in [demo], or in [worker]",
        ),
        (
            "[worker]\nlog = \"info\"",
            "farm.toml:2: no setting \"log\" in [worker]; it belongs before the first section",
        ),
        ("nats = 4222", "farm.toml:1: nats must be a text in quotes"),
        (
            "[worker]\nbatch = true",
            "farm.toml:2: batch must be a text in quotes or a whole number",
        ),
        (
            "[worker]\nwitness-threads = \"2\"",
            "farm.toml:2: witness-threads must be a whole number",
        ),
        (
            "[worker]\nbatch = 0",
            "farm.toml:2: invalid value '0' for 'batch': \"0\" is not auto or a number from 1 to 256",
        ),
        (
            "[worker]\nwitness-threads = -1",
            "farm.toml:2: invalid value '-1' for 'witness-threads'",
        ),
        ("nats = \"a\"\nnats = \"b\"", "farm.toml:2: duplicate key"),
        ("nats = ", "farm.toml:1: "),
    ];
    for (text, expected) in cases {
        let lines = refused(text);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = lines[0].strip_prefix("trifold: ").expect("named");
        assert!(line.starts_with(expected), "{line:?}\nnot {expected:?}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let lines = refused("natz = \"x\"\n[worker]\nbatch = 0\nbackend = 1.5\n");
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn a_file_that_is_not_there_or_too_large_is_refused() {
    let output = trifold(["config", "check", "--config", "nowhere.toml"]).output();
    let output = output.expect("starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere.toml"));
    let large = "#".repeat((1 << 20) + 1);
    assert!(refused(&large)[0].contains("more than 1048576"));
}

#[test]
fn a_misspelt_variable_is_found() {
    let variables = [("TRIFOLD_BATCHES", "4"), ("TRIFOLD_GPU", "0,0")];
    let (code, _, errors) = with_file("", &["config", "check"], &variables);
    assert_eq!(code, 1);
    assert!(
        errors.contains("TRIFOLD_BATCHES: no such variable; the nearest is \"TRIFOLD_BATCH\""),
        "{errors}"
    );
    assert!(
        errors.contains("TRIFOLD_GPU: ") && errors.contains("twice"),
        "{errors}"
    );
}

/// Libraries read these two from the environment, so the process starts over with them there.
#[test]
fn the_root_and_the_cache_may_come_from_the_file() {
    let file = "root = \"/nonexistent/root\"\n";
    let (code, _, errors) = with_file(file, &["circuits"], &[]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("/nonexistent/root"), "{errors}");
}

#[test]
fn the_reference_is_what_the_definition_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let written = std::fs::read_to_string(&path).expect("docs/configuration.md");
    let generated = succeed(&mut trifold(["config", "reference"]));
    assert!(
        written == generated,
        "run: trifold config reference > docs/configuration.md"
    );
}
