//! The house stands: no arrow runs up, surfaces enter by `app` only, pure crates stay pure.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Floor of each crate, by package name.
const FLOORS: &[(&str, u8)] = &[
    ("posthouse-model", 1),
    ("posthouse-net", 1),
    ("posthouse-script", 1),
    ("posthouse-template", 1),
    ("posthouse-contract", 2),
    ("posthouse-store", 2),
    ("posthouse-mime", 2),
    ("posthouse-imap", 2),
    ("posthouse-smtp", 2),
    ("posthouse-backend", 3),
    ("posthouse-discover", 3),
    ("posthouse-engine", 4),
    ("posthouse-app", 5),
    ("posthouse-api", 6),
    ("posthouse-web", 6),
    ("posthouse", 7),
];

/// Crates on one floor that may use another of it.
const SIDEWAYS: &[(&str, &str)] = &[("posthouse-net", "posthouse-model")];

/// The workspace's packages with what they use (tests apart).
fn packages() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--offline",
            "--locked",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let uses = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect();
            (package["name"].as_str().unwrap().to_owned(), uses)
        })
        .collect()
}

fn floor(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, floor)| *floor)
}

#[test]
fn no_arrow_runs_up() {
    for (name, uses) in packages() {
        if name == "posthouse-testkit" {
            // Answers are held against the document by whoever reads them.
            let ours: Vec<_> = uses
                .iter()
                .filter(|used| used.starts_with("posthouse"))
                .collect();
            assert_eq!(ours, ["posthouse-contract"]);
            continue;
        }
        let own = floor(&name).unwrap_or_else(|| panic!("{name} has no floor"));
        for used in uses.iter().filter(|used| used.starts_with("posthouse")) {
            let below = floor(used).unwrap_or_else(|| panic!("{name} ships {used}"));
            let sideways = SIDEWAYS.contains(&(name.as_str(), used.as_str()));
            assert!(below < own || sideways, "{name} uses {used}");
        }
    }
}

#[test]
fn surfaces_enter_by_app_only() {
    let packages = packages();
    for surface in FLOORS.iter().filter(|(_, floor)| *floor == 6) {
        for hidden in ["posthouse-store", "posthouse-engine", "posthouse-backend"] {
            assert!(
                !packages[surface.0].iter().any(|used| used == hidden),
                "{} reaches past app to {hidden}",
                surface.0
            );
        }
    }
}

#[test]
fn pure_crates_know_no_runtime() {
    let packages = packages();
    for pure in [
        "posthouse-model",
        "posthouse-template",
        "posthouse-contract",
        "posthouse-mime",
    ] {
        for runtime in [
            "tokio",
            "tokio-util",
            "futures-util",
            "hyper-util",
            "hyper",
            "axum",
        ] {
            assert!(
                !packages[pure].iter().any(|used| used == runtime),
                "{pure} uses {runtime}"
            );
        }
    }
}
