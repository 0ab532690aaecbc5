//! Feeds templates that nobody should write: those of the table, bent and broken at random.
//!
//! `cargo run --release -p posthouse-template --example fuzz -- [--seconds 60] [--seed 1]`
//!
//! A template that panics or takes too long is written to `fuzz-template-SEED-N.txt` in the current folder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use posthouse_template::{Context, Format, Source, Template};
use serde_json::Value;

#[path = "../../mime/fuzz/random.rs"]
mod random;

use random::Random;

type Failure = Box<dyn std::error::Error>;

/// Templates longer than this are cut: short ones find the same faults sooner.
const LONGEST: usize = 4 * 1024;

/// One that takes longer is a fault.
const SLOWEST: Duration = Duration::from_secs(2);

fn check(template: &str, context: &Context) {
    let begun = Instant::now();
    for format in [Format::Html, Format::Markdown] {
        let source = Source {
            subject: Some(template),
            html: Some(template),
            format,
            ..Source::default()
        };
        if let Ok(template) = Template::compile(&source) {
            let _ = template.render(context);
        }
    }
    assert!(begun.elapsed() < SLOWEST, "slow");
}

/// A template of the table, cut and put together with others.
fn bent(random: &mut Random, corpus: &[Vec<char>]) -> String {
    let mut all = Vec::new();
    for _ in 0..=random.below(6) {
        let Some(other) = corpus.get(random.below(corpus.len())) else {
            continue;
        };
        let from = random.below(other.len() + 1);
        let piece: Vec<char> = other[from..]
            .iter()
            .copied()
            .take(1 + random.below(60))
            .collect();
        let at = random.below(all.len() + 1);
        let piece = if random.below(20) == 0 {
            piece.repeat(random.below(60))
        } else {
            piece
        };
        all.splice(at..at, piece);
    }
    all.into_iter().take(LONGEST).collect()
}

fn main() -> Result<(), Failure> {
    let (mut seconds, mut seed) = (60, 1);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().ok_or("how many seconds?")?.parse()?,
            "--seed" => seed = args.next().ok_or("which seed?")?.parse()?,
            other => return Err(format!("what is {other}?").into()),
        }
    }
    let table: Value = serde_json::from_str(include_str!("../tests/cases.json"))?;
    let corpus: Vec<Vec<char>> = table["cases"]
        .as_array()
        .ok_or("no cases")?
        .iter()
        .filter_map(|case| case["template"].as_str())
        .map(|template| template.chars().collect())
        .collect();
    let context = Context {
        params: table["params"].as_object().cloned().unwrap_or_default(),
        ..Context::default()
    };
    let (mut random, begun) = (Random(seed), Instant::now());
    let (mut inputs, mut faults) = (0u64, 0u64);
    while begun.elapsed() < Duration::from_secs(seconds) && faults < 20 {
        let template = bent(&mut random, &corpus);
        inputs += 1;
        if catch_unwind(AssertUnwindSafe(|| check(&template, &context))).is_err() {
            let file = format!("fuzz-template-{seed}-{faults}.txt");
            std::fs::write(&file, &template)?;
            eprintln!("{file} breaks a check");
            faults += 1;
        }
    }
    println!("template: {inputs} inputs (seed {seed}), {faults} faults");
    if faults > 0 {
        return Err("a check was broken".into());
    }
    Ok(())
}
