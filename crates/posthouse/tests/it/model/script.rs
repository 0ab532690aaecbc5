//! What a second client does next, by chance.

use std::collections::BTreeSet;

use posthouse_testkit::Random;

use super::subject::Subject;

const FLAGS: [&str; 9] = [
    "\\Seen",
    "\\Answered",
    "\\Flagged",
    "\\Draft",
    "\\Deleted",
    "$Forwarded",
    "$Junk",
    "Work",
    "$label1",
];
/// Beyond that many messages a folder is thinned out.
const FULL: usize = 60;

/// Does one thing to the mailbox; how many messages or folders it changed.
pub(crate) async fn act(subject: &mut Subject, random: &mut Random) -> usize {
    let paths = subject.paths();
    let path = match random.below(3) {
        0 => "INBOX".to_owned(),
        _ => random.pick(&paths).cloned().unwrap(),
    };
    let held: Vec<u32> = subject.messages(&path).into_keys().collect();
    let kind = if held.len() > FULL {
        65
    } else {
        random.below(100)
    };
    match kind {
        0..26 => append(subject, random, &path).await,
        26..52 if !held.is_empty() => store(subject, random, &path, &held).await,
        52..60 if !held.is_empty() => copy(subject, random, &path, &held, false).await,
        65 if held.len() > FULL => expunge(subject, random, &path, &held, FULL / 2).await,
        60..74 if !held.is_empty() => copy(subject, random, &path, &held, true).await,
        74..87 if !held.is_empty() => expunge(subject, random, &path, &held, 4).await,
        87..92 => create(subject, random).await,
        92..95 => rename(subject, random).await,
        95..97 => delete(subject, random, false).await,
        97..100 => delete(subject, random, true).await,
        _ => append(subject, random, &path).await,
    }
}

/// Up to `most` of these.
fn some(random: &mut Random, of: &[u32], most: usize) -> Vec<u32> {
    let mut left = of.to_vec();
    let count = 1 + random.below(most.min(of.len()));
    let mut taken: Vec<_> = (0..count)
        .map(|_| left.swap_remove(random.below(left.len())))
        .collect();
    taken.sort_unstable();
    taken
}

/// Up to `most` flags, each once: Dovecot 2.3 forgets others when a keyword is named twice in one STORE.
fn words(random: &mut Random, most: usize) -> Vec<&'static str> {
    let count = 1 + random.below(most);
    let chosen = (0..count).filter_map(|_| random.pick(&FLAGS).copied());
    chosen.collect::<BTreeSet<_>>().into_iter().collect()
}

async fn append(subject: &mut Subject, random: &mut Random, path: &str) -> usize {
    let count = if random.chance(8) {
        2 + random.below(10)
    } else {
        1
    };
    for _ in 0..count {
        let with = if random.chance(40) {
            words(random, 2)
        } else {
            Vec::new()
        };
        subject.append(path, &with).await;
    }
    count
}

async fn store(subject: &mut Subject, random: &mut Random, path: &str, held: &[u32]) -> usize {
    let uids = some(random, held, 5);
    let action = random
        .pick(&["+", "+", "-", "-", ""])
        .copied()
        .unwrap_or("+");
    let words = words(random, 3);
    subject.store(path, &uids, action, &words).await;
    uids.len()
}

async fn copy(
    subject: &mut Subject,
    random: &mut Random,
    path: &str,
    held: &[u32],
    moves: bool,
) -> usize {
    let uids = some(random, held, 4);
    let others: Vec<_> = subject
        .paths()
        .into_iter()
        .filter(|other| other != path)
        .collect();
    let to = random.pick(&others).cloned().unwrap();
    subject.copy(path, &uids, &to, moves).await;
    uids.len() * if moves { 2 } else { 1 }
}

async fn expunge(
    subject: &mut Subject,
    random: &mut Random,
    path: &str,
    held: &[u32],
    most: usize,
) -> usize {
    let uids = some(random, held, most);
    subject.expunge(path, &uids).await;
    uids.len()
}

/// Folders that a script may make, by whether they are there.
fn folders(subject: &Subject, there: bool) -> Vec<String> {
    let paths = subject.paths();
    let all = subject.names();
    all.into_iter()
        .filter(|path| paths.contains(path) == there)
        .collect()
}

fn has_children(subject: &Subject, path: &str) -> bool {
    let below = format!("{path}/");
    subject
        .paths()
        .iter()
        .any(|other| other.starts_with(&below))
}

async fn create(subject: &mut Subject, random: &mut Random) -> usize {
    let Some(path) = random.pick(&folders(subject, false)).cloned() else {
        return 0;
    };
    subject.create(&path).await;
    // A folder that nobody used yet is rare.
    let count = random.below(4);
    for _ in 0..count {
        subject.append(&path, &[]).await;
    }
    1 + count
}

async fn rename(subject: &mut Subject, random: &mut Random) -> usize {
    let from = random.pick(&folders(subject, true)).cloned();
    let to = random.pick(&folders(subject, false)).cloned();
    let (Some(from), Some(to)) = (from, to) else {
        return 0;
    };
    // Children would go along, and a folder cannot go below itself.
    let below = to.starts_with(&format!("{from}/"));
    if below || has_children(subject, &from) || !subject.may_rename(&from, &to) {
        return 0;
    }
    subject.rename(&from, &to).await;
    1
}

async fn delete(subject: &mut Subject, random: &mut Random, again: bool) -> usize {
    let Some(path) = random.pick(&folders(subject, true)).cloned() else {
        return 0;
    };
    if has_children(subject, &path) {
        return 0;
    }
    subject.delete(&path).await;
    if !again {
        return 1;
    }
    subject.create(&path).await;
    let count = random.below(3);
    for _ in 0..count {
        subject.append(&path, &["\\Seen"]).await;
    }
    2 + count
}
