//! Feeds the HTML policy what no letter should hold: the attacks of `tests/attacks`, bent and put together at random.
//!
//! `cargo run --release -p posthouse-mime --example fuzz_html -- [--seconds 60] [--seed 1] [INPUT...]`
//!
//! It runs the checks of `fuzz/html.rs` without a nightly compiler; files given are checked as they are. An input that
//! breaks a check is written to `fuzz-SEED-N.html` in the current folder.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

#[path = "../fuzz/html.rs"]
mod judge;
#[path = "../fuzz/random.rs"]
mod random;

use random::Random;

type Failure = Box<dyn std::error::Error>;

/// Inputs longer than this are cut: short ones find the same faults sooner.
const LONGEST: usize = 4 * 1024;

/// An input that takes longer is a fault.
const SLOWEST: Duration = Duration::from_secs(2);

/// Pieces that steer a parser.
const PIECES: &str = "< > \" ' ` = / & &# &lt; &quot; &#x3c; &nbsp; <!-- --> --!> <![CDATA[ ]]> <? </ <script </script> <style> </style> <svg> \
    </svg> <math> <mtext> <mglyph> <foreignObject> <p> </p> <div> </div> <table> <tr> <td> </table> <select> <option> <a> </a> \
    <a_href=https://x.org> <b> </b> <i> <font_color=red> <nobr> <img_src=https://x.org/a> <form> </form> <noscript> <textarea> <title> \
    <template> <iframe> <pre>\n <li> <ul> <h1> <blockquote_type=cite> </blockquote> <div_class=gmail_quote> <div_id=divRplyFwdMsg> <hr> <details> \
    <summary> <div_class=ee-message> <details_class=ee-collapsed-thread> _style='color:red' _class=x _id=y _onerror= javascript: url( @media_all{ \
    } { ; : body .x #y > + ~ /* */ \\ 'x 'x' ( ) rgb( wrote: -----Original_Message----- > On_a_wrote:\n \n \u{a0} \0 www.x.org a@x.org http:// \
    https:/x";

impl Random {
    fn pick<'a>(&mut self, list: &'a [String]) -> &'a str {
        list.get(self.below(list.len())).map_or("", String::as_str)
    }

    /// One change of many kinds.
    fn bend(&mut self, input: &mut String, corpus: &[String], pieces: &[String]) {
        let at = input.floor_char_boundary(self.below(input.len() + 1));
        let end = input.floor_char_boundary((at + self.below(40)).min(input.len()));
        match self.below(7) {
            0 => drop(input.drain(at..end)),
            1 | 2 => input.insert_str(at, self.pick(pieces)),
            3 => input.insert_str(at, self.pick(corpus)),
            4 => {
                let piece: String = input.drain(at..end).collect();
                let times = self.below(20);
                input.insert_str(at, &piece.repeat(times));
            }
            5 => {
                let other = self.pick(corpus);
                let from = other.floor_char_boundary(self.below(other.len() + 1));
                input.truncate(at);
                input.push_str(other.get(from..).unwrap_or_default());
            }
            _ => input.truncate(at),
        }
    }
}

/// The attacks, each by itself.
fn corpus() -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attacks");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "txt") {
            let text = fs::read_to_string(path)?;
            let vectors = text.split("## ").filter_map(|one| one.split_once('\n'));
            all.extend(vectors.map(|(_, html)| html.to_owned()));
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
    let check = |input: &str| {
        let begun = Instant::now();
        judge::policy(input);
        judge::texts(input);
        assert!(begun.elapsed() < SLOWEST, "slow");
    };
    for file in &files {
        check(&fs::read_to_string(file)?);
    }
    if !files.is_empty() {
        return Ok(());
    }
    let pieces: Vec<String> = PIECES
        .split(' ')
        .map(|piece| piece.replace('_', " "))
        .collect();
    let mut corpus = corpus()?;
    let (mut random, begun) = (Random(seed), Instant::now());
    let (mut inputs, mut bytes, mut faults) = (0u64, 0u64, 0u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let mut input = random.pick(&corpus).to_owned();
        for _ in 0..=random.below(8) {
            random.bend(&mut input, &corpus, &pieces);
        }
        input.truncate(input.floor_char_boundary(LONGEST));
        inputs += 1;
        bytes += input.len() as u64;
        if catch_unwind(AssertUnwindSafe(|| check(&input))).is_err() {
            let name = format!("fuzz-{seed}-{faults}.html");
            fs::write(&name, &input)?;
            eprintln!("{name} breaks a check");
            faults += 1;
        }
        // Some of what was bent is bent further.
        if random.below(50) == 0 {
            match corpus.len() {
                0..5000 => corpus.push(input),
                len => {
                    if let Some(place) = corpus.get_mut(random.below(len)) {
                        *place = input;
                    }
                }
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
