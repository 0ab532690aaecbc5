//! When a server wants to be asked again, from its words.

/// Words that make a span of time one to wait.
const CUES: [&str; 12] = [
    "again",
    "retry",
    "retrying",
    "back",
    "wait",
    "greylisted",
    "greylisting",
    "greylist",
    "graylisted",
    "later",
    "after",
    "defer",
];

/// So many words before the span may hold the cue.
const REACH: usize = 7;

/// Spans that are longer are none to wait.
const MAX_SECONDS: u64 = 7 * 86_400;

/// Seconds to wait, as in `try again in 5 minutes`, `retry after 300 seconds` or `come back in 00:04:30`.
pub(super) fn after(words: &str) -> Option<u64> {
    let words: Vec<&str> = words
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '/' | '='))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect();
    let mut cue: Option<usize> = None;
    for (at, word) in words.iter().enumerate() {
        let has_cue = cue.is_some_and(|cue| at - cue <= REACH);
        if has_cue && let Some(seconds) = span(word, words.get(at + 1).copied()) {
            return (seconds > 0 && seconds <= MAX_SECONDS).then_some(seconds);
        }
        let bare = word.rsplit('-').next().unwrap_or(word);
        if CUES.contains(word) || CUES.contains(&bare) {
            cue = Some(at);
        }
    }
    None
}

/// A span that begins with this word: `00:04:30`, `90s`, `5` and `minutes`.
fn span(word: &str, next: Option<&str>) -> Option<u64> {
    if word.contains(':') {
        let numbers: Option<Vec<u64>> = word.split(':').map(|number| number.parse().ok()).collect();
        let numbers = numbers.filter(|numbers| numbers.len() == 3)?;
        return numbers.iter().try_fold(0u64, |sum, number| {
            sum.checked_mul(60)?.checked_add(*number)
        });
    }
    let end = word
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(word.len());
    let (number, name) = word.split_at_checked(end)?;
    let number: u64 = number.parse().ok()?;
    let name = if name.is_empty() { next? } else { name };
    let unit = match name {
        "s" | "sec" | "secs" | "second" | "seconds" | "sekunden" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" | "minuten" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" | "stunden" => 3600,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn spans() {
        for (words, expected) in [
            ("try again in 300 seconds", Some(300)),
            ("please retry after 5 minutes.", Some(300)),
            ("greylisted for 90s", Some(90)),
            (
                "greylisting in action, please come back in 00:04:30",
                Some(270),
            ),
            ("retry-after: 2 hours", Some(7200)),
            ("try again later", None),
            ("not delivered for 5 days, deleted from queue", None),
            ("limit of 60 messages in 3 minutes", None),
            ("try again in 99999999999999999999 days", None),
            ("try again in 90 days", None),
        ] {
            assert_eq!(after(words), expected, "{words}");
        }
    }
}
