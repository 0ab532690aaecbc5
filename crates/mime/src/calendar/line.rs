//! Content lines (RFC 5545 section 3.1).

/// A line, unfolded.
pub(super) struct Line<'a> {
    /// Name in upper case.
    pub(super) name: String,
    params: &'a str,
    /// Value as written.
    pub(super) value: &'a str,
}

/// Hands on each content line; others are passed over.
pub(super) fn each(text: &str, mut take: impl FnMut(Line<'_>)) {
    let mut whole = String::new();
    let mut give = |whole: &mut String| {
        if let Some(line) = Line::parse(whole) {
            take(line);
        }
        whole.clear();
    };
    for line in text.trim_start_matches('\u{feff}').split(['\n', '\r']) {
        if line.is_empty() {
            continue;
        }
        match line.strip_prefix([' ', '\t']) {
            Some(rest) => whole.push_str(rest),
            None => {
                give(&mut whole);
                whole.push_str(line);
            }
        }
    }
    give(&mut whole);
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let end = line.find([';', ':'])?;
        let (name, rest) = line.split_at_checked(end)?;
        // Some write a group in front, as vCards have it.
        let name = name.rsplit('.').next().unwrap_or(name).trim();
        let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(known) {
            return None;
        }
        let colon = outside_quotes(rest, ':').next()?;
        Some(Self {
            name: name.to_ascii_uppercase(),
            params: rest.get(..colon).unwrap_or_default(),
            value: rest.get(colon + 1..).unwrap_or_default(),
        })
    }

    /// The value of a parameter, without quotes; an empty one is none.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        let mut from = 0;
        let ends = outside_quotes(self.params, ';').chain([self.params.len()]);
        for end in ends {
            let param = self.params.get(from..end).unwrap_or_default();
            from = end + 1;
            if let Some((key, value)) = param.split_once('=')
                && key.trim().eq_ignore_ascii_case(name)
            {
                let value = value.trim().trim_matches('"').trim();
                return (!value.is_empty()).then(|| value.to_owned());
            }
        }
        None
    }

    /// The value as text, its escapes undone (section 3.3.11).
    pub(super) fn text(&self) -> String {
        let mut out = String::with_capacity(self.value.len());
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n' | 'N') => out.push('\n'),
                    Some(c) => out.push(c),
                    None => {}
                },
                c => out.push(c),
            }
        }
        out.trim().to_owned()
    }
}

/// Where a sign stands outside of quotes. A quote that is never closed quotes nothing.
fn outside_quotes(text: &str, sign: char) -> impl Iterator<Item = usize> {
    let last = text.rfind('"').unwrap_or(0);
    let mut quoted = false;
    text.char_indices().filter_map(move |(at, c)| {
        if c == '"' {
            quoted = !quoted && at < last;
        }
        (c == sign && !quoted).then_some(at)
    })
}
