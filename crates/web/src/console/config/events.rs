//! Event types for people: what each is, grouped.

use posthouse_model::EventType;

/// Event types that belong together.
pub(super) struct EventGroup {
    /// What they are about.
    pub(super) title: &'static str,
    /// The types.
    pub(super) events: Vec<Event>,
}

/// An event type.
pub(super) struct Event {
    /// The word on the wire.
    pub(super) word: String,
    /// When it happens.
    pub(super) about: &'static str,
    /// Whether it is delivered.
    pub(super) chosen: bool,
}

const TITLES: [&str; 6] = [
    "Messages",
    "Sending",
    "Accounts",
    "Folders",
    "Recipients",
    "Exports",
];

/// The group of a type and when it happens.
const fn describe(event: EventType) -> (&'static str, &'static str) {
    use EventType::*;
    match event {
        MessageNew => ("Messages", "A message arrived"),
        MessageDeleted => ("Messages", "A message is gone"),
        MessageUpdated => ("Messages", "Flags or labels changed"),
        MessageMissing => ("Messages", "A message was announced but cannot be read"),
        MessageBounce => ("Messages", "A bounce of a sent message arrived"),
        MessageComplaint => ("Messages", "A recipient complained about a sent message"),
        MessageSent => ("Sending", "The mail server accepted a message"),
        MessageDeliveryError => ("Sending", "An attempt failed; it is tried again"),
        MessageFailed => ("Sending", "A message was given up"),
        AccountAdded => ("Accounts", "An account was registered"),
        AccountDeleted => ("Accounts", "An account was removed"),
        AccountInitialized => ("Accounts", "The first connection after registration"),
        AuthenticationSuccess => ("Accounts", "The mail server accepted the login"),
        AuthenticationError => ("Accounts", "The mail server refused the login"),
        ConnectError => ("Accounts", "The mail server cannot be reached"),
        MailboxNew => ("Folders", "A folder appeared"),
        MailboxDeleted => ("Folders", "A folder is gone"),
        MailboxReset => ("Folders", "A folder was read anew"),
        TrackOpen => ("Recipients", "A recipient opened a message"),
        TrackClick => ("Recipients", "A recipient followed a link"),
        ListUnsubscribe => ("Recipients", "A recipient unsubscribed"),
        ListSubscribe => ("Recipients", "A recipient subscribed again"),
        ExportCompleted => ("Exports", "An export is ready"),
        ExportFailed => ("Exports", "An export failed"),
    }
}

/// Every word.
pub(super) fn all_words() -> Vec<String> {
    EventType::ALL
        .iter()
        .map(|event| event.as_str().to_owned())
        .collect()
}

/// Every type in its group; those among `chosen` are. Words that are no type of this version stand last,
/// so that saving does not drop them.
pub(super) fn groups(chosen: &[String]) -> Vec<EventGroup> {
    let mut groups: Vec<_> = TITLES
        .iter()
        .map(|title| EventGroup {
            title,
            events: EventType::ALL
                .iter()
                .filter(|event| describe(**event).0 == *title)
                .map(|event| Event {
                    word: event.as_str().to_owned(),
                    about: describe(*event).1,
                    chosen: chosen.iter().any(|word| word == event.as_str()),
                })
                .collect(),
        })
        .collect();
    let others: Vec<_> = chosen
        .iter()
        .filter(|word| *word != "*" && word.parse::<EventType>().is_err())
        .map(|word| Event {
            word: word.clone(),
            about: "Not known to this version",
            chosen: true,
        })
        .collect();
    if !others.is_empty() {
        groups.push(EventGroup {
            title: "Others",
            events: others,
        });
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_stands_in_one_group() {
        let shown: usize = groups(&[]).iter().map(|group| group.events.len()).sum();
        assert_eq!(shown, EventType::ALL.len());
    }

    #[test]
    fn unknown_words_are_kept() {
        let groups = groups(&["messageNew".to_owned(), "later".to_owned()]);
        let others = groups.iter().find(|group| group.title == "Others");
        assert!(others.is_some_and(|group| group.events.len() == 1));
    }
}
