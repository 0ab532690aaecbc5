//! The messages of the corpus, and what broke a check of the fuzzer once, through all checks.

use std::path::Path;

#[path = "../../fuzz/checks.rs"]
mod checks;

#[test]
fn what_broke_once_is_mended() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in ["fuzz/kept", "../posthouse/tests/corpus"] {
        for entry in std::fs::read_dir(here.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|kind| kind == "bin" || kind == "eml")
            {
                let bytes = std::fs::read(&path).unwrap();
                checks::header(&bytes);
                checks::addresses(&bytes);
                checks::words(&bytes);
                checks::body(&bytes);
                checks::reports(&bytes);
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count} files");
}
