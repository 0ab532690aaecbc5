use super::super::{Fact, FaultKind, Flags, Mailbox, Span, Told, When, flags};
use super::Checker;
use FaultKind::{Invented, Lost, Repeated, Wrong};

/// At this time, in view.
fn at(time: u64) -> When {
    let span = Span {
        from: time,
        to: time,
    };
    When { span, hidden: None }
}

/// At this time, while nobody could look.
fn unseen(time: u64) -> When {
    When {
        hidden: Some(1),
        ..at(time)
    }
}

fn words(words: &str) -> Flags {
    flags(words.split_whitespace())
}

fn told(at: u64, path: &str, fact: Fact) -> Told {
    let path = path.to_owned();
    Told { at, path, fact }
}

fn new(at: u64, uid: u32, with: &str) -> Told {
    let fact = Fact::New {
        id: (1, uid),
        key: Some(format!("<{uid}>")),
        flags: words(with),
        moved: None,
    };
    told(at, "INBOX", fact)
}

fn missing(at: u64, uid: u32) -> Told {
    told(at, "INBOX", Fact::Missing { id: (1, uid) })
}

fn updated(at: u64, uid: u32, added: &str, deleted: &str, value: &str) -> Told {
    let fact = Fact::Updated {
        id: (1, uid),
        added: words(added),
        deleted: words(deleted),
        value: words(value),
    };
    told(at, "INBOX", fact)
}

fn deleted(at: u64, uid: u32) -> Told {
    let fact = Fact::Deleted {
        id: (1, uid),
        moved: None,
    };
    told(at, "INBOX", fact)
}

fn folder(at: u64, path: &str, uid_validity: u32) -> Told {
    told(at, path, Fact::FolderNew { uid_validity })
}

fn reset(at: u64, path: &str, previous: u32, uid_validity: u32) -> Told {
    let fact = Fact::FolderReset {
        uid_validity,
        previous,
        reason: "uidValidityChange".to_owned(),
    };
    told(at, path, fact)
}

/// INBOX (7) with messages 1 and 2, known; the number of the mailbox is 1.
fn known() -> (Mailbox, Checker) {
    let (mut mailbox, mut checker) = (Mailbox::default(), Checker::default());
    mailbox.create("INBOX", 7, at(0));
    for uid in [1, 2] {
        mailbox.append("INBOX", uid, &format!("<{uid}>"), true, words(""), at(0));
    }
    let events = [folder(1, "INBOX", 7), new(2, 2, "")];
    assert_eq!(kinds(&checker, &mailbox, &events), []);
    checker.settle(&mut mailbox, &events, 10);
    (mailbox, checker)
}

fn kinds(checker: &Checker, mailbox: &Mailbox, events: &[Told]) -> Vec<FaultKind> {
    let faults = checker.check(mailbox, events);
    faults.iter().map(|fault| fault.kind).collect()
}

/// What was done, and for each telling of it what is wrong.
fn table(done: impl Fn(&mut Mailbox), tellings: &[(&[Told], &[FaultKind])]) {
    let (mut mailbox, checker) = known();
    done(&mut mailbox);
    for (number, (events, expected)) in tellings.iter().enumerate() {
        let faults = checker.check(&mailbox, events);
        let kinds: Vec<_> = faults.iter().map(|fault| fault.kind).collect();
        let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(kinds, *expected, "telling {number}: {shown:#?}");
    }
}

#[test]
fn nothing_happened() {
    table(
        |_| {},
        &[
            (&[], &[]),
            (&[new(20, 1, "")], &[Repeated]),
            (&[new(20, 9, "")], &[Invented]),
            (&[deleted(20, 1)], &[Invented]),
            (&[updated(20, 1, "\\seen", "", "\\seen")], &[Invented]),
            (&[folder(20, "INBOX", 7)], &[Repeated]),
            (&[folder(20, "Other", 8)], &[Invented]),
            (&[reset(20, "INBOX", 7, 8)], &[Invented]),
            (&[told(20, "INBOX", Fact::FolderDeleted)], &[Invented]),
        ],
    );
}

#[test]
fn a_message_arrives() {
    let arrive = |mailbox: &mut Mailbox| {
        mailbox.append("INBOX", 3, "<3>", true, words("\\Flagged"), at(20));
    };
    let mut elsewhere = new(30, 3, "\\flagged");
    elsewhere.path = "Other".to_owned();
    let mut renumbered = new(30, 3, "\\flagged");
    if let Fact::New { id, .. } = &mut renumbered.fact {
        id.0 = 2;
    }
    let mut other = new(30, 3, "\\flagged");
    if let Fact::New { key, .. } = &mut other.fact {
        *key = Some("<1>".to_owned());
    }
    table(
        arrive,
        &[
            (&[new(30, 3, "\\flagged")], &[]),
            (&[], &[Lost]),
            (
                &[new(30, 3, "\\flagged"), new(31, 3, "\\flagged")],
                &[Repeated],
            ),
            (&[new(30, 3, "")], &[Wrong]),
            (&[missing(30, 3)], &[Invented]),
            (&[other], &[Wrong]),
            // The number of a mailbox is of one folder, and a folder has one number.
            (&[elsewhere], &[Lost, Wrong]),
            (&[renumbered], &[Invented, Lost]),
        ],
    );
    // Before it happened.
    let (mut mailbox, checker) = known();
    arrive(&mut mailbox);
    assert_eq!(
        kinds(&checker, &mailbox, &[new(19, 3, "\\flagged")]),
        [Wrong]
    );
}

#[test]
fn old_messages_are_not_announced_but_their_end_is() {
    table(
        |mailbox| mailbox.append("INBOX", 3, "<3>", false, words(""), at(20)),
        &[(&[], &[]), (&[new(30, 3, "")], &[Invented])],
    );
    let (mut mailbox, mut checker) = known();
    mailbox.append("INBOX", 3, "<3>", false, words(""), at(20));
    checker.settle(&mut mailbox, &[], 30);
    mailbox.expunge("INBOX", 3, at(40));
    assert_eq!(kinds(&checker, &mailbox, &[]), [Lost]);
    assert_eq!(kinds(&checker, &mailbox, &[deleted(50, 3)]), []);
}

#[test]
fn a_message_goes() {
    table(
        |mailbox| mailbox.expunge("INBOX", 1, at(20)),
        &[
            (&[deleted(30, 1)], &[]),
            (&[], &[Lost]),
            (&[deleted(30, 1), deleted(31, 1)], &[Repeated]),
            (&[deleted(30, 2)], &[Lost, Invented]),
            (&[deleted(19, 1)], &[Invented]),
            (
                &[deleted(30, 1), updated(31, 1, "\\seen", "", "\\seen")],
                &[Wrong],
            ),
        ],
    );
}

#[test]
fn a_message_comes_and_goes_in_view() {
    table(
        |mailbox| {
            mailbox.append("INBOX", 3, "<3>", true, words(""), at(20));
            mailbox.expunge("INBOX", 3, at(25));
        },
        &[
            (&[], &[]),
            (&[new(30, 3, ""), deleted(31, 3)], &[]),
            (&[missing(30, 3)], &[]),
            (&[missing(30, 3), deleted(31, 3)], &[]),
            (&[new(30, 3, "")], &[Lost]),
            (&[deleted(31, 3)], &[Wrong]),
            (&[deleted(30, 3), missing(31, 3)], &[Wrong, Wrong]),
            (
                &[new(30, 3, ""), missing(31, 3), deleted(32, 3)],
                &[Repeated],
            ),
        ],
    );
}

#[test]
fn a_message_comes_and_goes_unseen() {
    table(
        |mailbox| {
            mailbox.append("INBOX", 3, "<3>", true, words(""), unseen(20));
            mailbox.store("INBOX", 3, words("\\seen"), unseen(21));
            mailbox.expunge("INBOX", 3, unseen(25));
        },
        &[(&[], &[]), (&[new(30, 3, ""), deleted(31, 3)], &[Invented])],
    );
}

#[test]
fn what_came_and_went_may_be_told_after_the_checkpoint_once() {
    let (mut mailbox, mut checker) = known();
    mailbox.append("INBOX", 3, "<3>", true, words(""), at(20));
    mailbox.expunge("INBOX", 3, at(21));
    checker.settle(&mut mailbox, &[], 30);
    for (events, expected) in [
        (vec![missing(40, 3)], vec![]),
        (vec![missing(40, 3), deleted(41, 3)], vec![]),
        (vec![missing(40, 3), missing(41, 3)], vec![Repeated]),
        (vec![new(40, 3, "")], vec![Lost]),
    ] {
        assert_eq!(kinds(&checker, &mailbox, &events), expected, "{events:?}");
    }
    // Once means once, also over several checkpoints; and it may not be told for ever.
    let mut later = checker.clone();
    later.settle(&mut mailbox, &[missing(40, 3)], 50);
    assert_eq!(kinds(&later, &mailbox, &[missing(60, 3)]), [Repeated]);
    assert_eq!(kinds(&later, &mailbox, &[deleted(60, 3)]), []);
    checker.settle(&mut mailbox, &[], 50);
    assert_eq!(kinds(&checker, &mailbox, &[missing(60, 3)]), []);
    checker.settle(&mut mailbox, &[], 70_000);
    assert_eq!(kinds(&checker, &mailbox, &[missing(70_001, 3)]), [Invented]);
}

#[test]
fn flags_change_in_view() {
    table(
        |mailbox| {
            mailbox.store("INBOX", 1, words("\\Seen"), at(20));
            mailbox.store("INBOX", 1, words("\\Seen Work"), at(21));
        },
        &[
            (&[], &[Lost]),
            // One by one, or at once.
            (
                &[
                    updated(30, 1, "\\seen", "", "\\seen"),
                    updated(31, 1, "work", "", "\\seen work"),
                ],
                &[],
            ),
            (&[updated(30, 1, "\\seen work", "", "\\seen work")], &[]),
            (&[updated(30, 1, "\\seen", "", "\\seen")], &[Lost]),
            (
                &[updated(30, 1, "\\seen", "", "\\seen work")],
                &[Wrong, Lost],
            ),
            (&[updated(30, 1, "work", "", "work")], &[Invented, Lost]),
            (
                &[
                    updated(30, 1, "\\seen work", "", "\\seen work"),
                    updated(31, 1, "\\seen work", "", "\\seen work"),
                ],
                &[Repeated],
            ),
        ],
    );
}

#[test]
fn flags_change_and_change_back() {
    let there_and_back = |mailbox: &mut Mailbox, when: fn(u64) -> When| {
        mailbox.store("INBOX", 1, words("\\Seen"), when(20));
        mailbox.store("INBOX", 1, words(""), when(21));
    };
    let both: &[Told] = &[
        updated(30, 1, "\\seen", "", "\\seen"),
        updated(31, 1, "", "\\seen", ""),
    ];
    table(
        |mailbox| there_and_back(mailbox, at),
        &[(&[], &[]), (both, &[]), (&both[..1], &[Lost])],
    );
    table(
        |mailbox| there_and_back(mailbox, unseen),
        &[(&[], &[]), (both, &[Invented, Repeated])],
    );
}

#[test]
fn flags_change_between_arrival_and_read() {
    table(
        |mailbox| {
            mailbox.append("INBOX", 3, "<3>", true, words(""), at(20));
            mailbox.store("INBOX", 3, words("\\Seen"), at(21));
        },
        &[
            (
                &[new(30, 3, ""), updated(31, 3, "\\seen", "", "\\seen")],
                &[],
            ),
            // Read late: whether the change is told again is open.
            (&[new(30, 3, "\\seen")], &[]),
            (
                &[new(30, 3, "\\seen"), updated(31, 3, "\\seen", "", "\\seen")],
                &[],
            ),
            (&[new(30, 3, "")], &[Lost]),
            (
                &[updated(29, 3, "\\seen", "", "\\seen"), new(30, 3, "\\seen")],
                &[Wrong],
            ),
        ],
    );
}

#[test]
fn a_folder_is_taken_in_silently() {
    let made = |mailbox: &mut Mailbox| {
        mailbox.create("A", 9, at(20));
        for (uid, time) in [(1, 21), (2, 22), (3, 40)] {
            mailbox.append("A", uid, &format!("<{uid}>"), true, words(""), at(time));
        }
    };
    let in_a = |mut told: Told| {
        told.path = "A".to_owned();
        match &mut told.fact {
            Fact::New { id, .. } | Fact::Deleted { id, .. } => id.0 = 2,
            _ => {}
        }
        told
    };
    let seen = folder(30, "A", 9);
    table(
        made,
        &[
            (&[], &[Lost]),
            // What arrived after it was told is announced; before, it may be, from some UID on.
            (&[seen.clone(), in_a(new(50, 3, ""))], &[]),
            (
                &[seen.clone(), in_a(new(50, 2, "")), in_a(new(51, 3, ""))],
                &[],
            ),
            (std::slice::from_ref(&seen), &[Lost]),
            (
                &[seen.clone(), in_a(new(50, 1, "")), in_a(new(51, 3, ""))],
                &[Lost],
            ),
            (
                &[seen.clone(), seen.clone(), in_a(new(50, 3, ""))],
                &[Repeated],
            ),
            (&[in_a(new(50, 3, ""))], &[Invented, Lost]),
        ],
    );
    // One that was there then and went is told to be gone.
    table(
        |mailbox| {
            made(mailbox);
            mailbox.expunge("A", 1, at(45));
        },
        &[
            (
                &[seen.clone(), in_a(new(50, 3, "")), in_a(deleted(51, 1))],
                &[],
            ),
            (&[seen.clone(), in_a(new(50, 3, ""))], &[Lost]),
        ],
    );
}

#[test]
fn folders_go_and_come_back() {
    let gone = || told(30, "A", Fact::FolderDeleted);
    let known_a = |when: fn(u64) -> When| {
        let (mut mailbox, mut checker) = known();
        mailbox.create("A", 9, at(11));
        checker.settle(&mut mailbox, &[folder(12, "A", 9)], 15);
        mailbox.delete("A", when(20));
        (mailbox, checker)
    };
    let (mailbox, checker) = known_a(at);
    assert_eq!(kinds(&checker, &mailbox, &[]), [Lost]);
    assert_eq!(kinds(&checker, &mailbox, &[gone()]), []);
    assert_eq!(kinds(&checker, &mailbox, &[gone(), gone()]), [Repeated]);

    // Made again: seen gone in between or not.
    let (mut mailbox, checker) = known_a(at);
    mailbox.create("A", 10, at(25));
    let again = [reset(40, "A", 9, 10), folder(41, "A", 10)];
    assert_eq!(kinds(&checker, &mailbox, &again), []);
    assert_eq!(kinds(&checker, &mailbox, &again[..1]), []);
    assert_eq!(kinds(&checker, &mailbox, &[gone(), again[1].clone()]), []);
    assert_eq!(kinds(&checker, &mailbox, &[gone()]), [Lost]);
    assert_eq!(kinds(&checker, &mailbox, &[]), [Lost]);

    // Made again while nobody looked: it was never away.
    let (mut mailbox, checker) = known_a(unseen);
    mailbox.create("A", 10, unseen(25));
    assert_eq!(kinds(&checker, &mailbox, &again), []);
    let away = [gone(), again[1].clone()];
    assert_eq!(kinds(&checker, &mailbox, &away), [Invented, Wrong, Lost]);

    // Renamed away and back while nobody looked.
    let (mut mailbox, mut checker) = known();
    mailbox.create("A", 9, at(11));
    mailbox.append("A", 1, "<a>", true, words(""), at(11));
    checker.settle(&mut mailbox, &[folder(12, "A", 9)], 15);
    mailbox.rename("A", "B", unseen(20));
    mailbox.expunge("B", 1, unseen(21));
    mailbox.rename("B", "A", unseen(22));
    let mut went = deleted(30, 1);
    went.path = "A".to_owned();
    if let Fact::Deleted { id, .. } = &mut went.fact {
        id.0 = 2;
    }
    assert_eq!(kinds(&checker, &mailbox, &[went]), []);
    assert_eq!(kinds(&checker, &mailbox, &[]), [Lost]);
}

#[test]
fn a_claimed_move_must_have_been_one() {
    let moved = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
    let told_moved = |to: &str| {
        let fact = Fact::Deleted {
            id: (1, 1),
            moved: moved("INBOX", to),
        };
        told(30, "INBOX", fact)
    };
    let (mut mailbox, mut checker) = known();
    mailbox.create("A", 9, at(11));
    checker.settle(&mut mailbox, &[folder(12, "A", 9)], 15);
    mailbox.append("A", 1, "<1>", true, words(""), at(20));
    mailbox.expunge("INBOX", 1, at(20));
    let arrived = |from: &str| {
        let fact = Fact::New {
            id: (2, 1),
            key: Some("<1>".to_owned()),
            flags: words(""),
            moved: moved(from, "A"),
        };
        told(31, "A", fact)
    };
    assert_eq!(
        kinds(&checker, &mailbox, &[told_moved("A"), arrived("INBOX")]),
        []
    );
    assert_eq!(
        kinds(&checker, &mailbox, &[told_moved("B"), arrived("INBOX")]),
        [Wrong]
    );
    assert_eq!(
        kinds(&checker, &mailbox, &[told_moved("A"), arrived("B")]),
        [Wrong]
    );
    checker.settle(&mut mailbox, &[told_moved("A"), arrived("INBOX")], 40);
    assert_eq!(checker.moves(), (1, 1));
}
