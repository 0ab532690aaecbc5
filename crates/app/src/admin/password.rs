//! Password records: PHC strings. PBKDF2 is verified, as imported and prepared records have it;
//! Argon2id is what the console writes.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use posthouse_model::ApiError;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::internal;

/// Fewest characters of a password.
pub const MIN_PASSWORD: usize = 8;
/// Most characters of a password.
pub const MAX_PASSWORD: usize = 256;

/// Rounds of a PBKDF2 record at the most: one login must not cost minutes.
const MAX_ROUNDS: u32 = 10_000_000;
/// Rounds of the records that the command line writes.
const ROUNDS: u32 = 600_000;
/// Memory of an Argon2id record at the most, KiB.
const MAX_MEMORY: u32 = 1 << 20;
/// Passes of an Argon2id record at the most.
const MAX_PASSES: u32 = 100;
/// Memory of the records that the console writes, KiB.
const MEMORY: u32 = 19 * 1024;
/// Passes of the records that the console writes.
const PASSES: u32 = 2;
/// Salts longer than this are nobody's.
const MAX_SALT: usize = 256;

/// Why a record cannot be used; one sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRecord(&'static str);

/// Hash function of a PBKDF2 record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

enum Scheme {
    Pbkdf2 { digest: Digest, rounds: u32 },
    Argon2id { params: Params },
}

/// A parsed record.
pub(crate) struct PasswordRecord {
    scheme: Scheme,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl PasswordRecord {
    /// Reads a PHC string.
    ///
    /// # Errors
    /// It is of another kind, or its costs are out of bounds.
    pub(crate) fn parse(text: &str) -> Result<Self, BadRecord> {
        let mut fields = text.trim().split('$');
        if fields.next() != Some("") {
            return Err(BadRecord("it does not begin with $"));
        }
        let kind = fields.next().unwrap_or_default();
        let mut costs = fields.next().unwrap_or_default();
        let digest = match kind {
            "pbkdf2-sha1" | "pbkdf2" => Some(Digest::Sha1),
            "pbkdf2-sha256" => Some(Digest::Sha256),
            "pbkdf2-sha512" => Some(Digest::Sha512),
            "argon2id" => None,
            _ => return Err(BadRecord("its kind is neither pbkdf2 nor argon2id")),
        };
        if digest.is_none() {
            if costs != "v=19" {
                return Err(BadRecord("its version of argon2id is not 19"));
            }
            costs = fields.next().unwrap_or_default();
        }
        let (Some(salt), Some(hash), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err(BadRecord("it has not the fields it should have"));
        };
        let hash = decode(hash).ok_or(BadRecord("its hash is not base64"))?;
        if !(16..=64).contains(&hash.len()) {
            return Err(BadRecord("its hash is not of 16 to 64 bytes"));
        }
        let salt = decode(salt).ok_or(BadRecord("its salt is not base64"))?;
        if salt.len() < 8 || salt.len() > MAX_SALT {
            return Err(BadRecord("its salt is not of 8 to 256 bytes"));
        }
        let scheme = match digest {
            Some(digest) => {
                let rounds = cost(costs, "i").ok_or(BadRecord("it names no rounds"))?;
                if !(1..=MAX_ROUNDS).contains(&rounds) {
                    return Err(BadRecord("its rounds are not 1 to 10000000"));
                }
                Scheme::Pbkdf2 { digest, rounds }
            }
            None => {
                let (Some(memory), Some(passes), Some(lanes)) =
                    (cost(costs, "m"), cost(costs, "t"), cost(costs, "p"))
                else {
                    return Err(BadRecord("it does not name m, t and p"));
                };
                if memory > MAX_MEMORY || passes > MAX_PASSES || lanes > 64 {
                    return Err(BadRecord("its costs are too high"));
                }
                let params = Params::new(memory, passes, lanes, Some(hash.len()))
                    .map_err(|_| BadRecord("its costs are not those of argon2id"))?;
                Scheme::Argon2id { params }
            }
        };
        Ok(Self { scheme, salt, hash })
    }

    /// Whether this is the password. It takes its time: not for a thread of the runtime.
    pub(crate) fn is(&self, password: &str) -> bool {
        let mut found = vec![0; self.hash.len()];
        let password = password.as_bytes();
        match &self.scheme {
            Scheme::Pbkdf2 { digest, rounds } => {
                pbkdf2(*digest, password, &self.salt, *rounds, &mut found);
            }
            Scheme::Argon2id { params } => {
                if argon2id(params.clone(), password, &self.salt, &mut found).is_err() {
                    return false;
                }
            }
        }
        found.ct_eq(&self.hash).into()
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD_NO_PAD
        .decode(text.trim_end_matches('='))
        .ok()
}

/// A number among `name=value` pairs.
fn cost(pairs: &str, name: &str) -> Option<u32> {
    pairs
        .split(',')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?
        .parse()
        .ok()
}

fn pbkdf2(digest: Digest, password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) {
    match digest {
        Digest::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, out),
        Digest::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, out),
        Digest::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, out),
    }
}

fn argon2id(
    params: Params,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Result<(), argon2::Error> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(password, salt, out)
}

fn salt() -> Result<[u8; 16], getrandom::Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    Ok(salt)
}

/// A new record for the command line: PBKDF2, so that it can be moved to installations that read
/// no other.
pub(crate) fn pbkdf2_record(password: &str) -> Result<String, getrandom::Error> {
    let salt = salt()?;
    let mut hash = [0; 32];
    pbkdf2(
        Digest::Sha256,
        password.as_bytes(),
        &salt,
        ROUNDS,
        &mut hash,
    );
    Ok(format!(
        "$pbkdf2-sha256$i={ROUNDS}${}${}",
        BASE64_STANDARD_NO_PAD.encode(salt),
        BASE64_STANDARD_NO_PAD.encode(hash)
    ))
}

/// A new Argon2id record.
fn argon2id_record(password: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let salt = salt()?;
    let mut hash = [0; 32];
    let params =
        Params::new(MEMORY, PASSES, 1, Some(hash.len())).map_err(|error| error.to_string())?;
    argon2id(params, password.as_bytes(), &salt, &mut hash).map_err(|error| error.to_string())?;
    Ok(format!(
        "$argon2id$v=19$m={MEMORY},t={PASSES},p=1${}${}",
        BASE64_STANDARD_NO_PAD.encode(salt),
        BASE64_STANDARD_NO_PAD.encode(hash)
    ))
}

/// Whether a password has a length that is taken.
pub(crate) fn has_good_length(password: &str) -> bool {
    (MIN_PASSWORD..=MAX_PASSWORD).contains(&password.chars().count())
}

/// Hashes off the runtime, few at a time: a flood of logins must cost neither the memory of a
/// hundred hashes nor the threads that serve everything else.
pub(crate) struct Hasher {
    /// For names that exist, in the order of arrival. Limits by address and by name keep this queue short.
    known: Semaphore,
    /// For names that do not: there are any number of them, and whoever makes them up waits among themselves.
    strangers: Semaphore,
}

/// How long a login waits for its turn.
const TURN: std::time::Duration = std::time::Duration::from_secs(10);

impl Default for Hasher {
    fn default() -> Self {
        Self {
            known: Semaphore::new(2),
            strangers: Semaphore::new(1),
        }
    }
}

impl Hasher {
    /// Whether this is the password of the record; false when the record cannot be read.
    ///
    /// # Errors
    /// 503 when too many wait.
    pub(crate) async fn verify(&self, record: String, password: String) -> Result<bool, ApiError> {
        self.run(&self.known, move || {
            PasswordRecord::parse(&record).is_ok_and(|record| record.is(&password))
        })
        .await
    }

    /// Spends the time of [`Hasher::verify`] for a name that does not exist, so that the time does not tell; false. In
    /// a flood of such names it waits as long as one may, and no longer.
    pub(crate) async fn verify_in_vain(&self, record: String, password: String) -> bool {
        let _ = self
            .run(&self.strangers, move || {
                PasswordRecord::parse(&record).is_ok_and(|record| record.is(&password))
            })
            .await;
        false
    }

    /// A new record.
    ///
    /// # Errors
    /// 503 when too many wait, 500 when there is no randomness or memory.
    pub(crate) async fn record(&self, password: String) -> Result<String, ApiError> {
        self.run(&self.known, move || argon2id_record(&password))
            .await?
            .map_err(|error| internal("hashing a password", &error))
    }

    async fn run<T: Send + 'static>(
        &self,
        lane: &Semaphore,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let busy = || ApiError::new(503, "Too many logins at once, try again in a moment");
        let _turn = tokio::time::timeout(TURN, lane.acquire())
            .await
            .map_err(|_| busy())?
            .map_err(|_| busy())?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| internal("hashing a password", &error))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_flood_of_made_up_names_does_not_hold_up_the_one_that_exists() {
        let hasher = std::sync::Arc::new(Hasher::default());
        let record = argon2id_record("correct horse").unwrap();
        let flood: Vec<_> = (0..200)
            .map(|_| {
                let (hasher, record) = (hasher.clone(), record.clone());
                tokio::spawn(async move { hasher.verify_in_vain(record, "x".to_owned()).await })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let right = hasher.verify(record, "correct horse".to_owned()).await;
        assert!(right.unwrap());
        let waiting = flood.iter().filter(|task| !task.is_finished()).count();
        assert!(waiting > 100, "{waiting}");
        flood.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[test]
    fn published_vectors_of_pbkdf2() {
        // RFC 6070 for SHA-1; the same inputs through Python's hashlib for the others.
        let cases = [
            (Digest::Sha1, 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (
                Digest::Sha1,
                4096,
                "4b007901b765489abead49d926f721d065a429c1",
            ),
            (
                Digest::Sha256,
                4096,
                "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a",
            ),
            (
                Digest::Sha512,
                4096,
                "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5",
            ),
        ];
        for (digest, rounds, hash) in cases {
            let mut found = vec![0; hash.len() / 2];
            pbkdf2(digest, b"password", b"salt", rounds, &mut found);
            assert_eq!(hex::encode(found), hash, "{digest:?} {rounds}");
        }
    }

    #[test]
    fn records_of_all_kinds_are_verified() {
        for record in RECORDS {
            let parsed = PasswordRecord::parse(record).unwrap();
            assert!(parsed.is("correct horse"), "{record}");
            assert!(!parsed.is("correct horsf"), "{record}");
            assert!(!parsed.is(""), "{record}");
        }
        let own = argon2id_record("correct horse").unwrap();
        assert!(own.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(PasswordRecord::parse(&own).unwrap().is("correct horse"));
        assert!(!PasswordRecord::parse(&own).unwrap().is("wrong"));
        let other = argon2id_record("correct horse").unwrap();
        assert_ne!(own, other, "every record has a salt of its own");
    }

    #[test]
    fn records_that_cannot_be_or_cost_too_much_are_refused() {
        let salt = "AAAAAAAAAAAAAAAAAAAAAA";
        let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for bad in [
            String::new(),
            "password".to_owned(),
            format!("$pbkdf2-sha256$i=1000${salt}"),
            format!("$pbkdf2-sha256$i=1000${salt}${hash}$more"),
            format!("$pbkdf2-sha256$i=0${salt}${hash}"),
            format!("$pbkdf2-sha256$i=10000001${salt}${hash}"),
            format!("$pbkdf2-sha256$i=-1${salt}${hash}"),
            format!("$pbkdf2-sha256$i=many${salt}${hash}"),
            format!("$pbkdf2-md5$i=1000${salt}${hash}"),
            format!("$pbkdf2-sha256$i=1000$!!!${hash}"),
            format!("$pbkdf2-sha256$i=1000${salt}$"),
            format!("$argon2i$v=19$m=19456,t=2,p=1${salt}${hash}"),
            format!("$argon2id$v=16$m=19456,t=2,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=4000000000,t=2,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=19456,t=4000000000,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=1,t=1,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=19456${salt}${hash}"),
        ] {
            assert!(PasswordRecord::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(!has_good_length("7777777"));
        assert!(has_good_length("88888888"));
        assert!(has_good_length(&"ä".repeat(256)));
        assert!(!has_good_length(&"a".repeat(257)));
    }

    /// Made by Python: `hashlib.pbkdf2_hmac(digest, b"correct horse", bytes(range(16)), 1000, length)`.
    const RECORDS: [&str; 3] = [
        "$pbkdf2-sha1$i=1000$AAECAwQFBgcICQoLDA0ODw$ndhWw3a4srcTtr4HQFTLiKRlVuA",
        "$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
        "$pbkdf2-sha512$i=1000$AAECAwQFBgcICQoLDA0ODw$Xpx07WjVx4vCIvrmBRj8uOoVVtGqJqtUv2J5bhizSQs7osCteF7W4A61dZDqSIqQjO+dxO6p5FT/Uy7QRBXSXA",
    ];
}
