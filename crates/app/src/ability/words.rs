//! The words: groups, actions and ready choices as people read them.

use posthouse_model::{Action, Group, Permissions};

/// The plain words of a group: its title, what it is, and a phrase for each action it has.
#[derive(Debug, Clone, Copy)]
pub struct GroupWords {
    /// The group.
    pub group: Group,
    /// Its title.
    pub title: &'static str,
    /// What may be done, by action.
    pub phrases: &'static [(Action, &'static str)],
}

/// Every group in plain words. A test holds it against the operation table.
pub const GROUPS: &[GroupWords] = &[
    GroupWords {
        group: Group::Account,
        title: "Accounts",
        phrases: &[
            (Action::Read, "read accounts and their state"),
            (Action::Write, "reconnect and sync accounts"),
            (Action::Destructive, "delete and reset accounts"),
        ],
    },
    GroupWords {
        group: Group::Mailbox,
        title: "Folders",
        phrases: &[
            (Action::Read, "list folders"),
            (Action::Write, "create and rename folders"),
            (Action::Destructive, "delete folders"),
        ],
    },
    GroupWords {
        group: Group::Message,
        title: "Messages",
        phrases: &[
            (Action::Read, "read messages and attachments"),
            (Action::Write, "flag, move and upload messages"),
            (Action::Destructive, "delete messages"),
        ],
    },
    GroupWords {
        group: Group::Submit,
        title: "Sending",
        phrases: &[(Action::Send, "send messages")],
    },
    GroupWords {
        group: Group::Outbox,
        title: "Outbox",
        phrases: &[
            (Action::Read, "see queued messages"),
            (Action::Send, "send failed messages again"),
            (Action::Destructive, "cancel queued messages"),
        ],
    },
    GroupWords {
        group: Group::Export,
        title: "Exports",
        phrases: &[
            (Action::Read, "download exports"),
            (Action::Write, "start exports"),
            (Action::Destructive, "delete exports"),
        ],
    },
    GroupWords {
        group: Group::Template,
        title: "Templates",
        phrases: &[
            (Action::Read, "read templates"),
            (Action::Write, "create and change templates"),
            (Action::Destructive, "delete templates"),
        ],
    },
    GroupWords {
        group: Group::Blocklist,
        title: "Suppression lists",
        phrases: &[
            (Action::Read, "read suppression lists"),
            (Action::Write, "add to suppression lists"),
            (Action::Destructive, "remove from suppression lists"),
        ],
    },
    GroupWords {
        group: Group::Webhook,
        title: "Webhook routes",
        phrases: &[(Action::Read, "read webhook routes")],
    },
    GroupWords {
        group: Group::Gateway,
        title: "SMTP gateways",
        phrases: &[
            (Action::Read, "read gateways"),
            (Action::Destructive, "delete gateways"),
        ],
    },
    GroupWords {
        group: Group::Events,
        title: "Events",
        phrases: &[
            (
                Action::Read,
                "read the event log and follow changes of accounts as they happen",
            ),
            (Action::Write, "have events delivered again"),
        ],
    },
    GroupWords {
        group: Group::Diagnostics,
        title: "Diagnostics",
        phrases: &[(Action::Read, "read statistics and run checks")],
    },
    GroupWords {
        group: Group::Logs,
        title: "Protocol logs",
        phrases: &[(Action::Read, "read protocol logs")],
    },
    GroupWords {
        group: Group::Admin,
        title: "Administration",
        phrases: &[
            (
                Action::Read,
                "read settings, tokens and OAuth2 applications",
            ),
            (
                Action::Write,
                "register accounts, change settings and issue tokens",
            ),
            (Action::Destructive, "delete tokens and OAuth2 applications"),
        ],
    },
];

/// What is left of administration for a token of one account.
pub(super) const BOUND_ADMIN: &[(Action, &str)] = &[
    (Action::Read, "list the account's own tokens"),
    (Action::Write, "change the account's configuration"),
];

/// What people ask for first, when it is not granted.
pub(super) const ASKED: &[(Group, Action, &str)] = &[
    (Group::Message, Action::Read, "read messages"),
    (Group::Submit, Action::Send, "send messages"),
    (Group::Message, Action::Destructive, "delete messages"),
    (Group::Account, Action::Destructive, "delete accounts"),
];

/// A ready choice of permissions.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The value in forms.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is for, one sentence.
    pub help: &'static str,
    /// Allowed actions; none for all.
    pub actions: Option<&'static [Action]>,
    /// Allowed groups; none for all.
    pub groups: Option<&'static [Group]>,
}

/// The ready choices of permissions.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: "all",
        title: "Everything allowed",
        help: "No restriction: whatever its scopes open.",
        actions: None,
        groups: None,
    },
    Preset {
        id: "read",
        title: "Read only",
        help: "Reads whatever there is, changes nothing, sends nothing.",
        actions: Some(&[Action::Read]),
        groups: None,
    },
    Preset {
        id: "agent",
        title: "Mail agent",
        help: "Reads, files and sends mail. Deletes nothing and administers nothing.",
        actions: Some(&[Action::Read, Action::Write, Action::Send]),
        groups: Some(&[
            Group::Account,
            Group::Mailbox,
            Group::Message,
            Group::Submit,
            Group::Outbox,
        ]),
    },
    Preset {
        id: "send",
        title: "Send only",
        help: "Sends mail, and can look at nothing.",
        actions: Some(&[Action::Send]),
        groups: Some(&[Group::Submit]),
    },
];

impl Preset {
    /// The permissions it stands for.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        if self.actions.is_none() && self.groups.is_none() {
            return Permissions::Unrestricted;
        }
        Permissions::Narrowed {
            actions: self.actions.map(<[_]>::to_vec),
            groups: self.groups.map(<[_]>::to_vec),
        }
    }
}

/// The title of an action.
#[must_use]
pub fn action_title(action: impl std::borrow::Borrow<Action>) -> &'static str {
    match action.borrow() {
        Action::Read => "Read",
        Action::Write => "Write",
        Action::Send => "Send",
        Action::Destructive => "Destructive",
    }
}
