//! A worker and nothing else, for the integration tests.

fn main() -> Result<(), posthouse_script::worker::WorkerError> {
    posthouse_script::worker::run()
}
