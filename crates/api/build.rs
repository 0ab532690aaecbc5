//! Puts the bill of materials (CycloneDX 1.5, from the lock file) and the licence texts where the
//! crate embeds them.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = Path::new("../..");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let out = Path::new(&out);

    let lock = root.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let lock = fs::read_to_string(lock).unwrap_or_default();
    fs::write(out.join("sbom.json"), bill(&lock))?;

    let mut text = "Posthouse is licensed under MIT OR Apache-2.0, at your choice.\n".to_owned();
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let path = root.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        if let Ok(licence) = fs::read_to_string(path) {
            text.push_str("\n----\n\n");
            text.push_str(&licence);
        }
    }
    fs::write(out.join("license.txt"), text)
}

/// The packages of a lock file. Its values are plain words, so nothing needs escaping.
fn bill(lock: &str) -> String {
    let mut components = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            package.lines().find_map(|line| {
                let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
                Some(value.trim().trim_matches('"'))
            })
        };
        if let (Some(name), Some(version)) = (field("name"), field("version")) {
            let hash = field("checksum").map_or(String::new(), |sum| {
                format!(r#","hashes":[{{"alg":"SHA-256","content":"{sum}"}}]"#)
            });
            let version_of_url = version.replace('+', "%2B");
            components.push(format!(
                r#"{{"type":"library","name":"{name}","version":"{version}","purl":"pkg:cargo/{name}@{version_of_url}"{hash}}}"#
            ));
        }
    }
    format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"metadata":{{"component":{{"type":"application","name":"posthouse","version":"{}"}}}},"components":[{}]}}"#,
        env::var("CARGO_PKG_VERSION").unwrap_or_default(),
        components.join(",")
    )
}
