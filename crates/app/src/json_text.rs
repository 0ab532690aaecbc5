//! JSON as text: indented anew, keys in their order.

use serde_json::value::RawValue;

/// The text with two blanks a level, as `JSON.stringify(value, null, 2)` writes it.
///
/// # Errors
/// The text is not JSON.
pub(crate) fn indent(text: &str) -> Result<String, serde_json::Error> {
    // Only to be sure that it is JSON; a map would lose the order of keys.
    let raw: &RawValue = serde_json::from_str(text)?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut string = false;
    let mut escaped = false;
    let mut chars = raw.get().chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        if string {
            out.push(c);
            string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            c if c.is_ascii_whitespace() => {}
            '{' | '[' => {
                out.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                string = c == '"';
                out.push(c);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keeps_order_and_strings() {
        let text = indent(r#" {"b": [1, {} ,[ ]], "a" :"x, {\"y\": 1}\\"} "#).unwrap();
        assert_eq!(
            text,
            "{\n  \"b\": [\n    1,\n    {},\n    []\n  ],\n  \"a\": \"x, {\\\"y\\\": 1}\\\\\"\n}"
        );
        assert!(indent("{").is_err());
        assert!(indent("").is_err());
    }
}
