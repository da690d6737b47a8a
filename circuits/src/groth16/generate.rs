//! The generated Circom files: constants of Fq in limbs, and plans.

use super::constant_key::ConstantKey;
use super::constants;
use super::fixed_base;
use super::limbs::{NumberCode, constant_limbs, modulus_limbs};
use super::params::{Mode, Params};
use super::plan::{Plan, PlanError};
use crate::generated::HEADER;
use ark_bn254::Fr;
use std::fmt::Write;

/// A generated file: its path from the repository's root and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Path from the repository's root.
    pub path: String,
    /// Text.
    pub text: String,
}

/// Every generated file of the verifier; computes each plan anew, so that a violated bound is an error here.
pub fn files() -> Result<Vec<GeneratedFile>, PlanError> {
    let mut files = vec![constants_file()];
    for proofs in 1..=3 {
        files.push(plan_file(&Plan::new(
            Mode::Witness,
            Params::DEPLOYED,
            proofs,
        )?));
    }
    Ok(files)
}

fn constants_file() -> GeneratedFile {
    let params = Params::DEPLOYED;
    let mut text = format!(
        "{HEADER}\n// Constants of the base field of BN254 as limb polynomials in X = 2^{}: {} centred limbs each, lowest first.\n\npragma circom 2.1.5;\n",
        params.limb_bits,
        params.limbs()
    );
    let modulus: Vec<String> = modulus_limbs(&params).iter().map(i128::to_string).collect();
    function(
        &mut text,
        "g16_q_limbs",
        &nested(&modulus, &[params.limbs()]),
    );
    for (name, mut shape, values) in constants::named() {
        shape.push(params.limbs());
        let mut limbs = Vec::new();
        for value in values {
            limbs.extend(padded(constant_limbs(value, &params), &params));
        }
        function(&mut text, name, &nested(&limbs, &shape));
    }
    GeneratedFile {
        path: "circuits/lib/groth16/constants.circom".into(),
        text,
    }
}

/// The file that a circuit for `proofs` proofs under this key includes: plan, constants and tables. Computes the plan
/// anew, so that a violated bound is an error here.
pub fn constant_key(key: &ConstantKey, proofs: usize) -> Result<String, PlanError> {
    let mut text = plan_text(&Plan::for_key(key.clone(), proofs)?);
    let params = key.prepared().params();
    let numbers: Vec<String> = key
        .numbers()
        .into_iter()
        .flat_map(|number| padded(constant_limbs(number, params), params))
        .collect();
    let count = numbers.len() / params.limbs();
    function(
        &mut text,
        "g16_key_numbers",
        &nested(&numbers, &[count, params.limbs()]),
    );
    let code = NumberCode::number(params);
    let entries = fixed_base::largest_table();
    let shape = [entries, 2, params.limbs()];
    for (window, table) in key.tables().iter().enumerate() {
        let coordinates = table.iter().flat_map(|point| [point.x, point.y]);
        let mut limbs: Vec<String> = coordinates
            .flat_map(|value| padded(code.signed(value), params))
            .collect();
        limbs.resize(shape.iter().product(), "0".into());
        let name = format!("g16_fixed_base_{window}");
        function(&mut text, &name, &nested(&limbs, &shape));
    }
    text.push_str(&table_choice(key.tables().len()));
    Ok(text)
}

/// A function for each table keeps the compiled functions small; this one chooses among them.
fn table_choice(windows: usize) -> String {
    let mut text = String::from("\nfunction g16_fixed_base(i) {\n");
    for window in 0..windows - 1 {
        writeln!(
            text,
            "    if (i == {window}) {{ return g16_fixed_base_{window}(); }}"
        )
        .expect("a string takes everything");
    }
    text + &format!("    return g16_fixed_base_{}();\n}}\n", windows - 1)
}

fn plan_file(plan: &Plan) -> GeneratedFile {
    let name = format!("plan_{}{}", plan.layout.mode.letter(), plan.proofs);
    GeneratedFile {
        path: format!("circuits/lib/groth16/{name}.circom"),
        text: plan_text(plan),
    }
}

fn plan_text(plan: &Plan) -> String {
    let mut text = format!("{HEADER}\n// {}\n", plan.description());
    for line in plan.layout.to_string().lines() {
        writeln!(text, "// {line}").expect("a string takes everything");
    }
    text.push_str("\npragma circom 2.1.5;\n");
    let groups = &plan.groups;
    let scalar = |value: Fr| value.to_string();
    function(&mut text, "g16_iv", &scalar(plan.initial_value()));
    function(&mut text, "g16_vk_iv", &scalar(plan.key_initial_value()));
    function(&mut text, "g16_groups", &plan.members.len().to_string());
    function(&mut text, "g16_group_size", &plan.group_size().to_string());
    let slots: Vec<Vec<String>> = plan
        .members
        .iter()
        .map(|m| m.iter().map(usize::to_string).collect())
        .collect();
    function(&mut text, "g16_slots", &table(&slots, "-1"));
    let each = |f: &dyn Fn(&super::plan::GroupPlan) -> usize| {
        nested(
            &groups.iter().map(|g| f(g).to_string()).collect::<Vec<_>>(),
            &[groups.len()],
        )
    };
    function(&mut text, "g16_degree", &each(&|g| g.degree));
    function(&mut text, "g16_m", &each(&|g| g.spacing));
    function(
        &mut text,
        "g16_r_count",
        &each(&|g| g.quotient_widths.len()),
    );
    let widths = |f: &dyn Fn(&super::plan::GroupPlan) -> &Vec<usize>| {
        let rows: Vec<Vec<String>> = groups
            .iter()
            .map(|g| f(g).iter().map(usize::to_string).collect())
            .collect();
        table(&rows, "0")
    };
    function(
        &mut text,
        "g16_max_r",
        &most(groups.iter().map(|g| g.quotient_widths.len())),
    );
    function(&mut text, "g16_r_widths", &widths(&|g| &g.quotient_widths));
    function(&mut text, "g16_k_count", &each(&|g| g.carry_widths.len()));
    function(
        &mut text,
        "g16_max_k",
        &most(groups.iter().map(|g| g.carry_widths.len())),
    );
    function(&mut text, "g16_k_widths", &widths(&|g| &g.carry_widths));
    text
}

/// Limbs with zeros up to the length of a number.
fn padded(mut limbs: Vec<i128>, params: &Params) -> impl Iterator<Item = String> + use<> {
    limbs.resize(params.limbs(), 0);
    limbs.into_iter().map(|limb| limb.to_string())
}

fn function(text: &mut String, name: &str, value: &str) {
    write!(text, "\nfunction {name}() {{\n    return {value};\n}}\n")
        .expect("a string takes everything");
}

fn most(counts: impl Iterator<Item = usize>) -> String {
    counts.max().unwrap_or(0).to_string()
}

/// Rows padded to the longest.
fn table(rows: &[Vec<String>], padding: &str) -> String {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut values = Vec::new();
    for row in rows {
        let mut row = row.clone();
        row.resize(width, padding.into());
        values.extend(row);
    }
    nested(&values, &[rows.len(), width])
}

/// An array of this shape, a line for each innermost row.
fn nested(values: &[String], shape: &[usize]) -> String {
    match shape {
        [] => values[0].clone(),
        [_] => format!("[{}]", values.join(", ")),
        [outer, inner @ ..] => {
            let size = values.len() / outer;
            let rows: Vec<String> = values
                .chunks(size)
                .map(|chunk| nested(chunk, inner))
                .collect();
            format!("[\n    {}]", rows.join(",\n    "))
        }
    }
}
