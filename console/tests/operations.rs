//! The dashboard, the alert rules and the runbook: of metrics that exist, and of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use trifold_circuits::artifacts::Checkout;
use trifold_console::metrics::{Metrics, Role};

const RULES: &str = "deploy/alerts/trifold.rules.yaml";
const DASHBOARD: &str = "deploy/grafana/trifold.json";
const RUNBOOK: &str = "docs/runbook.md";

/// What `tools/promql.mjs` finds.
#[derive(Deserialize)]
struct Found {
    alerts: Vec<Alert>,
    expressions: Vec<Expression>,
}

#[derive(Deserialize)]
struct Alert {
    alert: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Expression {
    #[serde(rename = "where")]
    place: String,
    expr: String,
    /// Why it is not PromQL.
    error: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn found(files: &[&Path]) -> Found {
    let checkout = Checkout::find().unwrap();
    checkout.fetch_tools("npm").unwrap();
    let output = Command::new("node")
        .arg(root().join("tools/promql.mjs"))
        .arg(checkout.node_script(""))
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ours() -> Found {
    found(&[&root().join(RULES), &root().join(DASHBOARD)])
}

/// Names that a scrape has.
fn scraped() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["up".to_owned()]);
    for role in [Role::Coordinator, Role::Worker] {
        for metric in Metrics::new(role, "").described() {
            if metric.kind == "histogram" {
                let series = ["_bucket", "_sum", "_count"];
                names.extend(series.map(|suffix| format!("{}{suffix}", metric.name)));
            } else {
                names.insert(metric.name);
            }
        }
    }
    names
}

/// The metrics that an expression names.
fn named(expr: &str) -> impl Iterator<Item = &str> {
    let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("trifold_") || *word == "up")
}

/// Headings of a Markdown text, as links name them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
    let anchor = |heading: &str| heading.to_lowercase().replace(' ', "-");
    headings.map(anchor).collect()
}

/// Targets of a Markdown text's links.
fn links(text: &str) -> Vec<&str> {
    let parts = text.split("](").skip(1);
    parts.filter_map(|part| part.split(')').next()).collect()
}

#[test]
fn every_expression_is_promql_about_metrics_that_exist() {
    let scraped = scraped();
    let expressions = ours().expressions;
    assert!(expressions.len() > 50);
    for Expression { place, expr, error } in expressions {
        assert_eq!(error, None, "{place}: {expr}");
        for name in named(&expr) {
            assert!(scraped.contains(name), "{place}: no metric {name}");
        }
    }
}

#[test]
fn every_metric_is_in_the_dashboard() {
    let expressions = found(&[&root().join(DASHBOARD)]).expressions;
    let shown: BTreeSet<_> = expressions
        .iter()
        .flat_map(|shown| named(&shown.expr))
        .collect();
    for role in [Role::Coordinator, Role::Worker] {
        for metric in Metrics::new(role, "").described() {
            let series = format!("{}_bucket", metric.name);
            let sum = format!("{}_sum", metric.name);
            let names = [metric.name.as_str(), &series, &sum];
            assert!(
                names.iter().any(|name| shown.contains(name)),
                "{}",
                metric.name
            );
        }
    }
}

#[test]
fn what_is_not_promql_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("bad.yaml");
    std::fs::write(
        &rules,
        "groups: [{rules: [{alert: a, expr: 'sum((', labels: {}, annotations: {}}]}]",
    )
    .unwrap();
    assert!(found(&[&rules]).expressions[0].error.is_some());
}

#[test]
fn every_alert_has_a_section_of_the_runbook_and_every_section_an_alert() {
    let runbook = std::fs::read_to_string(root().join(RUNBOOK)).unwrap();
    let mut names = Vec::new();
    for Alert {
        alert,
        labels,
        annotations,
    } in ours().alerts
    {
        let name = alert.to_lowercase();
        assert!(
            ["warning", "critical"].contains(&labels["severity"].as_str()),
            "{alert}"
        );
        assert!(!annotations["summary"].is_empty(), "{alert}");
        assert_eq!(annotations["runbook"], format!("{RUNBOOK}#{name}"));
        names.push(name);
    }
    assert_eq!(anchors(&runbook), names);
    for section in runbook.split("\n## ").skip(1) {
        for part in ["**Means.**", "**Look.**", "**Do.**"] {
            assert_eq!(section.matches(part).count(), 1, "{part} in {section}");
        }
    }
}

#[test]
fn every_link_of_the_runbook_leads_somewhere() {
    let runbook = std::fs::read_to_string(root().join(RUNBOOK)).unwrap();
    let anchors = anchors(&runbook);
    for link in links(&runbook) {
        let there = match link.strip_prefix('#') {
            Some(anchor) => anchors.iter().any(|known| known == anchor),
            None => root().join("docs").join(link).is_file(),
        };
        assert!(there, "{link}");
    }
}
