//! Pieces of a format.

/// A piece: what is written as it is, or a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Plain(&'a str),
    Token(&'a str),
}

/// All tokens of more than one letter. At a place the first that fits is taken.
const TOKENS: &[&str] = &[
    "Hmmss",
    "Hmm",
    "hmmss",
    "hmm",
    "Mo",
    "MMMM",
    "MMM",
    "MM",
    "Do",
    "DDDo",
    "DDDD",
    "DDD",
    "DD",
    "dddd",
    "ddd",
    "dd",
    "do",
    "wo",
    "ww",
    "Wo",
    "WW",
    "Qo",
    "NNNNN",
    "NNNN",
    "NNN",
    "NN",
    "YYYYYY",
    "YYYYY",
    "YYYY",
    "YY",
    "yyyy",
    "yyy",
    "yy",
    "yo",
    "ggggg",
    "gggg",
    "gg",
    "GGGGG",
    "GGGG",
    "GG",
    "hh",
    "HH",
    "kk",
    "mm",
    "ss",
    "SSSSSSSSS",
    "SSSSSSSS",
    "SSSSSSS",
    "SSSSSS",
    "SSSSS",
    "SSSS",
    "SSS",
    "SS",
    "zz",
    "ZZ",
];

/// Formats that stand for others.
const LONG: &[(&str, &str)] = &[
    ("LTS", "h:mm:ss A"),
    ("LT", "h:mm A"),
    ("LLLL", "dddd, MMMM D, YYYY h:mm A"),
    ("LLL", "MMMM D, YYYY h:mm A"),
    ("LL", "MMMM D, YYYY"),
    ("L", "MM/DD/YYYY"),
    ("llll", "ddd, MMM D, YYYY h:mm A"),
    ("lll", "MMM D, YYYY h:mm A"),
    ("ll", "MMM D, YYYY"),
    ("l", "M/D/YYYY"),
];

/// Splits a format: `[text]` and what follows a backslash is plain.
pub(super) fn pieces(format: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), format);
    while let Some(first) = rest.chars().next() {
        let length;
        if let Some(text) = bracketed(rest) {
            length = text.len() + 2;
            pieces.push(Piece::Plain(text));
        } else if first == '\\' {
            let escaped = &rest[1..];
            let long = LONG.iter().map(|(name, _)| *name);
            let token = long
                .chain(TOKENS.iter().copied())
                .find(|token| escaped.starts_with(token));
            let next = token.map_or_else(
                || escaped.chars().next().map_or(0, char::len_utf8),
                str::len,
            );
            length = 1 + next;
            pieces.push(Piece::Plain(escaped[..next].trim_matches('\\')));
        } else if let Some((name, format)) = LONG.iter().find(|(name, _)| rest.starts_with(name)) {
            length = name.len();
            pieces.extend(self::pieces(format));
        } else {
            length = TOKENS
                .iter()
                .find(|token| rest.starts_with(**token))
                .map_or(first.len_utf8(), |token| token.len());
            // A line break is no piece of a format.
            if !matches!(first, '\n' | '\r' | '\u{2028}' | '\u{2029}') {
                pieces.push(Piece::Token(&rest[..length]));
            }
        }
        rest = &rest[length..];
    }
    pieces
}

/// What stands in brackets, up to the last that closes before another opens.
fn bracketed(rest: &str) -> Option<&str> {
    let inner = rest.strip_prefix('[')?;
    let until = inner.find('[').unwrap_or(inner.len());
    let end = inner[..until].rfind(']')?;
    Some(&inner[..end])
}
