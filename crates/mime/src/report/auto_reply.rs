//! Messages that answer by themselves (RFC 3834, and practice).

use crate::header::Headers;

/// The headers that tell an automatic answer.
pub const HEADERS: [&str; 7] = [
    "in-reply-to",
    "precedence",
    "auto-submitted",
    "x-auto-response-suppress",
    "x-autoresponder",
    "x-autorespond",
    "x-autoreply",
];

/// Those whose presence is enough.
const MARKS: [&str; 4] = [
    "x-auto-response-suppress",
    "x-autoresponder",
    "x-autorespond",
    "x-autoreply",
];

const SUBJECTS: [&str; 8] = [
    "auto reply",
    "auto-reply",
    "auto response",
    "auto-response",
    "automatic reply",
    "out of office",
    "oof:",
    "ooo:",
];

/// Whether a message answers by itself, by its subject and [`HEADERS`].
#[must_use]
pub fn is_auto_reply(subject: Option<&str>, headers: &Headers) -> bool {
    let subject = subject.unwrap_or_default().trim().to_ascii_lowercase();
    let value = |name: &str, word: &str| {
        headers
            .text(name)
            .is_some_and(|text| text.trim().to_ascii_lowercase().starts_with(word))
    };
    SUBJECTS.iter().any(|words| subject.starts_with(words))
        || subject.starts_with("auto:") && headers.has("in-reply-to")
        || value("precedence", "auto_reply")
        || value("auto-submitted", "auto-replied")
        || MARKS.iter().any(|name| headers.has(name))
}

#[cfg(test)]
mod tests {
    use super::is_auto_reply;
    use crate::header::parse_headers;

    fn told(header: &str) -> bool {
        let headers = parse_headers(header.as_bytes());
        is_auto_reply(headers.text("Subject").as_deref(), &headers)
    }

    #[test]
    fn subjects_and_marks_tell() {
        for header in [
            "Subject: Automatic reply: hello",
            "Subject:  OUT OF OFFICE until Monday",
            "Subject: OOO: away",
            "Subject: Auto: hello\r\nIn-Reply-To: <a@b>",
            "Precedence: auto_reply",
            "Auto-Submitted: Auto-Replied (vacation)",
            "X-Autoreply: yes",
            "X-Auto-Response-Suppress: All",
        ] {
            assert!(told(header), "{header}");
        }
    }

    #[test]
    fn others_are_none() {
        for header in [
            "Subject: About out of office replies",
            "Subject: Auto: a used car",
            "Auto-Submitted: auto-generated",
            "Precedence: bulk",
            "Subject: Re: hello\r\nIn-Reply-To: <a@b>",
        ] {
            assert!(!told(header), "{header}");
        }
    }
}
