use std::collections::BTreeMap;
use std::time::Instant;

use posthouse_model::AccountId;
use posthouse_model::index::{Identity, ThreadKey};
use posthouse_store::identities::{self, Entry, Located};
use posthouse_store::{Batch, Store, StoreError, mailboxes, params};
use roaring::RoaringBitmap;

use crate::index::{Dice, folder, mailbox, size};
use crate::support::{Fresh, number};

both!(
    entries_against_a_model,
    copies_and_messages,
    writers_and_damage,
    forgetting,
    size_and_speed
);

async fn apply(
    store: &Store,
    account: &AccountId,
    folder: u32,
    put: &[Entry],
    remove: &RoaringBitmap,
) {
    let mut batch = Batch::new();
    identities::apply(store, &mut batch, account, folder, put, remove)
        .await
        .unwrap();
    store.commit(batch).await.unwrap();
}

fn none() -> RoaringBitmap {
    RoaringBitmap::new()
}

fn entry(uid: u32, identity: u64) -> Entry {
    Entry {
        uid,
        identity: Some(Identity::from_bits(identity)),
        thread: Some(ThreadKey::from_bits(identity ^ 1)),
    }
}

async fn entries_against_a_model(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("ann");
    let inbox = folder(store, &account, "INBOX").await;
    let mut dice = Dice(3);
    let mut expected: BTreeMap<u32, Entry> = BTreeMap::new();
    for _ in 0..60 {
        let mut put = Vec::new();
        for _ in 0..dice.roll(60) {
            let uid = 1 + dice.roll(3_000);
            put.push(entry(uid, u64::from(uid) << 20));
        }
        let first = dice.roll(3_000);
        let remove: RoaringBitmap = (first..first + dice.roll(120)).collect();
        apply(store, &account, inbox, &put, &remove).await;
        for entry in put {
            expected.insert(entry.uid, entry);
        }
        expected.retain(|uid, _| !remove.contains(*uid));
        let everything = RoaringBitmap::full();
        let stored = identities::get(
            store,
            &account,
            inbox,
            &(&everything & &(0..4_000).collect()),
        )
        .await
        .unwrap();
        assert!(stored.iter().eq(expected.values()));
        let count = identities::count(store, &account, inbox).await.unwrap();
        assert_eq!(count, expected.len() as u64);
        let range = first..=first + 500;
        let known = identities::known(store, &account, inbox, range.clone())
            .await
            .unwrap();
        assert!(known.iter().eq(expected.range(range).map(|(uid, _)| *uid)));
    }
    let all = expected.keys().copied().collect();
    apply(store, &account, inbox, &[], &all).await;
    assert_eq!(number(store, "SELECT COUNT(*) FROM identities").await, 0);
}

async fn copies_and_messages(fresh: &Fresh) {
    let store = &fresh.store;
    let (ann, bob) = (AccountId::new("ann"), AccountId::new("bob"));
    let (inbox, sent) = (
        folder(store, &ann, "INBOX").await,
        folder(store, &ann, "Sent").await,
    );
    let bobs = folder(store, &bob, "INBOX").await;
    let of = |uid, id: &str, size| Entry {
        uid,
        identity: Identity::of_message(id, size, 1_720_320_265_000),
        thread: ThreadKey::of_message_id(id),
    };
    let filler: Vec<Entry> = (100..400)
        .map(|uid| entry(uid, u64::from(uid) * 7_919))
        .collect();
    apply(store, &ann, inbox, &filler, &none()).await;
    apply(
        store,
        &ann,
        inbox,
        &[of(1, "<a@x>", 5), of(2, "<b@x>", 5), of(900, "<a@x>", 6)],
        &none(),
    )
    .await;
    apply(
        store,
        &ann,
        sent,
        &[
            of(7, "<a@x>", 5),
            Entry {
                uid: 8,
                identity: None,
                thread: None,
            },
        ],
        &none(),
    )
    .await;
    apply(store, &bob, bobs, &[of(1, "<a@x>", 5)], &none()).await;

    let at = |mailbox, entry| Located { mailbox, entry };
    let a = of(1, "<a@x>", 5).identity.unwrap();
    let b = of(2, "<b@x>", 5).identity.unwrap();
    let copies = vec![at(inbox, of(1, "<a@x>", 5)), at(sent, of(7, "<a@x>", 5))];
    assert_eq!(identities::find(store, &ann, &[a]).await.unwrap(), copies);
    let mut both = copies.clone();
    both.insert(1, at(inbox, of(2, "<b@x>", 5)));
    assert_eq!(
        identities::find(store, &ann, &[b, a, a]).await.unwrap(),
        both
    );
    // Many are looked for by one walk.
    let mut many: Vec<Identity> = filler.iter().filter_map(|entry| entry.identity).collect();
    many.extend([a, b]);
    let found = identities::find(store, &ann, &many).await.unwrap();
    assert_eq!(found.len(), filler.len() + 3);
    assert!(both.iter().all(|located| found.contains(located)));
    let unknown = Identity::of_message("<c@x>", 5, 0).unwrap();
    assert!(
        identities::find(store, &ann, &[unknown])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(identities::find(store, &ann, &[]).await.unwrap().is_empty());

    let message = identities::find_messages(store, &ann, &[" a@x"])
        .await
        .unwrap();
    let mut all = copies;
    all.insert(1, at(inbox, of(900, "<a@x>", 6)));
    assert_eq!(message, all);
    assert!(
        identities::find_messages(store, &ann, &["<>"])
            .await
            .unwrap()
            .is_empty()
    );
}

async fn writers_and_damage(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("ann");
    let inbox = folder(store, &account, "INBOX").await;
    let (mut first, mut second) = (Batch::new(), Batch::new());
    for (batch, uid) in [(&mut first, 1), (&mut second, 2)] {
        identities::apply(store, batch, &account, inbox, &[entry(uid, 5)], &none())
            .await
            .unwrap();
    }
    store.commit(first).await.unwrap();
    assert!(
        store
            .commit(second)
            .await
            .unwrap_err()
            .is_guard(identities::GUARD)
    );
    let mut nowhere = Batch::new();
    identities::apply(store, &mut nowhere, &account, 99, &[entry(1, 5)], &none())
        .await
        .unwrap();
    assert!(
        store
            .commit(nowhere)
            .await
            .unwrap_err()
            .is_guard(identities::GUARD)
    );

    let mut batch = Batch::new();
    batch.push("UPDATE identities SET data=$1", params![vec![1_u8; 30]]);
    store.commit(batch).await.unwrap();
    let corrupt = |error: StoreError| assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    corrupt(
        identities::get(store, &account, inbox, &(1..9).collect())
            .await
            .unwrap_err(),
    );
    corrupt(
        identities::known(store, &account, inbox, 0..=9)
            .await
            .unwrap_err(),
    );
    let many: Vec<Identity> = (1..9).map(Identity::from_bits).collect();
    corrupt(identities::find(store, &account, &many).await.unwrap_err());
}

async fn forgetting(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("ann");
    let (inbox, sent) = (
        folder(store, &account, "INBOX").await,
        folder(store, &account, "Sent").await,
    );
    let mut late = Batch::new();
    for folder in [inbox, sent] {
        apply(store, &account, folder, &[entry(1, 5)], &none()).await;
    }
    identities::apply(store, &mut late, &account, inbox, &[entry(2, 6)], &none())
        .await
        .unwrap();
    let mut batch = Batch::new();
    identities::drop_mailbox(&mut batch, &account, inbox);
    store.commit(batch).await.unwrap();
    assert!(
        store
            .commit(late)
            .await
            .unwrap_err()
            .is_guard(identities::GUARD)
    );
    assert_eq!(identities::count(store, &account, inbox).await.unwrap(), 0);
    assert_eq!(identities::count(store, &account, sent).await.unwrap(), 1);
    let mut batch = Batch::new();
    mailboxes::forget_all(&mut batch, &account);
    store.commit(batch).await.unwrap();
    assert_eq!(number(store, "SELECT COUNT(*) FROM identities").await, 0);
}

async fn size_and_speed(fresh: &Fresh) {
    const MESSAGES: u32 = 100_000;
    let account = AccountId::new("an account of usual length");
    let inbox = folder(&fresh.store, &account, "INBOX").await;
    fresh.store.close().await.unwrap();
    let before = size(fresh).await;
    let store = fresh.again().await;
    let dialect = store.dialect();

    let mut dice = Dice(17);
    let entries: Vec<Entry> = mailbox(MESSAGES)
        .uids()
        .iter()
        .map(|uid| {
            entry(
                uid,
                u64::from(dice.roll(u32::MAX)) << 32 | u64::from(dice.roll(u32::MAX)),
            )
        })
        .collect();
    let started = Instant::now();
    for step in entries.chunks(2_000) {
        apply(&store, &account, inbox, step, &none()).await;
    }
    println!(
        "{dialect:?}: {MESSAGES} identities written in steps of 2,000: {:?}",
        started.elapsed()
    );

    let one = [entries[70_000].identity.unwrap()];
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(
            identities::find(&store, &account, &one).await.unwrap()[0].entry,
            entries[70_000]
        );
    }
    println!(
        "{dialect:?}: one of them found: {:?}",
        started.elapsed() / 5
    );
    let many: Vec<Identity> = entries
        .iter()
        .step_by(100)
        .filter_map(|entry| entry.identity)
        .collect();
    let started = Instant::now();
    assert_eq!(
        identities::find(&store, &account, &many)
            .await
            .unwrap()
            .len(),
        many.len()
    );
    println!("{dialect:?}: 1,000 of them found: {:?}", started.elapsed());
    let some: RoaringBitmap = entries[50_000..50_500]
        .iter()
        .map(|entry| entry.uid)
        .collect();
    let started = Instant::now();
    assert_eq!(
        identities::get(&store, &account, inbox, &some)
            .await
            .unwrap(),
        entries[50_000..50_500]
    );
    println!(
        "{dialect:?}: 500 of them read by UID: {:?}",
        started.elapsed()
    );

    store.close().await.unwrap();
    let bytes = size(fresh).await - before;
    let each = bytes as f64 / f64::from(MESSAGES);
    println!("{dialect:?}: {each:.1} bytes a message");
    assert!(each <= 32.0);

    // A message a step, as mail arrives.
    let store = fresh.again().await;
    let other = folder(&store, &account, "Other").await;
    let started = Instant::now();
    for entry in &entries[..200] {
        apply(&store, &account, other, &[*entry], &none()).await;
    }
    println!(
        "{dialect:?}: one at a time: {:?} each",
        started.elapsed() / 200
    );
}
