//! Feeds the readers of messages what nobody should write: hard messages, bent and broken at random.
//!
//! `cargo run --release -p posthouse-mime --example fuzz -- [--seconds 60] [--seed 1] [--target header|addresses|words|body|reports] [INPUT...]`
//!
//! It runs the checks of `fuzz/checks.rs` without a nightly compiler. It begins with the messages of `crates/posthouse/tests/corpus` and
//! of `tests/reports`, and with what broke a check once (`fuzz/kept`, which the tests replay too); files given are checked as they are. An input that breaks a
//! check is written to `fuzz-TARGET-SEED-N.bin` in the current folder: with its fault mended it belongs into `fuzz/kept`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

#[path = "../fuzz/checks.rs"]
mod checks;
#[path = "../fuzz/random.rs"]
mod random;

use random::Random;

type Failure = Box<dyn std::error::Error>;
type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 5] = [
    ("header", checks::header),
    ("addresses", checks::addresses),
    ("words", checks::words),
    ("body", checks::body),
    ("reports", checks::reports),
];

/// Inputs longer than this are cut: short ones find the same faults sooner.
const LONGEST: usize = 8 * 1024;

/// An input that takes longer is a fault.
const SLOWEST: Duration = Duration::from_secs(2);

/// Pieces that steer a parser.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\r\n",
    b": ",
    b"From: ",
    b"To: ",
    b"Subject: ",
    b"Content-Type: ",
    b"=?utf-8?Q?",
    b"=?utf-8?B?",
    b"=?iso-2022-jp?B?",
    b"?=",
    b"=?",
    b"?= =?",
    b"=C3",
    b"=\r\n",
    b"==",
    b"=",
    b"\"",
    b"\\",
    b"\\\"",
    b"(",
    b")",
    b"<",
    b">",
    b"@",
    b",",
    b";",
    b":",
    b"[",
    b"]",
    b"mailto:",
    b"filename*0*=utf-8''",
    b"filename*1=",
    b"filename=",
    b"; name*=",
    b"%C3%A9",
    b"%",
    b"'",
    b"\x1b$B",
    b"\x1b(B",
    b"\x1b$)C",
    b"\x0e",
    b"\x0f",
    b"~{",
    b"~}",
    b"~",
    b"+AOk-",
    b"+",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xed\xa0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xff",
    b"\x00",
    b"<meta charset=",
    b"begin 644 a\n",
    b"`\nend\n",
    b"> ",
    b">> x \n",
    b"-- \n",
    b" \n",
    b"BEGIN:VEVENT\n",
    b"END:VEVENT\n",
    b"DTSTART;TZID=x:20260101T000000\n",
    b"Mon, 2 Mar 2026 09:30:00 +0100",
    b"<a@b>",
    b"Final-Recipient: rfc822;",
    b"Action: failed\r\n",
    b"Status: 5.1.1",
    b"Diagnostic-Code: smtp; 550 ",
    b"Feedback-Type: abuse\r\n",
    b"Original-Rcpt-To: ",
    b"Message-ID: <a@b>\r\n",
    b"--b\r\n",
    b"<a@b.example>: ",
    b"host a.example said: 550 5.1.1 ",
    b"\\x{E9}",
];

impl Random {
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
                let piece = PIECES.get(self.below(PIECES.len()));
                input.splice(at..at, piece.copied().unwrap_or_default().iter().copied());
            }
            3 => drop(input.drain(..at)),
            4 => {
                let piece: Vec<u8> = input.drain(at..end).collect();
                let again = piece.repeat(self.below(30));
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

fn corpus() -> Result<Vec<Vec<u8>>, Failure> {
    let mut all = Vec::new();
    for folder in ["../posthouse/tests/corpus", "fuzz/kept"] {
        let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|kind| kind == "eml" || kind == "bin")
            {
                all.push(std::fs::read(path)?);
            }
        }
    }
    for entry in std::fs::read_dir(format!("{}/tests/reports", env!("CARGO_MANIFEST_DIR")))? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "txt") {
            let text = format!("\n{}", std::fs::read_to_string(path)?);
            let messages = text.split("\n=== ").skip(1);
            all.extend(
                messages.map(|message| message.split_once('\n').unwrap_or_default().1.into()),
            );
        }
    }
    Ok(all)
}

fn main() -> Result<(), Failure> {
    let (mut seconds, mut seed, mut target, mut files) = (60, 1, String::new(), Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().ok_or("how many seconds?")?.parse()?,
            "--seed" => seed = args.next().ok_or("which seed?")?.parse()?,
            "--target" => target = args.next().ok_or("which target?")?,
            _ => files.push(arg),
        }
    }
    let mut targets = TARGETS.to_vec();
    targets.retain(|(name, _)| target.is_empty() || *name == target);
    let check = |check: Check, input: &[u8]| {
        let begun = Instant::now();
        check(input);
        assert!(begun.elapsed() < SLOWEST, "slow");
    };
    for file in &files {
        for (_, target) in &targets {
            check(*target, &std::fs::read(file)?);
        }
    }
    if !files.is_empty() {
        return Ok(());
    }
    let seeds = corpus()?;
    let mut faults = 0u64;
    for (name, target) in targets {
        let (mut corpus, mut random, begun) = (seeds.clone(), Random(seed), Instant::now());
        let (mut inputs, mut bytes) = (0u64, 0u64);
        while begun.elapsed() < Duration::from_secs(seconds) {
            let mut input = random.pick(&corpus).to_vec();
            for _ in 0..=random.below(8) {
                random.bend(&mut input, &corpus);
            }
            input.truncate(LONGEST);
            inputs += 1;
            bytes += input.len() as u64;
            if catch_unwind(AssertUnwindSafe(|| check(target, &input))).is_err() {
                let file = format!("fuzz-{name}-{seed}-{faults}.bin");
                std::fs::write(&file, &input)?;
                eprintln!("{file} breaks a check");
                faults += 1;
                if faults > 20 {
                    return Err("too many faults".into());
                }
            }
            // Some of what was bent is bent further.
            if random.below(50) == 0 {
                match corpus.len() {
                    0..5000 => corpus.push(input),
                    len => corpus[random.below(len)] = input,
                }
            }
        }
        println!("{name}: {inputs} inputs, {bytes} bytes (seed {seed}), {faults} faults so far");
    }
    if faults > 0 {
        Err("a check was broken".into())
    } else {
        Ok(())
    }
}
