//! ENVELOPE (RFC 9051 section 7.5.2). Header text stays raw: decoding it is the reader's work.

use crate::token::Token;

/// The envelope of a message. Strings are as the server sent them, RFC 2047 words included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// `Date` as it stands in the header.
    pub date: Option<Vec<u8>>,
    /// `Subject`.
    pub subject: Option<Vec<u8>>,
    /// `From`.
    pub from: Vec<Address>,
    /// `Sender`; servers repeat `From` where it is absent.
    pub sender: Vec<Address>,
    /// `Reply-To`; servers repeat `From` where it is absent.
    pub reply_to: Vec<Address>,
    /// `To`.
    pub to: Vec<Address>,
    /// `Cc`.
    pub cc: Vec<Address>,
    /// `Bcc`.
    pub bcc: Vec<Address>,
    /// `In-Reply-To`.
    pub in_reply_to: Option<Vec<u8>>,
    /// `Message-ID`.
    pub message_id: Option<Vec<u8>>,
}

/// One entry of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A mailbox.
    Mailbox {
        /// Display name.
        name: Option<Vec<u8>>,
        /// Local part.
        local: Vec<u8>,
        /// Domain.
        host: Vec<u8>,
    },
    /// A group begins; its members follow up to [`Address::GroupEnd`].
    GroupStart(Vec<u8>),
    /// The group ends.
    GroupEnd,
}

impl Envelope {
    /// Reads the list that follows `ENVELOPE`; missing or odd members stay empty.
    pub fn parse(token: &Token) -> Option<Self> {
        let mut items = token.list()?.to_vec();
        if items.len() == 9 && !matches!(items.get(7), Some(Token::List(_))) {
            // Bcc was left out where there is none.
            items.insert(7, Token::Nil);
        }
        let text = |i: usize| items.get(i).and_then(Token::raw);
        let addresses = |i: usize| items.get(i).map(addresses).unwrap_or_default();
        Some(Self {
            date: text(0),
            subject: text(1),
            from: addresses(2),
            sender: addresses(3),
            reply_to: addresses(4),
            to: addresses(5),
            cc: addresses(6),
            bcc: addresses(7),
            in_reply_to: text(8),
            message_id: text(9),
        })
    }
}

fn addresses(token: &Token) -> Vec<Address> {
    let Some(items) = token.list() else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let Some(parts) = item.list() else { continue };
        let text = |i: usize| parts.get(i).and_then(Token::raw);
        // The route (second member) is obsolete and dropped.
        out.push(match (text(2), text(3)) {
            (None, None) => match text(0) {
                // Some servers put a name alone where nothing else could be parsed.
                Some(name) => Address::Mailbox {
                    name: Some(name),
                    local: Vec::new(),
                    host: Vec::new(),
                },
                None => Address::GroupEnd,
            },
            (Some(group), None) => Address::GroupStart(group),
            (local, host) => Address::Mailbox {
                name: text(0),
                local: local.unwrap_or_default(),
                host: host.unwrap_or_default(),
            },
        });
    }
    out
}
