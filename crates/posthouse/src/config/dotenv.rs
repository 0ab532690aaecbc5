//! `.env` files: `NAME=value` lines.

use std::collections::BTreeMap;

/// Reads a `.env` text. Comments and blank lines are passed over, `export` before a name is allowed,
/// values may stand in single quotes (as they are) or double quotes (`\n`, `\"`, `\\`).
///
/// # Errors
/// The numbers of lines that are none of this, with a reason each.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let pair = line
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()));
        match pair {
            Some((name, value)) if is_name(name) => match unquote(value) {
                Some(value) => {
                    found.insert(name.to_owned(), value);
                }
                None => faults.push(format!("line {number}: the quotes do not close")),
            },
            // The line itself may hold a secret.
            _ => faults.push(format!("line {number}: not NAME=value")),
        }
    }
    if faults.is_empty() {
        Ok(found)
    } else {
        Err(faults)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn unquote(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.split_once('\'').map(|(inner, _)| inner.to_owned());
    }
    let Some(rest) = value.strip_prefix('"') else {
        let end = value.find(" #").unwrap_or(value.len());
        return value.get(..end).map(|value| value.trim_end().to_owned());
    };
    let mut out = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some(out),
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                other => out.push(other),
            },
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines() {
        let found = parse(concat!(
            "# comment\n\nA=1\nexport B = two words # tail\nC='single # \"kept\"'\n",
            "D=\"line\\nbreak \\\"q\\\"\"\nE=\nF=a#b\n"
        ))
        .unwrap();
        let get = |name: &str| found.get(name).map(String::as_str);
        assert_eq!(get("A"), Some("1"));
        assert_eq!(get("B"), Some("two words"));
        assert_eq!(get("C"), Some("single # \"kept\""));
        assert_eq!(get("D"), Some("line\nbreak \"q\""));
        assert_eq!(get("E"), Some(""));
        assert_eq!(get("F"), Some("a#b"));
    }

    #[test]
    fn faults_name_the_line_and_not_its_content() {
        let faults = parse("hunter2\nA=\"open\n").unwrap_err();
        assert_eq!(
            faults,
            ["line 1: not NAME=value", "line 2: the quotes do not close"]
        );
    }
}
