use std::time::Instant;

use posthouse_model::AccountId;
use posthouse_model::index::{CHUNK, IndexDelta, IndexKey, MessageIndex, chunk_of};
use posthouse_store::{Batch, Dialect, Store, StoreError, accounts, index, mailboxes, params};
use roaring::RoaringBitmap;

use crate::support::{Fresh, number};

both!(
    whole_and_parts,
    deltas_against_a_model,
    one_writer_at_a_time,
    deposed_owner,
    damaged_rows,
    forgetting,
    small_writes,
    first_sync
);

pub async fn folder(store: &Store, account: &AccountId, path: &str) -> u32 {
    let mut batch = Batch::new();
    let number = mailboxes::register(&mut batch, account, path, 7);
    let committed = store.commit(batch).await.unwrap();
    committed.row(number).unwrap().count(0).unwrap()
}

fn flag(name: &str) -> IndexKey {
    IndexKey::Flag(name.to_owned())
}

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(sides)).unwrap()
    }
}

/// A mailbox as they are: gaps where messages were deleted, most of it read, some of it marked.
pub fn mailbox(messages: u32) -> MessageIndex {
    let mut dice = Dice(4711);
    let mut uids = RoaringBitmap::new();
    let mut uid = 0;
    while uids.len() < u64::from(messages) {
        uid += 1 + dice.roll(4);
        uids.insert(uid);
    }
    let marks = [
        ("\\Seen", 90),
        ("\\Answered", 15),
        ("\\Flagged", 3),
        ("\\Deleted", 1),
        ("\\Draft", 1),
        ("$Forwarded", 5),
        ("NonJunk", 60),
        ("$Label1", 2),
    ];
    let marks = marks.map(|(name, percent)| {
        let marked = uids.iter().filter(|_| dice.roll(100) < percent).collect();
        (flag(name), marked)
    });
    MessageIndex::of(uids, marks)
}

async fn put(store: &Store, account: &AccountId, folder: u32, index: &MessageIndex) -> i64 {
    let revision = index::load(store, account, folder)
        .await
        .unwrap()
        .unwrap()
        .revision;
    let mut batch = Batch::new();
    let written = index::replace(&mut batch, account, folder, revision, index);
    store.commit(batch).await.unwrap();
    written.revision
}

async fn load(store: &Store, account: &AccountId, folder: u32) -> index::Snapshot {
    index::load(store, account, folder).await.unwrap().unwrap()
}

async fn whole_and_parts(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("ann");
    assert!(index::load(store, &account, 1).await.unwrap().is_none());
    let inbox = folder(store, &account, "INBOX").await;
    let other = folder(store, &account, "Other").await;
    assert!(load(store, &account, inbox).await.index.is_empty());

    let mut expected = mailbox(5_000);
    let last = IndexDelta {
        added: RoaringBitmap::from([400_000, u32::MAX]),
        set: [(
            IndexKey::Label("\\Important 100%".to_owned()),
            RoaringBitmap::from([u32::MAX]),
        )]
        .into(),
        ..IndexDelta::default()
    };
    expected.apply(&last);
    put(store, &account, other, &mailbox(10)).await;
    let revision = put(store, &account, inbox, &expected).await;
    let stored = load(store, &account, inbox).await;
    assert_eq!((stored.revision, &stored.index), (revision, &expected));

    let mut chunks = index::chunks(store, &account, inbox);
    let (mut joined, mut numbers) = (MessageIndex::new(), Vec::new());
    while let Some((chunk, part)) = chunks.next().await.unwrap() {
        assert_eq!(part.revision, revision);
        assert!(part.index.uids().iter().all(|uid| chunk_of(uid) == chunk));
        numbers.push(chunk);
        joined.merge(part.index);
    }
    assert!(chunks.next().await.unwrap().is_none());
    assert_eq!((numbers, &joined), (vec![0, 6, 65_535], &expected));

    assert_eq!(index::count(store, &account, inbox).await.unwrap(), 5_002);
    for range in [
        0..=0,
        5..=70,
        300..=CHUNK * 3,
        400_000..=400_000,
        400_001..=u32::MAX,
    ] {
        let found = index::uids(store, &account, inbox, range.clone())
            .await
            .unwrap();
        assert_eq!(found, expected.uids().range(range).collect());
    }
    assert_eq!(
        index::keys_of(store, &account, inbox, u32::MAX)
            .await
            .unwrap(),
        Some(vec![IndexKey::Label("\\Important 100%".to_owned())])
    );
    let second = expected.uids().select(1).unwrap();
    assert_eq!(
        index::keys_of(store, &account, inbox, second)
            .await
            .unwrap(),
        expected.keys_of(second)
    );
    assert_eq!(
        index::keys_of(store, &account, inbox, 400_001)
            .await
            .unwrap(),
        None
    );
    assert_eq!(load(store, &account, other).await.index, mailbox(10));

    // Smaller than before: nothing of the old one stays.
    put(store, &account, inbox, &mailbox(3)).await;
    assert_eq!(load(store, &account, inbox).await.index, mailbox(3));
}

fn random_delta(dice: &mut Dice) -> IndexDelta {
    let names = [
        "\\Seen",
        "\\Flagged",
        "$a",
        "$b",
        "$c",
        "$d",
        "$e",
        "$f",
        "$g",
        "$h",
    ];
    let uid = |dice: &mut Dice| 65_000 + dice.roll(1_200);
    let mut delta = IndexDelta::default();
    for _ in 0..dice.roll(6) {
        let first = uid(dice);
        delta.added.insert_range(first..first + dice.roll(40));
    }
    for _ in 0..dice.roll(3) {
        let first = uid(dice);
        delta.removed.insert_range(first..first + dice.roll(30));
    }
    for _ in 0..dice.roll(20) {
        let name = flag(names[dice.roll(10) as usize]);
        delta.clear(&name, uid(dice));
        let name = flag(names[dice.roll(10) as usize]);
        delta.set(&name, uid(dice));
    }
    delta
}

async fn deltas_against_a_model(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("ann");
    let inbox = folder(store, &account, "INBOX").await;
    let mut dice = Dice(99);
    let mut expected = MessageIndex::new();
    let mut revision = 0;
    for _ in 0..120 {
        let mut delta = random_delta(&mut dice);
        expected.apply(&delta);
        if dice.roll(3) == 0 {
            let mut next = random_delta(&mut dice);
            // Joined, the first would mark what only the second brings.
            for set in delta.set.values_mut() {
                *set &= expected.uids();
            }
            expected.apply(&next);
            for set in next.set.values_mut() {
                *set &= expected.uids();
            }
            delta.then(next);
        }
        let mut batch = Batch::new();
        let written = index::apply(store, &mut batch, &account, inbox, revision, &delta)
            .await
            .unwrap();
        assert_eq!(delta.is_empty(), batch.is_empty());
        store.commit(batch).await.unwrap();
        revision = written.revision;
        let stored = load(store, &account, inbox).await;
        assert_eq!(
            stored,
            index::Snapshot {
                revision,
                index: expected.clone()
            }
        );
    }
    let empty = IndexDelta {
        removed: expected.uids().clone(),
        ..IndexDelta::default()
    };
    let mut batch = Batch::new();
    index::apply(store, &mut batch, &account, inbox, revision, &empty)
        .await
        .unwrap();
    store.commit(batch).await.unwrap();
    assert_eq!(number(store, "SELECT COUNT(*) FROM index_chunks").await, 0);
}

async fn one_writer_at_a_time(fresh: &Fresh) {
    let account = AccountId::new("ann");
    let inbox = folder(&fresh.store, &account, "INBOX").await;
    put(
        &fresh.store,
        &account,
        inbox,
        &MessageIndex::of((1..=100).collect(), []),
    )
    .await;
    // All change the same row at once.
    let writers: Vec<_> = (0..5_u32)
        .map(|writer| {
            let (store, account) = (fresh.store.clone(), account.clone());
            tokio::spawn(async move {
                let mut refused = 0;
                for at in 0..20 {
                    let mut delta = IndexDelta::default();
                    delta.set(&flag("\\Seen"), 1 + writer * 20 + at);
                    loop {
                        let revision = load(&store, &account, inbox).await.revision;
                        let mut batch = Batch::new();
                        index::apply(&store, &mut batch, &account, inbox, revision, &delta)
                            .await
                            .unwrap();
                        match store.commit(batch).await {
                            Ok(_) => break,
                            Err(error) if error.is_guard(index::GUARD) => refused += 1,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                refused
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let stored = load(&fresh.store, &account, inbox).await;
    assert_eq!(stored.revision, 101);
    assert_eq!(
        stored.index.marked(&flag("\\Seen")),
        Some(stored.index.uids())
    );

    let mut stale = Batch::new();
    let mut delta = IndexDelta::default();
    delta.clear(&flag("\\Seen"), 1);
    index::apply(&fresh.store, &mut stale, &account, inbox, 100, &delta)
        .await
        .unwrap();
    assert!(
        fresh
            .store
            .commit(stale)
            .await
            .unwrap_err()
            .is_guard(index::GUARD)
    );
    let mut stale = Batch::new();
    index::replace(&mut stale, &account, inbox, 100, &MessageIndex::new());
    assert!(
        fresh
            .store
            .commit(stale)
            .await
            .unwrap_err()
            .is_guard(index::GUARD)
    );
    let mut nowhere = Batch::new();
    index::replace(&mut nowhere, &account, 99, 0, &MessageIndex::new());
    assert!(
        fresh
            .store
            .commit(nowhere)
            .await
            .unwrap_err()
            .is_guard(index::GUARD)
    );
    assert_eq!(load(&fresh.store, &account, inbox).await, stored);
}

async fn deposed_owner(fresh: &Fresh) {
    let store = &fresh.store;
    let config = crate::accounts::config("", "a@b");
    let account = crate::accounts::register(store, "ann", &config, "old").await;
    let inbox = folder(store, &account, "INBOX").await;
    let mut delta = IndexDelta::default();
    delta.added.insert(1);
    let mut late = Batch::new();
    late.guard_lease("ann", "old", 1);
    index::apply(store, &mut late, &account, inbox, 0, &delta)
        .await
        .unwrap();
    let mut take = Batch::new();
    accounts::take_over(&mut take, &account, "new", 1);
    store.commit(take).await.unwrap();
    assert!(store.commit(late).await.unwrap_err().is_guard("lease"));
    assert!(load(store, &account, inbox).await.index.is_empty());
}

async fn damaged_rows(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("ann");
    let inbox = folder(store, &account, "INBOX").await;
    let revision = put(store, &account, inbox, &mailbox(100)).await;
    let damages: [(&'static str, Vec<u8>); 4] = [
        ("u", vec![]),
        ("u", vec![1, 0x3b, 0x30, 0, 0, 1, 0, 0, 0, 0, 0]),
        ("f\\Seen", vec![9; 40]),
        ("x", vec![1]),
    ];
    for (key, bytes) in damages {
        let mut batch = Batch::new();
        batch.push(
            "INSERT INTO index_chunks (account, mailbox, chunk, key, bitmap) VALUES ('ann', $1, 0, $2, $3) \
             ON CONFLICT (account, mailbox, chunk, key) DO UPDATE SET bitmap = excluded.bitmap",
            params![inbox, key, bytes],
        );
        store.commit(batch).await.unwrap();
        let corrupt =
            |error: StoreError| assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        corrupt(index::load(store, &account, inbox).await.unwrap_err());
        corrupt(index::keys_of(store, &account, inbox, 5).await.unwrap_err());
        corrupt(
            index::chunks(store, &account, inbox)
                .next()
                .await
                .unwrap_err(),
        );
        if key == "u" {
            corrupt(index::count(store, &account, inbox).await.unwrap_err());
        }
        let delta = IndexDelta {
            removed: RoaringBitmap::from([1]),
            ..IndexDelta::default()
        };
        let applied =
            index::apply(store, &mut Batch::new(), &account, inbox, revision, &delta).await;
        corrupt(applied.unwrap_err());
        let mut batch = Batch::new();
        batch.push("DELETE FROM index_chunks WHERE key=$1", params![key]);
        store.commit(batch).await.unwrap();
    }
    // The way out.
    let revision = load(store, &account, inbox).await.revision;
    let mut batch = Batch::new();
    index::replace(&mut batch, &account, inbox, revision, &mailbox(100));
    store.commit(batch).await.unwrap();
    assert_eq!(load(store, &account, inbox).await.index, mailbox(100));
}

async fn forgetting(fresh: &Fresh) {
    let store = &fresh.store;
    let (ann, bob) = (AccountId::new("ann"), AccountId::new("bob"));
    let (inbox, sent) = (
        folder(store, &ann, "INBOX").await,
        folder(store, &ann, "Sent").await,
    );
    let bobs = folder(store, &bob, "INBOX").await;
    for (account, folder) in [(&ann, inbox), (&ann, sent), (&bob, bobs)] {
        put(store, account, folder, &mailbox(50)).await;
    }
    let before = load(store, &ann, inbox).await.revision;
    let mut batch = Batch::new();
    index::drop_mailbox(&mut batch, &ann, inbox);
    store.commit(batch).await.unwrap();
    let after = load(store, &ann, inbox).await;
    assert!(after.index.is_empty() && after.revision > before);
    assert_eq!(load(store, &ann, sent).await.index, mailbox(50));

    let mut batch = Batch::new();
    mailboxes::forget_all(&mut batch, &ann);
    store.commit(batch).await.unwrap();
    assert!(load(store, &ann, sent).await.index.is_empty());
    assert_eq!(load(store, &bob, bobs).await.index, mailbox(50));
}

fn wal(fresh: &Fresh) -> u64 {
    let posthouse_store::Database::Sqlite { path } = &fresh.config.database else {
        return 0;
    };
    let mut name = path.clone().into_os_string();
    name.push("-wal");
    std::fs::metadata(name).map_or(0, |file| file.len())
}

/// One message of 100,000 gets another flag.
async fn small_writes(fresh: &Fresh) {
    let store = &fresh.store;
    let account = AccountId::new("ann");
    let inbox = folder(store, &account, "INBOX").await;
    let index = mailbox(100_000);
    put(store, &account, inbox, &index).await;
    // Leaves the log empty, so that what is added can be seen.
    store.close().await.unwrap();
    let store = &fresh.again().await;
    let mut dice = Dice(5);
    let (mut most, mut most_logged, mut logged, mut writes) = (0, 0, 0, 0);
    for (key, _) in index.keys() {
        for set in [true, false] {
            let at = dice.roll(100_000);
            let uid = index.uids().select(at).unwrap();
            let mut delta = IndexDelta::default();
            if set {
                delta.set(key, uid);
            } else {
                delta.clear(key, uid);
            }
            let revision = load(store, &account, inbox).await.revision;
            let mut batch = Batch::new();
            let written = index::apply(store, &mut batch, &account, inbox, revision, &delta)
                .await
                .unwrap();
            let before = wal(fresh);
            store.commit(batch).await.unwrap();
            most = most.max(written.bytes);
            most_logged = most_logged.max(wal(fresh) - before);
            logged += wal(fresh) - before;
            writes += 1;
            assert!(written.rows <= 1);
        }
    }
    let dialect = store.dialect();
    println!(
        "{dialect:?}: a flag of one of 100,000 messages: at most {most} bytes of bitmap; \
         pages of the log: {} bytes, at most {most_logged}",
        logged / writes
    );
    assert!(most < 16 * 1024);
    // Whole pages of 4 KiB, the one of the folder's row among them; more where the bitmap's length changes.
    assert!(logged / writes < 16 * 1024 && most_logged < 24 * 1024);

    // A message that is gone leaves every key.
    let gone = IndexDelta {
        removed: RoaringBitmap::from([index.uids().select(7).unwrap()]),
        ..IndexDelta::default()
    };
    let revision = load(store, &account, inbox).await.revision;
    let written = index::apply(store, &mut Batch::new(), &account, inbox, revision, &gone)
        .await
        .unwrap();
    println!(
        "{dialect:?}: one message gone: {} rows, {} bytes",
        written.rows, written.bytes
    );
    assert!(written.bytes < 64 * 1024);
}

/// All that a first sync of 100,000 messages keeps.
async fn first_sync(fresh: &Fresh) {
    const MESSAGES: u32 = 100_000;
    let account = AccountId::new("ann");
    let inbox = folder(&fresh.store, &account, "INBOX").await;
    let index = mailbox(MESSAGES);
    fresh.store.close().await.unwrap();
    let before = size(fresh).await;
    let store = fresh.again().await;
    let dialect = store.dialect();

    // At once, as the first sync has it at its end.
    let started = Instant::now();
    let mut batch = Batch::new();
    let written = index::replace(&mut batch, &account, inbox, 0, &index);
    store.commit(batch).await.unwrap();
    let took = started.elapsed();
    let started = Instant::now();
    let stored = load(&store, &account, inbox).await;
    let read = started.elapsed();
    assert_eq!(stored.index, index);
    store.close().await.unwrap();
    let bytes = size(fresh).await - before;
    println!(
        "{dialect:?}: {MESSAGES} messages: {bytes} bytes of store ({} of bitmaps in {} rows), written in {took:?}, read in {read:?}",
        written.bytes, written.rows
    );
    assert!(bytes < 2_000_000);
    assert!(took.as_secs() < 10);

    // In steps of 1,000, as it goes on.
    let store = fresh.again().await;
    let other = folder(&store, &account, "Other").await;
    let started = Instant::now();
    let mut revision = 0;
    let uids: Vec<u32> = index.uids().iter().collect();
    for step in uids.chunks(1_000) {
        let step = RoaringBitmap::from_sorted_iter(step.iter().copied()).unwrap();
        let set = index
            .keys()
            .map(|(key, marked)| (key.clone(), marked & &step));
        let delta = IndexDelta {
            set: set.collect(),
            added: step,
            ..IndexDelta::default()
        };
        let mut batch = Batch::new();
        let written = index::apply(&store, &mut batch, &account, other, revision, &delta)
            .await
            .unwrap();
        store.commit(batch).await.unwrap();
        revision = written.revision;
    }
    println!("{dialect:?}: in steps of 1,000: {:?}", started.elapsed());
    assert_eq!(load(&store, &account, other).await.index, index);
}

/// Bytes of the whole store, which is closed.
pub async fn size(fresh: &Fresh) -> u64 {
    if let posthouse_store::Database::Sqlite { path } = &fresh.config.database {
        return std::fs::metadata(path).unwrap().len();
    }
    let store = fresh.again().await;
    assert_eq!(store.dialect(), Dialect::Postgres);
    let size = number(
        &store,
        "SELECT CAST(SUM(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c \
         WHERE c.relname IN ('index_chunks', 'identities', 'mailboxes') \
         AND c.relnamespace = current_schema()::REGNAMESPACE",
    )
    .await;
    store.close().await.unwrap();
    u64::try_from(size).unwrap()
}
