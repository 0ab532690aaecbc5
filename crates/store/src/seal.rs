//! Secrets at rest: AES-256-GCM under keys derived from one master key.
//!
//! Envelope: version (1 byte), key id (4), salt (16), ciphertext with its tag. Each value has a key of its own
//! (HKDF of the master key and the salt), so that no count of values exhausts random nonces. The associated data
//! names table, column and row: a sealed value moved elsewhere does not open.

use std::path::Path;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::StoreError;

const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const SALT: usize = 16;
const TAG: usize = 16;
const KEY_FILE: &str = "posthouse.key";

/// Seals and opens; made once at start.
pub struct Sealer {
    master: Hkdf<Sha256>,
    key_id: [u8; KEY_ID],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// Derives the master key (RFC 5869) from a secret of any length.
    pub(crate) fn new(secret: &[u8]) -> Result<Self, StoreError> {
        let master = Hkdf::<Sha256>::new(Some(b"posthouse store 1"), secret);
        let mut key_id = [0; KEY_ID];
        master
            .expand(b"key id", &mut key_id)
            .map_err(|_| StoreError::Config("key derivation failed".to_owned()))?;
        Ok(Self { master, key_id })
    }

    fn cipher(&self, purpose: &[u8], salt: &[u8]) -> Result<Aes256Gcm, StoreError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        let info = [purpose, b"\0", salt].concat();
        self.master
            .expand(&info, key.as_mut())
            .map_err(|_| StoreError::Config("key derivation failed".to_owned()))?;
        Ok(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key)))
    }

    /// Seals a value for one place: `table.column` of the row `row`.
    ///
    /// # Errors
    /// Only when the system has no random numbers.
    pub fn seal(&self, place: &str, row: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut salt = [0_u8; SALT];
        getrandom::fill(&mut salt)
            .map_err(|error| StoreError::Config(format!("no random numbers: {error}")))?;
        let sealed = self
            .cipher(b"value", &salt)?
            .encrypt(
                &Nonce::from([0; 12]),
                Payload {
                    msg: plain,
                    aad: &associated(place, row),
                },
            )
            .map_err(|_| StoreError::Sealed(place.to_owned()))?;
        let mut out = Vec::with_capacity(1 + KEY_ID + SALT + sealed.len());
        out.push(VERSION);
        out.extend(self.key_id);
        out.extend(salt);
        out.extend(sealed);
        Ok(out)
    }

    /// Opens what [`Sealer::seal`] made for the same place and row.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] if it was altered, moved, or sealed with another key.
    pub fn open(&self, place: &str, row: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let refused = || StoreError::Sealed(place.to_owned());
        let body = sealed
            .strip_prefix(&[VERSION])
            .and_then(|rest| rest.strip_prefix(&self.key_id))
            .ok_or_else(refused)?;
        let (salt, body) = body.split_at_checked(SALT).ok_or_else(refused)?;
        self.cipher(b"value", salt)?
            .decrypt(
                &Nonce::from([0; 12]),
                Payload {
                    msg: body,
                    aad: &associated(place, row),
                },
            )
            .map_err(|_| refused())
    }

    /// [`Sealer::seal`] for a value that goes to JSON.
    ///
    /// # Errors
    /// As [`Sealer::seal`], or if the value has no JSON form.
    pub fn seal_json<T: serde::Serialize>(
        &self,
        place: &str,
        row: &str,
        value: &T,
    ) -> Result<Vec<u8>, StoreError> {
        let text = Zeroizing::new(
            serde_json::to_vec(value).map_err(|error| StoreError::Corrupt(error.to_string()))?,
        );
        self.seal(place, row, &text)
    }

    /// [`Sealer::open`] for a value that comes from JSON.
    ///
    /// # Errors
    /// As [`Sealer::open`]; [`StoreError::Corrupt`] if it is not the JSON that is expected.
    pub fn open_json<T: serde::de::DeserializeOwned>(
        &self,
        place: &str,
        row: &str,
        sealed: &[u8],
    ) -> Result<T, StoreError> {
        let text = Zeroizing::new(self.open(place, row, sealed)?);
        serde_json::from_slice(&text)
            .map_err(|error| StoreError::Corrupt(format!("{place}: {error}")))
    }

    /// The sealing of one blob, chunk by chunk.
    pub(crate) fn chunks(&self, id: &str) -> Result<ChunkSealer, StoreError> {
        Ok(ChunkSealer {
            cipher: self.cipher(b"blob", id.as_bytes())?,
            id: id.to_owned(),
        })
    }
}

fn associated(place: &str, row: &str) -> Vec<u8> {
    [place.as_bytes(), b"\0", row.as_bytes()].concat()
}

/// Seals the chunks of one blob under its own key. The nonce is the chunk's number and whether it is the last, so
/// chunks cannot be exchanged and a blob cannot be cut short unnoticed.
pub(crate) struct ChunkSealer {
    cipher: Aes256Gcm,
    id: String,
}

impl ChunkSealer {
    /// Bytes that sealing adds to a chunk.
    pub(crate) const OVERHEAD: usize = TAG;

    fn nonce(number: u64, last: bool) -> Nonce<aes_gcm::aead::consts::U12> {
        let mut nonce = [0; 12];
        nonce[0] = u8::from(last);
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        Nonce::from(nonce)
    }

    pub(crate) fn seal(
        &self,
        number: u64,
        last: bool,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        self.cipher
            .encrypt(
                &Self::nonce(number, last),
                Payload {
                    msg: plain,
                    aad: self.id.as_bytes(),
                },
            )
            .map_err(|_| StoreError::Sealed("blobs".to_owned()))
    }

    pub(crate) fn open(&self, number: u64, last: bool, body: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.cipher
            .decrypt(
                &Self::nonce(number, last),
                Payload {
                    msg: body,
                    aad: self.id.as_bytes(),
                },
            )
            .map_err(|_| StoreError::Sealed("blobs".to_owned()))
    }
}

/// Reads the key file, or makes one (mode 0600) when `create`. `None` if there is none.
pub(crate) fn key_file(
    folder: &Path,
    create: bool,
) -> Result<Option<Zeroizing<String>>, StoreError> {
    let path = folder.join(KEY_FILE);
    let failed =
        |error: std::io::Error| StoreError::io(format!("key file {}", path.display()), &error);
    // Twice: when another process makes the file at the same moment, its key is read.
    for _ in 0..2 {
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= 64 => {
                return Ok(Some(Zeroizing::new(text.trim().to_owned())));
            }
            Ok(_) => {
                return Err(StoreError::Config(format!(
                    "the key file {} is damaged",
                    path.display()
                )));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if !create {
            return Ok(None);
        }
        match make_key_file(folder, &path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(StoreError::KeyMissing(path.display().to_string()))
}

/// Where the key file lies.
pub(crate) fn key_path(folder: &Path) -> String {
    folder.join(KEY_FILE).display().to_string()
}

/// Written whole under another name and linked into place, so that nobody ever reads half a key.
fn make_key_file(folder: &Path, path: &Path) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut key = Zeroizing::new([0_u8; 32]);
    getrandom::fill(key.as_mut()).map_err(std::io::Error::other)?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(key.as_ref())));
    let temporary = folder.join(format!("{KEY_FILE}.{}", uuid::Uuid::new_v4()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    linked?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sealed_value_opens_only_in_its_place_and_with_its_key() {
        let sealer = Sealer::new(b"secret").unwrap();
        let sealed = sealer.seal("accounts.config", "a", b"pass").unwrap();
        assert_eq!(
            sealer.open("accounts.config", "a", &sealed).unwrap(),
            b"pass"
        );
        assert!(sealer.open("accounts.config", "b", &sealed).is_err());
        assert!(sealer.open("outbox.job", "a", &sealed).is_err());
        let other = Sealer::new(b"another").unwrap();
        assert!(other.open("accounts.config", "a", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer.open("accounts.config", "a", &altered).is_err());
        }
        assert_ne!(
            sealed,
            sealer.seal("accounts.config", "a", b"pass").unwrap()
        );
    }

    #[test]
    fn chunks_cannot_be_exchanged_or_cut() {
        let sealer = Sealer::new(b"secret").unwrap();
        let chunks = sealer.chunks("blob").unwrap();
        let sealed = chunks.seal(0, false, b"one").unwrap();
        assert_eq!(chunks.open(0, false, &sealed).unwrap(), b"one");
        assert!(chunks.open(1, false, &sealed).is_err());
        assert!(chunks.open(0, true, &sealed).is_err());
        assert!(
            sealer
                .chunks("other")
                .unwrap()
                .open(0, false, &sealed)
                .is_err()
        );
    }

    #[test]
    fn key_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        assert!(key_file(folder.path(), false).unwrap().is_none());
        let first = key_file(folder.path(), true).unwrap().unwrap();
        let second = key_file(folder.path(), true).unwrap().unwrap();
        assert_eq!(*first, *second);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.path().join(KEY_FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
