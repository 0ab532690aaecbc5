//! Blobs: queued messages, attachments, exports. Sealed, written and read as streams.
//!
//! Up to [`INLINE`] bytes a blob is a column of the batch that names it. Larger ones are made durable first: on SQLite
//! as a file (written under another name, synced, renamed, its folder synced), on PostgreSQL as rows of at most 256 KiB
//! in transactions of their own. Then a batch names them with [`attach`]; what no batch has named within
//! [`UNNAMED`] is swept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use posthouse_model::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::seal::ChunkSealer;
use crate::store::Store;

/// Largest blob that lies in its row.
pub const INLINE: usize = 64 * 1024;
/// Bytes sealed together in a larger one.
const CHUNK: usize = 128 * 1024;
/// How long a blob may stay unnamed.
pub const UNNAMED: Duration = Duration::from_secs(60 * 60);

/// A finished blob that waits to be named by a batch.
#[derive(Clone, Debug)]
pub struct BlobRef {
    id: String,
    size: u64,
    /// The sealed bytes of a small one.
    inline: Option<Vec<u8>>,
}

impl BlobRef {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// Chunks of a blob of this size; an empty one has one.
fn chunks(size: u64) -> u64 {
    size.div_ceil(CHUNK as u64).max(1)
}

fn corrupt(id: &str, what: &str) -> StoreError {
    StoreError::Corrupt(format!("blob {id}: {what}"))
}

/// Writes a blob.
pub struct BlobWriter {
    store: Store,
    id: String,
    sealer: ChunkSealer,
    waiting: BytesMut,
    size: u64,
    written: u64,
    file: Option<Spill>,
}

struct Spill {
    file: tokio::fs::File,
    temporary: PathBuf,
    folder: PathBuf,
    /// Cleared when the file has its final name.
    armed: bool,
}

/// A writer that is given up leaves no file behind.
impl Drop for Spill {
    fn drop(&mut self) {
        if self.armed {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter")
            .field("id", &self.id)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl BlobWriter {
    /// A new, empty blob.
    ///
    /// # Errors
    /// Only if no key can be derived.
    pub fn new(store: &Store) -> Result<Self, StoreError> {
        let id = uuid::Uuid::now_v7().to_string();
        Ok(Self {
            sealer: store.sealer().chunks(&id)?,
            store: store.clone(),
            id,
            waiting: BytesMut::new(),
            size: 0,
            written: 0,
            file: None,
        })
    }

    /// Makes room for so many bytes that will be pushed, at once.
    pub fn reserve(&mut self, bytes: usize) {
        let room = CHUNK.saturating_sub(self.waiting.len());
        self.waiting.reserve(bytes.min(room));
    }

    /// Bytes so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Batch`] if they cannot be stored.
    pub async fn push(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), StoreError> {
        let mut rest = bytes.as_ref();
        self.size = self.size.saturating_add(rest.len() as u64);
        while !rest.is_empty() {
            // A whole chunk is written only when more follows, as the last one is sealed as such.
            if self.waiting.len() == CHUNK {
                self.write(false).await?;
            }
            let (head, tail) = rest.split_at(rest.len().min(CHUNK - self.waiting.len()));
            self.waiting.extend_from_slice(head);
            rest = tail;
        }
        Ok(())
    }

    /// Ends the blob. It is durable now, or will be with the batch that names it.
    ///
    /// # Errors
    /// As [`BlobWriter::push`].
    pub async fn finish(mut self) -> Result<BlobRef, StoreError> {
        if self.written == 0 && self.waiting.len() <= INLINE {
            let sealed = self.sealer.seal(0, true, &self.waiting)?;
            return Ok(BlobRef {
                id: self.id,
                size: self.size,
                inline: Some(sealed),
            });
        }
        self.write(true).await?;
        if let Some(mut spill) = self.file.take() {
            let failed = |error: std::io::Error| {
                StoreError::io(
                    format!("cannot write {}", spill.temporary.display()),
                    &error,
                )
            };
            spill.file.flush().await.map_err(failed)?;
            spill.file.sync_all().await.map_err(failed)?;
            tokio::fs::rename(&spill.temporary, spill.folder.join(&self.id))
                .await
                .map_err(failed)?;
            tokio::fs::File::open(&spill.folder)
                .await
                .map_err(failed)?
                .sync_all()
                .await
                .map_err(failed)?;
            spill.armed = false;
        }
        Ok(BlobRef {
            id: self.id,
            size: self.size,
            inline: None,
        })
    }

    async fn write(&mut self, last: bool) -> Result<(), StoreError> {
        let sealed = self.sealer.seal(self.written, last, &self.waiting)?;
        self.waiting.clear();
        match self.store.blob_folder() {
            Some(folder) => {
                let spill = match &mut self.file {
                    Some(spill) => spill,
                    none => none.insert(open_spill(folder, &self.id).await?),
                };
                spill.file.write_all(&sealed).await.map_err(|error| {
                    StoreError::io(
                        format!("cannot write {}", spill.temporary.display()),
                        &error,
                    )
                })?;
            }
            None => {
                let mut batch = Batch::new();
                batch.push(
                    "INSERT INTO blob_chunks (blob, number, created, data) VALUES ($1, $2, $3, $4)",
                    params![
                        &self.id,
                        i64::try_from(self.written).unwrap_or(i64::MAX),
                        self.store.now(),
                        sealed
                    ],
                );
                self.store.commit(batch).await?;
            }
        }
        self.written += 1;
        Ok(())
    }
}

async fn open_spill(folder: PathBuf, id: &str) -> Result<Spill, StoreError> {
    crate::sqlite::make_private_folder(&folder)?;
    let temporary = folder.join(format!("{id}.tmp"));
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let file = options
        .open(&temporary)
        .await
        .map_err(|error| StoreError::io(format!("cannot make {}", temporary.display()), &error))?;
    Ok(Spill {
        file,
        temporary,
        folder,
        armed: true,
    })
}

/// Writes a blob whose bytes are at hand.
///
/// # Errors
/// As [`BlobWriter::push`].
pub async fn write(store: &Store, bytes: &[u8]) -> Result<BlobRef, StoreError> {
    let mut writer = BlobWriter::new(store)?;
    writer.push(bytes).await?;
    writer.finish().await
}

/// Names a blob in the batch that makes use of it. The batch fails if the chunks of a large one are gone.
pub fn attach(store: &Store, batch: &mut Batch, blob: &BlobRef) {
    let size = i64::try_from(blob.size).unwrap_or(i64::MAX);
    if blob.inline.is_some() || store.blob_folder().is_some() {
        batch.push(
            "INSERT INTO blobs (id, size, created, data) VALUES ($1, $2, $3, $4)",
            params![&blob.id, size, store.now(), blob.inline.clone()],
        );
        return;
    }
    batch
        .push(
            "INSERT INTO blobs (id, size, created) \
             SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS BIGINT) \
             WHERE (SELECT COUNT(*) FROM blob_chunks WHERE blob=$1) = $4",
            params![
                &blob.id,
                size,
                store.now(),
                i64::try_from(chunks(blob.size)).unwrap_or(i64::MAX)
            ],
        )
        .expect_rows(1);
}

/// Takes the name away, in the batch that removes its user; the bytes are swept later.
pub fn detach(batch: &mut Batch, id: &str) {
    batch.push("DELETE FROM blobs WHERE id=$1", params![id]);
}

/// Reads a blob chunk by chunk.
pub struct BlobReader {
    store: Store,
    id: String,
    size: u64,
    sealer: ChunkSealer,
    next: u64,
    source: Source,
}

enum Source {
    Inline(Vec<u8>),
    File(tokio::fs::File),
    Rows,
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader")
            .field("id", &self.id)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Opens a blob that a batch has named; `None` if there is none of that id.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Io`] if its file is gone.
pub async fn open(store: &Store, id: &str) -> Result<Option<BlobReader>, StoreError> {
    let Some(row) = store
        .query_one("SELECT size, data FROM blobs WHERE id=$1", params![id])
        .await?
    else {
        return Ok(None);
    };
    let source = match (row.opt_blob(1)?, store.blob_folder()) {
        (Some(sealed), _) => Source::Inline(sealed.to_vec()),
        (None, Some(folder)) => {
            let path = folder.join(id);
            Source::File(tokio::fs::File::open(&path).await.map_err(|error| {
                StoreError::io(format!("cannot read {}", path.display()), &error)
            })?)
        }
        (None, None) => Source::Rows,
    };
    Ok(Some(BlobReader {
        sealer: store.sealer().chunks(id)?,
        store: store.clone(),
        id: id.to_owned(),
        size: row.count(0)?,
        next: 0,
        source,
    }))
}

impl BlobReader {
    /// Size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes (up to 128 KiB), `None` at the end. A blob that was cut or altered gives an error.
    ///
    /// # Errors
    /// [`StoreError::Sealed`], [`StoreError::Corrupt`], [`StoreError::Io`], or as [`Store::query`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        let count = chunks(self.size);
        if self.next >= count {
            return Ok(None);
        }
        let number = self.next;
        let last = number + 1 == count;
        let plain = if last {
            self.size - number * CHUNK as u64
        } else {
            CHUNK as u64
        };
        let length = usize::try_from(plain).unwrap_or(CHUNK) + ChunkSealer::OVERHEAD;
        let sealed = match &mut self.source {
            Source::Inline(sealed) => std::mem::take(sealed),
            Source::File(file) => {
                let mut sealed = vec![0; length];
                file.read_exact(&mut sealed)
                    .await
                    .map_err(|error| corrupt(&self.id, &error.to_string()))?;
                sealed
            }
            Source::Rows => self
                .store
                .query_one(
                    "SELECT data FROM blob_chunks WHERE blob=$1 AND number=$2",
                    params![&self.id, i64::try_from(number).unwrap_or(i64::MAX)],
                )
                .await?
                .ok_or_else(|| corrupt(&self.id, "a chunk is missing"))?
                .blob(0)?
                .to_vec(),
        };
        if sealed.len() != length {
            return Err(corrupt(&self.id, "a chunk has a wrong size"));
        }
        let bytes = self.sealer.open(number, last, &sealed)?;
        self.next += 1;
        Ok(Some(Bytes::from(bytes)))
    }

    /// The whole as a stream of chunks.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
        futures_util::stream::try_unfold(self, |mut reader| async move {
            Ok(reader.chunk().await?.map(|bytes| (bytes, reader)))
        })
    }

    /// The whole at once, if it is not larger than `limit`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is larger; else as [`BlobReader::chunk`].
    pub async fn bytes(mut self, limit: usize) -> Result<Bytes, StoreError> {
        if self.size > limit as u64 {
            return Err(corrupt(&self.id, "larger than expected"));
        }
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }
}

/// Removes what no batch has named, or no batch names any more, and is older than [`UNNAMED`] at `now`; returns how
/// many files or rows went.
///
/// # Errors
/// As [`Store::query`] and [`Store::commit`]; [`StoreError::Io`].
pub async fn sweep(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let before = now.before(UNNAMED);
    match store.blob_folder() {
        Some(folder) => sweep_files(store, &folder, before).await,
        None => {
            let mut all = 0;
            loop {
                let mut batch = Batch::new();
                let swept = batch
                    .push(
                        "DELETE FROM blob_chunks WHERE (blob, number) IN (SELECT blob, number FROM blob_chunks c \
                         WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.id = c.blob) \
                         AND NOT EXISTS (SELECT 1 FROM blob_chunks y WHERE y.blob = c.blob AND y.created >= $1) \
                         LIMIT 500)",
                        params![before],
                    )
                    .statement();
                let swept = store.commit(batch).await?.affected(swept);
                if swept == 0 {
                    return Ok(all);
                }
                all += swept;
            }
        }
    }
}

async fn sweep_files(store: &Store, folder: &Path, before: Timestamp) -> Result<u64, StoreError> {
    let failed = |error: std::io::Error| {
        StoreError::io(format!("cannot sweep {}", folder.display()), &error)
    };
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let mut all = 0;
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        let Ok(data) = entry.metadata().await else {
            continue;
        };
        let changed = data.modified().map_err(failed)?;
        let age = changed
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        if Timestamp(0).after(age) >= before {
            continue;
        }
        let name = entry.file_name();
        let Some(id) = name.to_str() else { continue };
        let named = store
            .query_one("SELECT 1 FROM blobs WHERE id=$1", params![id])
            .await?
            .is_some();
        if !named && tokio::fs::remove_file(entry.path()).await.is_ok() {
            all += 1;
        }
    }
    Ok(all)
}
