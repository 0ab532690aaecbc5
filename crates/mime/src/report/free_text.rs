//! Bounces that are plain texts, as Postfix, Exim, qmail, Sendmail, Exchange, Gmail, Zoho and others write them.
//!
//! Their words change with version and language; what stays is how a text is laid out. So it is looked for an address in each of the
//! places where programs put it, the surest first, and for a reply of a server near it.

mod lines;
mod reason;
mod server;
mod words;

use std::cell::OnceCell;

use crate::header::Headers;

use super::{
    category::{Category, judge},
    delivery_status::{self, DeliveryStatus},
    original,
    parts::Tree,
    reply::{Reply, squeeze},
};
use lines::{Line, address_alone, addresses_in, in_angles, label};
use reason::{ended, is_aside, labelled, mta_in, reply_in};
use server::{mta, reply_at};
use words::{COPIES, DELAYS, ENDS, FAILURES, RECIPIENTS};

/// Lines of a text that are looked at, and recipients that are taken from it.
const MAX_LINES: usize = 2_000;
const MAX_FAILURES: usize = 50;

/// Lines that are tried for words that say why.
const MAX_JUDGED: usize = 100;

/// Lines that a reason may have.
const MAX_REASON: usize = 30;

/// A text, and what came back with it.
#[derive(Debug, Default)]
pub(super) struct Notice<'a> {
    lines: Vec<Line<'a>>,
    /// Whom the message itself says that it failed for.
    header: Vec<String>,
    /// Addresses that are no recipients: whom the notice is from and to.
    parties: Vec<String>,
    /// The header of the message that came back, where it is inside of the text.
    pub(super) original: Headers,
    told: OnceCell<Vec<Told>>,
    reply: OnceCell<Option<String>>,
    mta: OnceCell<Option<String>>,
}

/// What a text says of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) recipient: String,
    pub(super) reply: Option<String>,
    pub(super) mta: Option<String>,
}

/// The fields of a report that stand inside of a text, as Amazon WorkMail and gateways write them.
pub(super) fn delivery_status(text: &str) -> DeliveryStatus {
    const KNOWN: [&str; 8] = [
        "reporting-mta",
        "remote-mta",
        "final-recipient",
        "original-recipient",
        "action",
        "status",
        "diagnostic-code",
        "arrival-date",
    ];
    let mut fields = String::new();
    for line in text.lines().take(MAX_LINES) {
        let bare = line.trim();
        let name = bare
            .split_once(':')
            .map(|(name, _)| name.trim().to_ascii_lowercase());
        let is_field = name.is_some_and(|name| KNOWN.contains(&name.as_str()));
        fields.push_str(if is_field { bare } else { line });
        fields.push('\n');
    }
    let status = delivery_status::parse(fields.as_bytes());
    let has_address = |status: &DeliveryStatus| {
        status
            .recipients
            .iter()
            .any(|recipient| recipient.address().is_some())
    };
    if has_address(&status) {
        status
    } else {
        DeliveryStatus::default()
    }
}

impl<'a> Notice<'a> {
    /// Looks at the text of a message.
    pub(super) fn read(tree: &Tree<'_>, text: &'a str) -> Self {
        let (original, end) = original::in_text(text).unwrap_or((Headers::default(), text.len()));
        // What comes back as a part of its own, some name in their text before they come to the point.
        let end = if original::header(tree).is_empty() {
            end
        } else {
            text.len()
        };
        let text = text.get(..end).unwrap_or(text);
        let mut lines = Vec::new();
        for line in text.lines().take(MAX_LINES) {
            let line = Line::new(line, lines.last());
            if line.is_rule() && line.says(&COPIES) {
                break;
            }
            lines.push(line);
        }
        let addresses = |name: &str| {
            tree.headers
                .addresses(name)
                .into_iter()
                .map(|entry| entry.address)
        };
        let failed = addresses("X-Failed-Recipients").filter(|address| address.contains('@'));
        Self {
            lines,
            header: failed.take(MAX_FAILURES).collect(),
            parties: addresses("From")
                .chain(addresses("To"))
                .take(MAX_FAILURES)
                .collect(),
            original,
            ..Self::default()
        }
    }

    /// It says that a message is late, not that it failed.
    pub(super) fn is_delay(&self) -> bool {
        let says = |words: &[&str]| self.lines.iter().any(|line| line.says(words));
        says(&DELAYS) && !says(&ENDS)
    }

    /// The recipient, if the text names one only.
    pub(super) fn only_recipient(&self) -> Option<String> {
        match self.failures() {
            [only] => Some(only.recipient.clone()),
            _ => None,
        }
    }

    /// What a server answered for this address.
    pub(super) fn reply_for(&self, address: &str) -> Option<String> {
        let mut all = self.failures().iter();
        let own = all.find(|told| told.recipient.eq_ignore_ascii_case(address));
        own.and_then(|told| told.reply.clone())
            .or_else(|| self.reply())
    }

    /// Who failed, each once: as the header says, else as the surest place of the text does.
    pub(super) fn failures(&self) -> &[Told] {
        self.told.get_or_init(|| self.look())
    }

    fn look(&self) -> Vec<Told> {
        let told = [
            Self::in_blocks,
            Self::alone,
            Self::in_labels,
            Self::in_sentences,
        ];
        let mut found: Vec<Told> = told
            .iter()
            .map(|place| place(self))
            .find(|found| !found.is_empty())
            .unwrap_or_default();
        if !self.header.is_empty() {
            let of_header = self.header.iter().map(|recipient| {
                let known = found
                    .iter()
                    .find(|told| told.recipient.eq_ignore_ascii_case(recipient));
                known.cloned().unwrap_or_else(|| Told {
                    recipient: recipient.clone(),
                    reply: self.reply(),
                    mta: self.mta(),
                })
            });
            found = of_header.collect();
        }
        let says = self.lines.iter().any(|line| line.says(&FAILURES));
        found.retain(|told| says || told.reply.is_some());
        found
    }

    /// `<address>:` at the begin of a line, the reason behind it or on the lines below: Postfix, qmail, Yahoo, Sendmail.
    fn in_blocks(&self) -> Vec<Told> {
        // Postfix indents a reason, which may have lines that begin so too.
        let heads = self.heads(|_, line| {
            if line.is_inside {
                None
            } else {
                in_angles(line.bare)
            }
        });
        self.tell(heads)
    }

    /// `Recipient: address`: Oracle and Apple, WorkMail, Zoho, many small programs.
    fn in_labels(&self) -> Vec<Told> {
        let heads = self.heads(|_, line| {
            let (name, value) = label(line.bare)?;
            if !RECIPIENTS.contains(&name.as_str()) {
                return None;
            }
            Some((addresses_in(value).into_iter().next()?, ""))
        });
        self.tell(heads)
    }

    /// An address alone on its line, the reason below: Exim, Gmail, Exchange.
    fn alone(&self) -> Vec<Told> {
        let heads = self.heads(|_, line| {
            let found = address_alone(line.bare)?;
            (!self.is_party(&found.0)).then_some(found)
        });
        self.tell(heads)
    }

    /// An address in a sentence: new texts of Gmail, and whatever else.
    fn in_sentences(&self) -> Vec<Told> {
        let is_told = |at: usize| {
            let near = self.lines.get(at..).unwrap_or_default().iter().take(2);
            let mut near = near.map(|line| line.says(&FAILURES) || reply_at(line.bare).is_some());
            let is_known = |line: &Line<'_>| judge(line.bare, None).category != Category::Unknown;
            near.any(|told| told) || self.lines.get(at).is_some_and(is_known)
        };
        let heads = self.heads(|at, line| {
            if is_aside(line) {
                return None;
            }
            let mut found = addresses_in(line.bare).into_iter();
            let address = found.find(|address| !self.is_party(address))?;
            is_told(at).then_some((address, line.bare))
        });
        let mut told = self.tell(heads);
        told.truncate(1);
        told
    }

    fn is_party(&self, address: &str) -> bool {
        let local = address.split('@').next().unwrap_or_default();
        let is_help = [
            "postmaster",
            "mailer-daemon",
            "abuse",
            "support",
            "helpdesk",
            "hostmaster",
        ];
        self.parties
            .iter()
            .any(|party| party.eq_ignore_ascii_case(address))
            || is_help.iter().any(|help| help.eq_ignore_ascii_case(local))
    }

    /// Lines that begin with an address in the manner of `find`: their numbers, the addresses, what follows on the line.
    fn heads<'l>(
        &'l self,
        find: impl Fn(usize, &'l Line<'a>) -> Option<(String, &'l str)>,
    ) -> Vec<(usize, String, &'l str)> {
        let mut out: Vec<(usize, String, &'l str)> = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            if let Some((address, rest)) = find(at, line) {
                out.push((at, address, rest));
                if out.len() >= MAX_FAILURES {
                    break;
                }
            }
        }
        out
    }

    fn tell(&self, heads: Vec<(usize, String, &str)>) -> Vec<Told> {
        let mut out: Vec<Told> = Vec::new();
        let starts: Vec<usize> = heads.iter().map(|(at, ..)| *at).collect();
        for (index, (at, recipient, rest)) in heads.into_iter().enumerate() {
            let next = starts.get(index + 1).copied().unwrap_or(self.lines.len());
            let (reply, mta) = self.reason(at + 1, next, rest);
            match out
                .iter_mut()
                .find(|told| told.recipient.eq_ignore_ascii_case(&recipient))
            {
                // Exchange names an address twice: for people, then for administrators.
                Some(known) if known.reply.is_none() => {
                    known.reply = reply;
                    known.mta = known.mta.take().or(mta);
                }
                Some(known)
                    if reply
                        .as_deref()
                        .is_some_and(|reply| Reply::read(reply).is_refusal()) =>
                {
                    let was = known
                        .reply
                        .as_deref()
                        .is_some_and(|reply| Reply::read(reply).is_refusal());
                    if !was {
                        known.reply = reply;
                        known.mta = mta.or(known.mta.take());
                    }
                }
                Some(_) => {}
                None => out.push(Told {
                    recipient,
                    reply,
                    mta,
                }),
            }
        }
        out
    }

    /// Why it failed: a reply of a server between these lines, a reason by its label, what stands right behind the address, or a reply
    /// anywhere.
    fn reason(&self, from: usize, to: usize, rest: &str) -> (Option<String>, Option<String>) {
        let to = to.min(from + MAX_REASON);
        let below = self.lines.get(from..to).unwrap_or_default();
        let mut joined = rest.to_owned();
        for line in below
            .iter()
            .take_while(|line| !line.bare.is_empty() && !is_aside(line))
        {
            joined.push(' ');
            joined.push_str(line.bare);
        }
        let joined = squeeze(&joined);
        let server = mta(&joined)
            .or_else(|| mta_in(below))
            .or_else(|| self.mta());
        let reply = reply_at(&joined)
            .map(|reply| ended(&reply))
            .or_else(|| reply_in(below))
            .or_else(|| labelled(below))
            .or_else(|| Some(joined).filter(|joined| joined.len() > 8))
            .or_else(|| self.reply());
        (reply, server)
    }

    /// The first reply of a server in the text, a reason by its label, else the first line that says why in words that are known.
    fn reply(&self) -> Option<String> {
        let known = |line: &&Line<'_>| judge(line.bare, None).category != Category::Unknown;
        let look = || {
            let mut lines = self
                .lines
                .iter()
                .filter(|line| !line.bare.is_empty())
                .take(MAX_JUDGED);
            reply_in(&self.lines)
                .or_else(|| labelled(&self.lines))
                .or_else(|| lines.find(known).map(|line| squeeze(line.bare)))
        };
        self.reply.get_or_init(look).clone()
    }

    fn mta(&self) -> Option<String> {
        self.mta.get_or_init(|| mta_in(&self.lines)).clone()
    }
}
