//! What servers do wrong, as named switches.
//!
//! There are two kinds. What a server *writes* against the grammar is read all the same, whoever
//! sends it: [`TOLERATED`] lists these deviations, and each has a dialogue in `tests/it/dialogues`.
//! What a server *does* wrong must be known before it is asked: these are the [`Quirk`]s, which a
//! provider's profile switches on.

/// Something a server cannot do although it says so, or does otherwise than the RFCs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quirk {
    /// Mod-sequences go wrong: neither CONDSTORE nor QRESYNC (RFC 7162) is used.
    NoCondstore,
    /// VANISHED goes wrong: QRESYNC (RFC 7162) is not used, CONDSTORE is.
    NoQresync,
    /// IDLE (RFC 2177) is offered, but brings no news: the mailbox is polled.
    NoIdle,
    /// LIST with STATUS (RFC 5819) gives wrong counters or fails where one mailbox cannot be opened.
    NoListStatus,
    /// LIST with options (RFC 5258) fails or leaves mailboxes out.
    NoListExtended,
    /// SEARCH with result options (RFC 4731) fails or finds other messages than SEARCH without.
    NoEsearch,
    /// `UTF8=ACCEPT` (RFC 6855) is offered, but names or literals go wrong once it is enabled.
    NoUtf8,
    /// ENABLE (RFC 5161) is offered, but ends the connection or is never answered.
    NoEnable,
    /// The initial response of AUTHENTICATE (RFC 4959) is not taken.
    NoInitialResponse,
    /// Literals without waiting (RFC 7888) are not taken.
    NoLiteralPlus,
    /// UID MOVE (RFC 6851) fails or leaves copies behind.
    NoMove,
    /// Nothing works before ID (RFC 2971) told who we are, however private one wants to be.
    IdNeeded,
    /// `BODY[...]<origin.count>` gives other bytes than those of the whole section.
    PartialFetchWrong,
    /// STATUS of the mailbox that is open tells what was true when it was opened.
    StatusOfSelectedStale,
}

impl Quirk {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::NoCondstore,
        Self::NoQresync,
        Self::NoIdle,
        Self::NoListStatus,
        Self::NoListExtended,
        Self::NoEsearch,
        Self::NoUtf8,
        Self::NoEnable,
        Self::NoInitialResponse,
        Self::NoLiteralPlus,
        Self::NoMove,
        Self::IdNeeded,
        Self::PartialFetchWrong,
        Self::StatusOfSelectedStale,
    ];

    /// The name by which profiles switch it on.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCondstore => "no_condstore",
            Self::NoQresync => "no_qresync",
            Self::NoIdle => "no_idle",
            Self::NoListStatus => "no_list_status",
            Self::NoListExtended => "no_list_extended",
            Self::NoEsearch => "no_esearch",
            Self::NoUtf8 => "no_utf8",
            Self::NoEnable => "no_enable",
            Self::NoInitialResponse => "no_initial_response",
            Self::NoLiteralPlus => "no_literal_plus",
            Self::NoMove => "no_move",
            Self::IdNeeded => "id_needed",
            Self::PartialFetchWrong => "partial_fetch_wrong",
            Self::StatusOfSelectedStale => "status_of_selected_stale",
        }
    }

    /// The quirk of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.name() == name)
    }

    /// Capabilities that count as not offered.
    #[must_use]
    pub const fn hides(self) -> &'static [&'static str] {
        match self {
            Self::NoCondstore => &["CONDSTORE", "QRESYNC"],
            Self::NoQresync => &["QRESYNC"],
            // IMAP4rev2 includes what is missing here: it counts as not offered, too.
            Self::NoIdle => &["IDLE", "IMAP4rev2"],
            Self::NoListStatus => &["LIST-STATUS", "IMAP4rev2"],
            Self::NoListExtended => &["LIST-EXTENDED", "LIST-STATUS", "IMAP4rev2"],
            Self::NoEsearch => &["ESEARCH", "PARTIAL", "IMAP4rev2"],
            Self::NoUtf8 => &["UTF8=ACCEPT", "UTF8=ONLY"],
            Self::NoEnable => &["ENABLE", "QRESYNC", "IMAP4rev2"],
            Self::NoInitialResponse => &["SASL-IR"],
            Self::NoLiteralPlus => &["LITERAL+", "LITERAL-", "IMAP4rev2"],
            Self::NoMove => &["MOVE", "IMAP4rev2"],
            Self::IdNeeded | Self::PartialFetchWrong | Self::StatusOfSelectedStale => &[],
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of quirks, two bytes large: every idle connection has one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u16);

impl Quirks {
    /// Is it among them?
    #[must_use]
    pub const fn has(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    /// Those that are in it.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.into_iter().filter(move |quirk| self.has(*quirk))
    }

    /// With all of another set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        Self(quirks.into_iter().fold(0, |bits, quirk| bits | quirk.bit()))
    }
}

impl std::fmt::Debug for Quirks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(Quirk::name)).finish()
    }
}

/// A deviation from the grammar that is read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerated {
    /// Its name; that of the dialogue that shows it.
    pub name: &'static str,
    /// What is written, and how it is read.
    pub what: &'static str,
}

const fn tolerated(name: &'static str, what: &'static str) -> Tolerated {
    Tolerated { name, what }
}

/// Every deviation that is known to be read. The dialogues in `tests/it/dialogues` show each, and where it was seen.
pub const TOLERATED: &[Tolerated] = &[
    tolerated(
        "backslash-not-escaped",
        "A string ends in a backslash that should have been doubled: it is text where nothing else comes out even.",
    ),
    tolerated(
        "break-in-quoted",
        "A quoted string holds a line break: the line goes on unless the next one begins a response.",
    ),
    tolerated(
        "bye-anywhere",
        "BYE comes in the middle of a command, a literal or a login: its words are the error.",
    ),
    tolerated(
        "capabilities-shrink",
        "After login other capabilities hold than before: the last word counts.",
    ),
    tolerated(
        "code-without-status",
        "A line begins with a response code: it is read as an untagged OK.",
    ),
    tolerated("continuation-bare", "`+` comes without a space or text."),
    tolerated(
        "counts-jump",
        "EXISTS goes down without EXPUNGE, EXPUNGE comes for messages that never were.",
    ),
    tolerated(
        "eight-bit-text",
        "Envelopes, names and human text hold bytes that are not ASCII, and not UTF-8 either.",
    ),
    tolerated(
        "enabled-missing",
        "ENABLE is answered with OK alone: nothing counts as enabled.",
    ),
    tolerated(
        "envelope-short",
        "An envelope lacks Bcc where there is none: the members after it move up.",
    ),
    tolerated(
        "fetch-for-nothing",
        "FETCH repeats data nobody asked for, or news in the middle of an answer.",
    ),
    tolerated(
        "fetch-value-missing",
        "A FETCH reply ends after the name of an item: the item is absent.",
    ),
    tolerated("flags-quoted", "Flags stand in quotes."),
    tolerated(
        "flags-with-star",
        "FLAGS names `\\*`, which only PERMANENTFLAGS may.",
    ),
    tolerated(
        "greeting-odd",
        "Blank lines and LF alone come before and in the greeting.",
    ),
    tolerated(
        "header-names-quoted",
        "BODY[HEADER.FIELDS ...] comes back with its names in quotes.",
    ),
    tolerated(
        "items-nested",
        "A FETCH item stands in parentheses of its own.",
    ),
    tolerated(
        "line-too-long",
        "A line longer than a megabyte: it is cut, the connection goes on.",
    ),
    tolerated(
        "list-name-bare",
        "A mailbox name with spaces has no quotes.",
    ),
    tolerated("literal-for-a-name", "A mailbox name comes as a literal."),
    tolerated(
        "literal-too-short",
        "A literal holds more than it announced: what is too much is skipped with its line.",
    ),
    tolerated(
        "login-no-code",
        "A login is refused in words alone: they tell temporary trouble from wrong credentials.",
    ),
    tolerated(
        "nil-where-forbidden",
        "NIL stands for encodings, names, addresses, flags and dates.",
    ),
    tolerated(
        "number-too-large",
        "Sizes beyond 4 GiB, UIDVALIDITY beyond 32 bits, counts that do not fit.",
    ),
    tolerated(
        "search-silent",
        "SEARCH without a match is answered with OK alone.",
    ),
    tolerated(
        "select-refused",
        "A mailbox that is listed cannot be opened.",
    ),
    tolerated("status-empty", "STATUS answers with an empty list."),
    tolerated(
        "status-other-name",
        "STATUS answers under another spelling of the name.",
    ),
    tolerated(
        "structure-broken",
        "BODYSTRUCTURE lacks members, or has some that belong nowhere.",
    ),
    tolerated("tag-unknown", "A line ends a command that nobody gave."),
    tolerated(
        "temporary-refusal",
        "[LIMIT], [INUSE] and [UNAVAILABLE] on login say nothing about the credentials.",
    ),
    tolerated(
        "uid-only-later",
        "One message's data come in several replies, the UID not in the first.",
    ),
    tolerated(
        "unknown-items",
        "FETCH, STATUS, LIST and response codes hold what no RFC knows.",
    ),
    tolerated(
        "untagged-anytime",
        "News, warnings and alerts come at any moment.",
    ),
    tolerated(
        "vanished-malformed",
        "VANISHED names nothing, or ranges turned round.",
    ),
];
