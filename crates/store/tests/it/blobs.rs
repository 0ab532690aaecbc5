use futures_util::TryStreamExt as _;
use posthouse_store::blob::{self, BlobWriter};
use posthouse_store::{Batch, Database, StoreError, params};

use crate::support::Fresh;

both!(
    blobs_of_all_sizes_come_back,
    unnamed_blobs_are_swept,
    altered_blob_is_an_error,
    abandoned_writer_leaves_nothing,
);

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 % 251) as u8).collect()
}

async fn named(fresh: &Fresh, content: &[u8]) -> String {
    let written = blob::write(&fresh.store, content).await.unwrap();
    let mut batch = Batch::new();
    blob::attach(&fresh.store, &mut batch, &written);
    fresh.store.commit(batch).await.unwrap();
    written.id().to_owned()
}

async fn blobs_of_all_sizes_come_back(fresh: &Fresh) {
    let store = &fresh.store;
    for size in [
        0,
        1,
        64 * 1024,
        64 * 1024 + 1,
        128 * 1024,
        128 * 1024 + 1,
        256 * 1024,
        5 * 1024 * 1024,
    ] {
        let content = bytes(size);
        let mut writer = BlobWriter::new(store).unwrap();
        for part in content.chunks(50_001) {
            writer.push(part).await.unwrap();
        }
        let written = writer.finish().await.unwrap();
        assert_eq!(written.size(), size as u64);
        assert!(
            blob::open(store, written.id()).await.unwrap().is_none(),
            "not named yet"
        );
        let mut batch = Batch::new();
        blob::attach(store, &mut batch, &written);
        store.commit(batch).await.unwrap();
        let reader = blob::open(store, written.id()).await.unwrap().unwrap();
        assert_eq!(reader.size(), size as u64);
        let parts: Vec<_> = reader.into_stream().try_collect().await.unwrap();
        assert!(parts.iter().all(|part| part.len() <= 256 * 1024));
        assert_eq!(parts.concat(), content, "size {size}");
        let reader = blob::open(store, written.id()).await.unwrap().unwrap();
        assert!(size == 0 || reader.bytes(size - 1).await.is_err());
    }
    let row = store
        .query_one(
            "SELECT COALESCE(MAX(LENGTH(data)), 0) FROM blob_chunks",
            params![],
        )
        .await
        .unwrap()
        .unwrap();
    assert!(row.i64(0).unwrap() <= 256 * 1024);
}

async fn unnamed_blobs_are_swept(fresh: &Fresh) {
    let store = &fresh.store;
    let large = bytes(300_000);
    let kept = named(fresh, &large).await;
    let given_up = named(fresh, &large).await;
    let _unnamed = blob::write(store, &large).await.unwrap();
    let mut batch = Batch::new();
    blob::detach(&mut batch, &given_up);
    store.commit(batch).await.unwrap();
    assert!(blob::open(store, &given_up).await.unwrap().is_none());

    assert_eq!(
        blob::sweep(store, store.now()).await.unwrap(),
        0,
        "too young"
    );
    let later = store
        .now()
        .after(blob::UNNAMED)
        .after(std::time::Duration::from_secs(5));
    let swept = blob::sweep(store, later).await.unwrap();
    let each = if matches!(fresh.config.database, Database::Sqlite { .. }) {
        1
    } else {
        3
    };
    assert_eq!(swept, 2 * each);
    assert_eq!(blob::sweep(store, later).await.unwrap(), 0);
    let reader = blob::open(store, &kept).await.unwrap().unwrap();
    assert_eq!(reader.bytes(usize::MAX).await.unwrap(), large);

    // What was swept cannot be named any more.
    if matches!(fresh.config.database, Database::Postgres { .. }) {
        let mut batch = Batch::new();
        blob::attach(store, &mut batch, &_unnamed);
        assert!(store.commit(batch).await.is_err());
    }
}

async fn altered_blob_is_an_error(fresh: &Fresh) {
    let store = &fresh.store;
    let content = bytes(200_000);
    let id = named(fresh, &content).await;
    match &fresh.config.database {
        Database::Sqlite { path } => {
            let file = format!("{}-blobs/{id}", path.display());
            let mut sealed = std::fs::read(&file).unwrap();
            assert!(
                !sealed.windows(32).any(|part| part == &content[..32]),
                "sealed"
            );
            sealed[150_000] ^= 1;
            std::fs::write(&file, sealed).unwrap();
        }
        Database::Postgres { .. } => {
            let mut batch = Batch::new();
            batch
                .push(
                    "UPDATE blob_chunks SET data=set_byte(data, 9, get_byte(data, 9) # 1) WHERE blob=$1 AND number=1",
                    params![&id],
                )
                .expect_rows(1);
            store.commit(batch).await.unwrap();
        }
    }
    let mut reader = blob::open(store, &id).await.unwrap().unwrap();
    assert!(reader.chunk().await.unwrap().is_some());
    assert!(matches!(reader.chunk().await, Err(StoreError::Sealed(_))));

    // A blob that pretends to be shorter.
    let id = named(fresh, &content).await;
    let mut batch = Batch::new();
    batch.push("UPDATE blobs SET size=131072 WHERE id=$1", params![&id]);
    store.commit(batch).await.unwrap();
    let mut reader = blob::open(store, &id).await.unwrap().unwrap();
    assert!(reader.chunk().await.is_err());
}

async fn abandoned_writer_leaves_nothing(fresh: &Fresh) {
    let mut writer = BlobWriter::new(&fresh.store).unwrap();
    writer.push(bytes(400_000)).await.unwrap();
    drop(writer);
    if let Database::Sqlite { path } = &fresh.config.database {
        let folder = format!("{}-blobs", path.display());
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    }
    let later = fresh.store.now().after(blob::UNNAMED * 2);
    blob::sweep(&fresh.store, later).await.unwrap();
    let left = crate::support::number(&fresh.store, "SELECT COUNT(*) FROM blob_chunks").await;
    assert_eq!(left, 0);
}
