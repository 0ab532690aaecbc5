//! The replies of `tests/replies`, judged: how many get the category and the action that they should. `docs/BOUNCES.md` shows the tables;
//! `POSTHOUSE_CORPUS=write` writes them anew.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use posthouse_mime::report::{Category, RecommendedAction, judge};
use serde::de::DeserializeOwned;

struct Labelled {
    category: Category,
    action: RecommendedAction,
    status: Option<String>,
    text: String,
}

fn word<T: DeserializeOwned>(word: &str) -> T {
    serde_json::from_value(word.into()).unwrap_or_else(|_| panic!("no word: {word}"))
}

fn name(category: Category) -> String {
    let value = serde_json::to_value(category).unwrap();
    value.as_str().unwrap().to_owned()
}

fn replies(file: &str) -> Vec<Labelled> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/replies")
        .join(file);
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| line.contains(" | "));
    lines
        .map(|line| {
            let mut columns = line.splitn(3, " | ");
            let (category, action) = columns.next().unwrap().split_once(' ').unwrap();
            let status = columns.next().unwrap();
            Labelled {
                category: word(category),
                action: word(action),
                status: (status != "-").then(|| status.to_owned()),
                text: columns.next().unwrap().to_owned(),
            }
        })
        .collect()
}

/// How the replies of a file fare.
#[derive(Default)]
struct Measured {
    count: usize,
    right: usize,
    /// Category and action both.
    acted: usize,
    /// By the category that it should be and the one that it is.
    confusion: BTreeMap<(Category, Category), usize>,
    wrong: String,
}

fn measure(file: &str) -> Measured {
    let mut out = Measured::default();
    for reply in replies(file) {
        let got = judge(&reply.text, reply.status.as_deref());
        let is_right = got.category == reply.category;
        let is_acted = is_right && got.action == reply.action;
        out.count += 1;
        out.right += usize::from(is_right);
        out.acted += usize::from(is_acted);
        *out.confusion
            .entry((reply.category, got.category))
            .or_default() += 1;
        if !is_acted {
            let Labelled {
                category,
                action,
                text,
                ..
            } = reply;
            writeln!(
                out.wrong,
                "{category:?} {action:?} is {:?} {:?}: {text}",
                got.category, got.action
            )
            .unwrap();
        }
    }
    out
}

impl Measured {
    fn percent(part: usize, whole: usize) -> f64 {
        100.0 * part as f64 / whole as f64
    }

    fn table(&self) -> String {
        let mut out = String::from(
            "| Category | Replies | Right | Taken for another | Others taken for it |\n|---|--:|--:|---|---|\n",
        );
        for &category in Category::ALL {
            let count = |should: Option<Category>, is: Option<Category>| -> usize {
                let all = self.confusion.iter();
                all.filter(|((s, i), _)| {
                    should.is_none_or(|should| should == *s) && is.is_none_or(|is| is == *i)
                })
                .map(|(_, count)| count)
                .sum()
            };
            let list = |pairs: Vec<(Category, usize)>| {
                let words: Vec<String> = pairs
                    .iter()
                    .map(|(category, count)| format!("{} {count}", name(*category)))
                    .collect();
                if words.is_empty() {
                    "–".to_owned()
                } else {
                    words.join(", ")
                }
            };
            let others = self
                .confusion
                .iter()
                .filter(|((should, is), _)| should != is);
            let (mut lost, mut gained) = (Vec::new(), Vec::new());
            for ((should, is), count) in others {
                if *should == category {
                    lost.push((*is, *count));
                }
                if *is == category {
                    gained.push((*should, *count));
                }
            }
            let row = format!(
                "| `{}` | {} | {} | {} | {} |",
                name(category),
                count(Some(category), None),
                count(Some(category), Some(category)),
                list(lost),
                list(gained)
            );
            writeln!(out, "{row}").unwrap();
        }
        out
    }
}

#[test]
fn most_replies_are_judged_right() {
    for (file, least) in [("tuning.txt", 95.0), ("held_out.txt", 85.0)] {
        let got = measure(file);
        assert!(got.count >= 125, "{file}: {}", got.count);
        for (what, part) in [("category", got.right), ("category and action", got.acted)] {
            let percent = Measured::percent(part, got.count);
            assert!(
                percent >= least,
                "{file}: {what} of {percent:.1} %\n{}",
                got.wrong
            );
        }
    }
}

#[test]
fn the_tables_of_the_documentation_are_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/BOUNCES.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut expected = page.clone();
    for (file, mark) in [("tuning.txt", "tuning"), ("held_out.txt", "held out")] {
        let got = measure(file);
        let right = Measured::percent(got.right, got.count);
        let acted = Measured::percent(got.acted, got.count);
        let block = format!(
            "{} replies: {right:.1} % get the right category, {acted:.1} % category and action.\n\n{}",
            got.count,
            got.table()
        );
        let (begin, end) = (
            format!("<!-- {mark} -->\n"),
            format!("<!-- end of {mark} -->"),
        );
        let (before, rest) = expected.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        expected = format!("{before}{begin}{block}{end}{after}");
    }
    if std::env::var("POSTHOUSE_CORPUS").is_ok_and(|value| value == "write") {
        fs::write(path, expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "POSTHOUSE_CORPUS=write writes the tables of docs/BOUNCES.md anew"
    );
}

#[test]
fn blocklists_and_times_are_named() {
    let judged = |text| judge(text, None);
    let named = |text| {
        judged(text)
            .blocklist
            .map(|known| (known.name, serde_json::to_value(known.kind).unwrap()))
    };
    for (text, name, kind) in [
        ("554 blocked using zen.spamhaus.org", "Spamhaus", "ip"),
        (
            "554 blocked using dbl.spamhaus.org",
            "Spamhaus DBL",
            "domain",
        ),
        (
            "550 [192.0.2.1] listed, see http://www.barracudacentral.org/lookups",
            "Barracuda",
            "ip",
        ),
        ("550 dnsbl.sorbs.net", "SORBS", "ip"),
        (
            "554 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1",
            "Proofpoint",
            "ip",
        ),
        (
            "550 see http://csi.cloudmark.com/reset-request/",
            "Cloudmark",
            "ip",
        ),
        ("554 listed at ivmSIP", "Invaluement", "ip"),
        ("550 UCEPROTECT-Level 1", "UCEPROTECT", "ip"),
        ("554 bl.spamcop.net", "SpamCop", "ip"),
        ("550 5.7.1 Unfortunately (S3140)", "Microsoft", "ip"),
        (
            "421-4.7.28 an unusual rate of unsolicited mail originating 421-4.7.28 from your IP",
            "Google",
            "ip",
        ),
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
            "Yahoo",
            "ip",
        ),
        ("550 link in multi.surbl.org", "SURBL", "domain"),
    ] {
        assert_eq!(named(text), Some((name.to_owned(), kind.into())), "{text}");
    }
    assert_eq!(named("550 no such user"), None);
    assert_eq!(named("550 <spamhaus@a.example>: user unknown"), None);
    assert_eq!(
        judged("451 Greylisted, try again in 5 minutes").retry_after,
        Some(300)
    );
    assert_eq!(judged("550 no such user").retry_after, None);
}
