//! Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, 30 seconds.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use posthouse_model::Timestamp;
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Length of a step, seconds.
const STEP: i64 = 30;
/// How many steps the clocks may be apart.
const SKEW: i64 = 6;
/// Bytes of a new secret, as RFC 4226 recommends.
const SECRET: usize = 20;

/// A new random secret, as base32 without padding.
pub(crate) fn new_secret() -> Result<String, getrandom::Error> {
    let mut secret = [0; SECRET];
    getrandom::fill(&mut secret)?;
    Ok(BASE32_NOPAD.encode(&secret))
}

/// The step that the code is of, if it is of one near now; looked for from now outwards.
pub(crate) fn matching_step(secret: &str, code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let secret = BASE32_NOPAD
        .decode(secret.trim_end_matches('=').to_ascii_uppercase().as_bytes())
        .ok()?;
    let now = now.millis().div_euclid(1000).div_euclid(STEP);
    let mut found = None;
    // Every step is computed, found or not: the time tells nothing.
    for distance in 0..=SKEW {
        for step in [now - distance, now + distance] {
            let expected = hotp(&secret, step, 6)?;
            if bool::from(expected.as_bytes().ct_eq(code.as_bytes())) && found.is_none() {
                found = Some(step);
            }
        }
    }
    found
}

/// A counter-based one-time password (RFC 4226 section 5.3).
fn hotp(secret: &[u8], counter: i64, digits: u32) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(&counter.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last()? & 0xf);
    let chosen: [u8; 4] = hash.get(offset..offset + 4)?.try_into().ok()?;
    let number = u32::from_be_bytes(chosen) & 0x7fff_ffff;
    let code = number % 10_u32.checked_pow(digits)?;
    Some(format!("{code:0width$}", width = digits as usize))
}

/// What authenticator apps read from a QR code.
pub(crate) fn address(secret: &str, user: &str, host: Option<&str>) -> String {
    let encode = |text: &str| -> String {
        url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            // A form writes blanks as +; here it would be read as one.
            .replace('+', "%20")
    };
    let name = match host {
        Some(host) => format!("{user}@{host}"),
        None => user.to_owned(),
    };
    format!(
        "otpauth://totp/Posthouse:{}?secret={secret}&issuer=Posthouse&algorithm=SHA1&digits=6&period=30",
        encode(&name)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RFC_SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn published_vectors_of_totp() {
        // RFC 6238 appendix B, SHA-1.
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(hotp(RFC_SECRET, seconds / STEP, 8).unwrap(), code);
            let secret = BASE32_NOPAD.encode(RFC_SECRET);
            let now = Timestamp::from_secs(seconds);
            assert_eq!(
                matching_step(&secret, &code[2..], now),
                Some(seconds / STEP)
            );
        }
    }

    #[test]
    fn clocks_may_be_six_steps_apart() {
        let secret = BASE32_NOPAD.encode(RFC_SECRET);
        let now = 1_234_567_890;
        for step in -8..=8_i64 {
            let code = hotp(RFC_SECRET, now / STEP + step, 6).unwrap();
            let found = matching_step(&secret, &code, Timestamp::from_secs(now));
            assert_eq!(found.is_some(), step.abs() <= 6, "{step}");
        }
    }

    #[test]
    fn what_is_no_code_matches_nothing() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.len(), 32);
        for code in ["", "12345", "1234567", "12345a", "１２３４５６", "-12345"] {
            assert_eq!(matching_step(&secret, code, Timestamp::now()), None);
        }
        let code = hotp(RFC_SECRET, 1, 6).unwrap();
        assert_eq!(
            matching_step("not base32!", &code, Timestamp::from_secs(30)),
            None
        );
        // As people type it.
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        let secret = BASE32_NOPAD.encode(RFC_SECRET);
        assert_eq!(
            matching_step(&secret, &spaced, Timestamp::from_secs(30)),
            Some(1)
        );
    }

    #[test]
    fn the_address_names_issuer_and_user() {
        assert_eq!(
            address("ABC", "admin", Some("mail gate.example")),
            "otpauth://totp/Posthouse:admin%40mail%20gate.example?secret=ABC&issuer=Posthouse&algorithm=SHA1&digits=6&period=30"
        );
    }
}
