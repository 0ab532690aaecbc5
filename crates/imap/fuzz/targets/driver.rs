//! See `checks::driver`.
#![no_main]

#[allow(dead_code)]
#[path = "../checks.rs"]
mod checks;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    RUNTIME.with(|runtime| runtime.block_on(checks::driver(data)));
});
