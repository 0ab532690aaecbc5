//! A form as a browser reads it from a page, so that it can be sent back as it was drawn.

/// The fields of the form with this action that a browser would send.
pub fn fields(html: &str, action: &str) -> Vec<(String, String)> {
    let start = html
        .find(&format!("action=\"{action}\""))
        .unwrap_or_else(|| panic!("no form for {action}"));
    let form = &html[start..];
    let form = &form[..form.find("</form>").unwrap()];
    let mut fields = Vec::new();
    let mut rest = form;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = tag_end(rest);
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        let name = attribute(tag, "name");
        if tag.starts_with("input") {
            let kind = attribute(tag, "type").unwrap_or_default();
            let ticked = tag.ends_with(" checked") || tag.contains(" checked ");
            if let Some(name) = name
                && (ticked || !matches!(kind.as_str(), "checkbox" | "radio"))
            {
                fields.push((name, attribute(tag, "value").unwrap_or_default()));
            }
        } else if tag.starts_with("textarea") {
            let text = &after[..after.find("</textarea>").unwrap()];
            let text = unescape(text.strip_prefix('\n').unwrap_or(text));
            // Browsers send line ends as CR LF.
            fields.push((name.unwrap(), text.replace('\n', "\r\n")));
        } else if tag.starts_with("select") {
            let options = &after[..after.find("</select>").unwrap()];
            let chosen = options
                .split("<option")
                .skip(1)
                .map(|option| &option[..tag_end(option)])
                .find(|option| option.ends_with(" selected"))
                .or_else(|| {
                    options
                        .split("<option")
                        .nth(1)
                        .map(|option| &option[..tag_end(option)])
                })
                .unwrap();
            fields.push((name.unwrap(), attribute(chosen, "value").unwrap()));
        }
        rest = after;
    }
    fields.retain(|(name, _)| name != "crumb");
    fields
}

/// Where a tag ends: at the first `>` outside of quotes.
fn tag_end(tag: &str) -> usize {
    let mut quoted = false;
    tag.find(|c| {
        if c == '"' {
            quoted = !quoted;
        }
        c == '>' && !quoted
    })
    .unwrap()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..];
    Some(unescape(&value[..value.find('"')?]))
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}

/// Fields as the console's client takes them.
pub fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
