use std::path::PathBuf;

use serde::Deserialize;

use super::{ArtifactError, Checkout, at};

/// The deployed circuits: `circuits/circuits.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// In the order of the file.
    #[serde(rename = "circuit", default)]
    pub circuits: Vec<CircuitSpec>,
}

/// One instance of a template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircuitSpec {
    /// The name that keys, tasks and commands use.
    pub name: String,
    /// What the circuit proves, in one line.
    #[serde(default)]
    pub title: String,
    /// The Circom file, relative to `circuits/`.
    pub source: PathBuf,
    /// The template to instantiate with `parameters`; absent when `source` has a `main` of its own.
    pub template: Option<String>,
    /// In the order of the template.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The compiler's level of simplification: 0, 1 or 2.
    #[serde(default = "full_simplification")]
    pub optimization: u8,
    /// Constraints after simplification, pinned: a test fails when the compiled circuit has another count.
    pub constraints: Option<u64>,
    /// The count that may never be exceeded.
    pub ceiling: Option<u64>,
    /// The folder of a program that is not ours; paths below `program/` lie there.
    #[serde(skip)]
    pub folder: Option<PathBuf>,
}

/// A parameter of a template.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// As in the template's head.
    pub name: String,
    /// Its value in this instance.
    pub value: u64,
}

fn full_simplification() -> u8 {
    2
}

impl Manifest {
    /// Reads the list of the checkout.
    ///
    /// # Errors
    /// [`ArtifactError::Io`], or [`ArtifactError::Manifest`] with the line that is wrong.
    pub fn load(checkout: &Checkout) -> Result<Self, ArtifactError> {
        let path = checkout.root().join("circuits/circuits.toml");
        let text = std::fs::read_to_string(&path).map_err(at(&path))?;
        let manifest: Self = toml::from_str(&text).map_err(|error| ArtifactError::Manifest {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        match manifest.circuits.iter().find_map(CircuitSpec::fault) {
            Some(reason) => Err(ArtifactError::Manifest { path, reason }),
            None => Ok(manifest),
        }
    }

    /// The circuit of that name.
    ///
    /// # Errors
    /// [`ArtifactError::UnknownCircuit`], naming those there are.
    pub fn get(&self, name: &str) -> Result<&CircuitSpec, ArtifactError> {
        self.circuits
            .iter()
            .find(|circuit| circuit.name == name)
            .ok_or_else(|| {
                let known: Vec<_> = self
                    .circuits
                    .iter()
                    .map(|circuit| circuit.name.as_str())
                    .collect();
                ArtifactError::UnknownCircuit {
                    name: name.into(),
                    known: known.join(", "),
                }
            })
    }
}

impl CircuitSpec {
    /// A circuit whose source has a `main` of its own and which is in no list: the mains of the tests.
    pub fn unlisted(source: PathBuf) -> Self {
        let name = source
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        Self {
            name,
            title: String::new(),
            source,
            template: None,
            parameters: Vec::new(),
            optimization: full_simplification(),
            constraints: None,
            ceiling: None,
            folder: None,
        }
    }

    /// `name=value` of every parameter, for a person.
    pub fn describe_parameters(&self) -> String {
        let one = |parameter: &Parameter| format!("{}={}", parameter.name, parameter.value);
        self.parameters
            .iter()
            .map(one)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The text of the `main` component; `None` when the source has one.
    pub(super) fn main_text(&self) -> Option<String> {
        let template = self.template.as_ref()?;
        let values: Vec<_> = self
            .parameters
            .iter()
            .map(|parameter| parameter.value.to_string())
            .collect();
        Some(format!(
            "pragma circom 2.2.0;\ninclude \"{}\";\ncomponent main {{public [x]}} = {template}({});\n",
            self.source.display(),
            values.join(", ")
        ))
    }

    pub(super) fn fault(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Some(format!(
                "circuit name {:?}: letters, digits, - and _ only",
                self.name
            ));
        }
        if self.optimization > 2 {
            return Some(format!(
                "{}: optimization {} is not 0, 1 or 2",
                self.name, self.optimization
            ));
        }
        if self.template.is_none() && !self.parameters.is_empty() {
            return Some(format!("{}: parameters without a template", self.name));
        }
        None
    }
}
