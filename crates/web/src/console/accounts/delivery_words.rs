//! Results of a delivery test in plain words: what holds, what does not, and what to do about it.

use serde_json::Value;

/// The whole in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// `ok`, `warn` or `bad`.
    pub(super) tone: &'static str,
    /// In short.
    pub(super) title: &'static str,
    /// What it means.
    pub(super) text: String,
}

impl Verdict {
    /// The icon of its tone.
    pub(super) fn icon(&self) -> &'static str {
        match self.tone {
            "warn" => "warning",
            other => other,
        }
    }
}

/// One of the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Its name.
    pub(super) name: &'static str,
    /// The question that it answers.
    pub(super) about: &'static str,
    /// `ok`, `warn`, `bad` or none.
    pub(super) tone: &'static str,
    /// The result in a word or two.
    pub(super) result: &'static str,
    /// Why.
    pub(super) reason: String,
    /// What to do.
    pub(super) todo: Option<String>,
}

fn result<'a>(answer: &'a Value, check: &str) -> &'a str {
    answer[check]["status"]["result"].as_str().unwrap_or("none")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What the results come to.
pub(super) fn verdict(answer: &Value) -> Verdict {
    let folder = text(answer, "path");
    let inbox = folder.eq_ignore_ascii_case("INBOX");
    let of = |tone, title, text: &str| Verdict {
        tone,
        title,
        text: text.to_owned(),
    };
    match result(answer, "dmarc") {
        "temperror" => of(
            "warn",
            "DNS could not be asked",
            "The message arrived, but not all of its checks could be made. Look again in a few minutes.",
        ),
        "pass" if !inbox => Verdict {
            tone: "warn",
            title: "The sender is proven, but the message was put aside",
            text: format!(
                "It lies in the folder {folder}. All checks of the sender are passed, so what it says or the reputation of the server was the reason."
            ),
        },
        "pass" => of(
            "ok",
            "Receivers can tell that these messages are yours",
            "The message arrived in the inbox, and the address that readers see is proven.",
        ),
        "none" if result(answer, "dkim") == "pass" || result(answer, "spf") == "pass" => of(
            "warn",
            "The domain says nothing about forged messages",
            "The message is proven, but without a DMARC record anybody can write in the name of the domain. Large providers want one.",
        ),
        _ => of(
            "bad",
            "Receivers cannot tell that these messages are yours",
            "Many will put them aside or refuse them. What to do stands below.",
        ),
    }
}

/// The checks, those that matter most first.
pub(super) fn findings(answer: &Value) -> Vec<Finding> {
    let domain = match text(&answer["dmarc"], "domain") {
        "" => "the domain of the sender",
        domain => domain,
    };
    let checks: [(&str, &str, &str); 5] = [
        (
            "dmarc",
            "DMARC",
            "Do SPF or DKIM prove the address that readers see?",
        ),
        (
            "dkim",
            "DKIM",
            "Is the message signed, and did nobody change it on its way?",
        ),
        (
            "spf",
            "SPF",
            "May the server that sent it send for the domain?",
        ),
        ("bimi", "BIMI", "May a logo be shown beside the message?"),
        (
            "arc",
            "ARC",
            "Did servers on the way pass on what they saw?",
        ),
    ];
    checks
        .into_iter()
        .map(|(check, name, about)| {
            let found = result(answer, check);
            let optional = matches!(check, "bimi" | "arc");
            let (tone, word) = match found {
                "pass" => ("ok", "Passed"),
                "none" | "skipped" | "declined" if optional => ("", "Not used"),
                "none" => ("warn", "Missing"),
                "neutral" => ("warn", "Undecided"),
                "softfail" => ("warn", "Weakly failed"),
                "temperror" => ("warn", "Not known"),
                "permerror" => ("bad", "Has an error"),
                _ => ("bad", "Failed"),
            };
            Finding {
                name,
                about,
                tone,
                result: word,
                reason: sentence(text(&answer[check]["status"], "comment")),
                todo: todo(check, found, domain, answer),
            }
        })
        .collect()
}

fn todo(check: &str, found: &str, domain: &str, answer: &Value) -> Option<String> {
    let spf = &answer["spf"];
    let (client, asked) = (text(spf, "clientIp"), text(spf, "domain"));
    let asked = if asked.is_empty() { domain } else { asked };
    let kind = if client.contains(':') { "ip6" } else { "ip4" };
    Some(match (check, found) {
        (_, "pass" | "skipped" | "declined") | ("bimi" | "arc", "none") => return None,
        (_, "temperror") => {
            format!("Look again in a few minutes. If it stays so, the name servers of {domain} do not answer.")
        }
        ("dmarc", "none") => format!(
            "Publish a TXT record at _dmarc.{domain}, to begin with: v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
        ),
        ("dmarc", "permerror") => format!("Correct the TXT record at _dmarc.{domain}."),
        ("dmarc", _) => format!(
            "Let SPF or DKIM pass for {domain} itself: sign with a key of {domain}, or send with an address of it in the envelope."
        ),
        ("dkim", "none") => format!(
            "Let the mail server that sends sign its messages for {domain}, and publish the key in DNS. Providers have a switch for it in the settings of the domain."
        ),
        ("dkim", "permerror") => {
            let signature = &answer["mainSig"];
            format!(
                "Publish the key as a TXT record at {}._domainkey.{}, whole and without line breaks.",
                text(signature, "selector"),
                text(signature, "signingDomain")
            )
        }
        ("dkim", _) => "Find what changes messages after they are signed, such as a footer or a virus scanner, and let it come before; or publish the key that the server signs with.".to_owned(),
        ("spf", "none") if client.is_empty() => {
            "Send the test to an account at another provider to see how SPF fares.".to_owned()
        }
        ("spf", "none") => format!("Publish a TXT record at {asked}, such as: v=spf1 {kind}:{client} -all"),
        ("spf", "permerror") => {
            format!("Keep one SPF record at {asked}, with no more than 10 names to look up.")
        }
        ("spf", _) if client.is_empty() => {
            format!("Add the sending server to the SPF record of {asked}.")
        }
        ("spf", _) => format!(
            "Add {kind}:{client} to the SPF record of {asked}, or what the provider of that server says should be included."
        ),
        ("bimi", _) => format!("Correct the TXT record at default._bimi.{domain}."),
        _ => "A server on the way changed the message or broke the chain; DKIM and SPF decide.".to_owned(),
    })
}

/// What else is known.
pub(super) fn facts(answer: &Value) -> Vec<(&'static str, String)> {
    let (spf, signature, said) = (&answer["spf"], &answer["mainSig"], &answer["receiver"]);
    let policy = match text(&answer["dmarc"], "policy") {
        "none" => "nothing is done with messages that fail",
        "quarantine" => "messages that fail are put aside",
        "reject" => "messages that fail are refused",
        _ => "",
    };
    let words: Vec<String> = ["spf", "dkim", "dmarc"]
        .into_iter()
        .filter(|key| said[*key].is_string())
        .map(|key| format!("{} {}", key.to_uppercase(), text(said, key)))
        .collect();
    let key = match text(signature, "selector") {
        "" => String::new(),
        selector => format!(
            "{selector} of {} ({})",
            text(signature, "signingDomain"),
            text(signature, "algo")
        ),
    };
    [
        ("Arrived in", text(answer, "path").to_owned()),
        ("At the account", text(answer, "account").to_owned()),
        ("Receiving server", text(said, "host").to_owned()),
        ("It says itself", words.join(", ")),
        ("Came from", text(spf, "clientIp").to_owned()),
        ("Which called itself", text(spf, "helo").to_owned()),
        ("Envelope sender", text(spf, "envelopeFrom").to_owned()),
        ("SPF record", text(spf, "rr").to_owned()),
        ("Key of the signature", key),
        ("Policy of the domain", policy.to_owned()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

/// With a full stop, and a capital letter unless it begins with the name of a domain.
fn sentence(text: &str) -> String {
    let Some(first) = text.chars().next() else {
        return String::new();
    };
    let end = if text.ends_with('.') { "" } else { "." };
    let word = text.split(' ').next().unwrap_or_default();
    if word.contains('.') {
        return format!("{text}{end}");
    }
    let rest = text.strip_prefix(first).unwrap_or_default();
    format!("{}{rest}{end}", first.to_uppercase())
}
