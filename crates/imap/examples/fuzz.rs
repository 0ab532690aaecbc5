//! Feeds the client what no server should say: replies of the field, bent and broken at random.
//!
//! `cargo run --release -p posthouse-imap --example fuzz -- [--seconds 60] [--seed 1] [INPUT...]`
//!
//! It runs the checks of `fuzz/checks.rs` without a nightly compiler; files given are checked as they are. An input that breaks a check
//! is written to `fuzz-SEED-N.bin` in the current folder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use base64::Engine;

#[path = "../fuzz/checks.rs"]
mod checks;

type Failure = Box<dyn std::error::Error>;

/// Inputs longer than this are cut: short ones find the same faults sooner.
const LONGEST: usize = 8 * 1024;

/// An input that takes longer is a fault.
const SLOWEST: Duration = Duration::from_secs(2);

/// Pieces that steer a parser.
const PIECES: &[&[u8]] = &[
    b"* ", b"\r\n", b"\n", b"+ ", b"P1 OK ", b"P2 OK ", b"P3 OK ", b"P4 NO [", b"P5 BAD ", b"P6 OK x\r\n", b"P7 OK x\r\n", b"P8 OK x\r\n",
    b"P9 OK x\r\n", b"P10 OK x\r\n", b"(", b")", b"\"", b"\\", b"\\\"", b"[", b"]", b"{", b"}", b"{5}\r\n", b"{5+}\r\n", b"~{3}\r\n",
    b"{4294967296}\r\n", b"{18446744073709551615}\r\n", b"NIL", b"1:*", b"4294967295:1", b"0", b"18446744073709551616", b"BODY[", b"<0>",
    b"BODYSTRUCTURE (", b"ENVELOPE (", b"FETCH (", b"UID ", b"FLAGS (", b"VANISHED (EARLIER) ", b"ESEARCH (TAG \"P1\") ", b"LIST () ",
    b"STATUS ", b"CAPABILITY ", b"COPYUID 1 1:9 9:1", b"PARTIAL (-1:-9 ", b"MODSEQ (", b"&", b"&AOQ-", b"\xff", b"\x00", b"BYE ", b"PREAUTH ",
    b"[CAPABILITY IMAP4rev1 IDLE QRESYNC ENABLE ID SASL-IR AUTH=XOAUTH2 ESEARCH MOVE UIDPLUS NAMESPACE LIST-EXTENDED LIST-STATUS QUOTA] ",
];

/// A generator of random numbers (SplitMix64): the same seed gives the same inputs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, list: &'a [Vec<u8>]) -> &'a [u8] {
        list.get(self.below(list.len())).map_or(&[], Vec::as_slice)
    }

    /// One change of many kinds.
    fn bend(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(40)).min(input.len());
        match self.below(8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = PIECES
                    .get(self.below(PIECES.len()))
                    .copied()
                    .unwrap_or_default();
                input.splice(at..at, piece.iter().copied());
            }
            3 => {
                let other = self.pick(corpus).to_vec();
                input.splice(at..at, other);
            }
            4 => {
                let piece: Vec<u8> = input.drain(at..end).collect();
                let times = self.below(30);
                let again = piece.repeat(times);
                input.splice(at..at, again);
            }
            5 => input.truncate(at),
            6 => {
                let other = self.pick(corpus);
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend(other.iter().skip(from));
            }
            _ => {
                let byte = u8::try_from(self.next() % 256).unwrap_or(0);
                input.insert(at, byte);
            }
        }
    }
}

/// The replies of the field, and what the servers of the dialogues say.
fn corpus() -> Result<Vec<Vec<u8>>, Failure> {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("../tests/data/imap-replies.json"))?;
    let mut all = Vec::new();
    for reply in json["replies"].as_array().into_iter().flatten() {
        let text = reply["bytes_base64"].as_str().unwrap_or_default();
        all.push(base64::engine::general_purpose::STANDARD.decode(text)?);
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/dialogues");
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        for dialogue in text.split("## ").skip(1) {
            let lines = dialogue.lines().filter_map(|line| line.strip_prefix("S: "));
            let said: String = lines.flat_map(|line| [line, "\r\n"]).collect();
            all.push(format!("x{said}").into_bytes());
        }
    }
    Ok(all)
}

fn main() -> Result<(), Failure> {
    let (mut seconds, mut seed, mut files) = (60, 1, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().ok_or("how many seconds?")?.parse()?,
            "--seed" => seed = args.next().ok_or("which seed?")?.parse()?,
            _ => files.push(arg),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let check = |input: &[u8]| {
        let begun = Instant::now();
        checks::session(input);
        checks::cuts(input);
        checks::words(input);
        runtime.block_on(checks::driver(input));
        assert!(begun.elapsed() < SLOWEST, "slow");
    };
    for file in &files {
        check(&std::fs::read(file)?);
    }
    if !files.is_empty() {
        return Ok(());
    }
    let mut corpus = corpus()?;
    let (mut random, begun) = (Random(seed), Instant::now());
    let (mut inputs, mut bytes, mut faults) = (0u64, 0u64, 0u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let mut input = random.pick(&corpus).to_vec();
        for _ in 0..=random.below(8) {
            random.bend(&mut input, &corpus);
        }
        input.truncate(LONGEST);
        inputs += 1;
        bytes += input.len() as u64;
        if catch_unwind(AssertUnwindSafe(|| check(&input))).is_err() {
            let name = format!("fuzz-{seed}-{faults}.bin");
            std::fs::write(&name, &input)?;
            eprintln!("{name} breaks a check");
            faults += 1;
        }
        // Some of what was bent is bent further.
        if random.below(50) == 0 {
            match corpus.len() {
                0..5000 => corpus.push(input),
                len => corpus[random.below(len)] = input,
            }
        }
    }
    println!("{inputs} inputs, {bytes} bytes, {faults} faults (seed {seed})");
    if faults > 0 {
        Err("a check was broken".into())
    } else {
        Ok(())
    }
}
