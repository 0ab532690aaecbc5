//! One spelling for each flag. Servers and other clients write the same flag in more than one case.

use std::collections::HashMap;

use posthouse_model::index::{IndexKey, MessageIndex};

/// Flags and labels of one folder that are followed at most: a server that invents one per message must not make the
/// index grow without end. Those beyond are left out.
const MOST_KEYS: usize = 10_000;

/// Longer names are left out, bytes.
const LONGEST: usize = 512;

const SYSTEM: [&str; 5] = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];

/// The flags and labels of a folder, numbered as they are met.
pub(super) struct Names {
    keys: Vec<IndexKey>,
    /// Flags as they were written.
    flags: HashMap<String, Option<usize>>,
    /// Flags in lower case.
    folded: HashMap<String, usize>,
    labels: HashMap<String, Option<usize>>,
}

impl Names {
    /// Begins with the spellings that the index has.
    pub(super) fn of(index: &MessageIndex) -> Self {
        let mut names = Self {
            keys: Vec::new(),
            flags: HashMap::new(),
            folded: HashMap::new(),
            labels: HashMap::new(),
        };
        for (key, _) in index.keys() {
            let at = names.keys.len();
            match key {
                IndexKey::Flag(name) => {
                    names.flags.insert(name.clone(), Some(at));
                    names.folded.entry(name.to_ascii_lowercase()).or_insert(at);
                }
                IndexKey::Label(name) => {
                    names.labels.insert(name.clone(), Some(at));
                }
            }
            names.keys.push(key.clone());
        }
        names
    }

    /// All keys by their numbers.
    pub(super) fn keys(&self) -> &[IndexKey] {
        &self.keys
    }

    /// How a key is called.
    pub(super) fn name(&self, key: usize) -> Option<&str> {
        self.keys.get(key).map(IndexKey::name)
    }

    /// The number of a flag; none for one that is not followed: `\Recent` is the connection's, not the message's.
    pub(super) fn flag(&mut self, name: &str) -> Option<usize> {
        if let Some(known) = self.flags.get(name) {
            return *known;
        }
        let folded = name.to_ascii_lowercase();
        let followed = !name.is_empty()
            && name.len() <= LONGEST
            && !matches!(folded.as_str(), "\\recent" | "\\*");
        let at = match self.folded.get(&folded) {
            _ if !followed => None,
            Some(at) => Some(*at),
            None => {
                let system = SYSTEM.iter().find(|flag| flag.eq_ignore_ascii_case(name));
                let spelled = system.map_or(name, |flag| *flag);
                self.add(IndexKey::Flag(spelled.to_owned()))
            }
        };
        if let Some(at) = at {
            self.folded.insert(folded, at);
        }
        self.flags.insert(name.to_owned(), at);
        at
    }

    /// The number of a label; none for one that is not followed.
    pub(super) fn label(&mut self, name: &str) -> Option<usize> {
        if let Some(known) = self.labels.get(name) {
            return *known;
        }
        let followed = !name.is_empty() && name.len() <= LONGEST;
        let at = followed
            .then(|| self.add(IndexKey::Label(name.to_owned())))
            .flatten();
        self.labels.insert(name.to_owned(), at);
        at
    }

    fn add(&mut self, key: IndexKey) -> Option<usize> {
        let at = self.keys.len();
        (at < MOST_KEYS).then(|| {
            self.keys.push(key);
            at
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_each_flag() {
        let marks = [
            IndexKey::Flag("$Forwarded".to_owned()),
            IndexKey::Label("A".to_owned()),
        ];
        let all = [1].into_iter().collect::<roaring::RoaringBitmap>();
        let index = MessageIndex::of(all.clone(), marks.map(|key| (key, all.clone())));
        let mut names = Names::of(&index);
        let mut spelled = |name: &str| {
            let at = names.flag(name)?;
            names.name(at).map(str::to_owned)
        };
        for (written, expected) in [
            ("$FORWARDED", Some("$Forwarded")),
            ("\\seen", Some("\\Seen")),
            ("\\SEEN", Some("\\Seen")),
            ("work", Some("work")),
            ("Work", Some("work")),
            ("\\Odd", Some("\\Odd")),
            ("\\Recent", None),
            ("\\*", None),
            ("", None),
        ] {
            assert_eq!(spelled(written).as_deref(), expected, "{written}");
            assert_eq!(spelled(written).as_deref(), expected, "{written} again");
        }
        // Labels are as the provider has them.
        assert_ne!(names.label("A"), names.label("a"));
        assert_eq!(names.label("A"), Some(1));
        assert_eq!(names.label(&"x".repeat(LONGEST + 1)), None);
        for at in 0..2 * MOST_KEYS {
            names.flag(&format!("k{at}"));
        }
        assert_eq!(names.keys().len(), MOST_KEYS);
    }
}
