//! See `judge::policy`.
#![no_main]

#[allow(dead_code)]
#[path = "../html.rs"]
mod judge;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    judge::policy(&text);
    judge::texts(&text);
});
