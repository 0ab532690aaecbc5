//! Codes for people to type: the set-up code and recovery codes.

use sha2::{Digest, Sha256};

/// Letters and digits that are not taken for each other; 32, so that a byte maps evenly.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A random code: three groups of four, 60 bits.
pub(crate) fn draw() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    let letters: Vec<char> = bytes
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)))
        .map(|&letter| char::from(letter))
        .collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    Ok(groups.join("-"))
}

/// A code as typed, without what people add or change: blanks, dashes, small letters.
pub(crate) fn normal(typed: &str) -> String {
    typed
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .take(64)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// What is stored of a code.
pub(crate) fn digest(typed: &str) -> String {
    hex::encode(Sha256::digest(normal(typed).as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn codes_are_three_groups_of_four_and_read_as_typed() {
        let code = draw().unwrap();
        assert_eq!(code.len(), 14);
        assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4]);
        assert!(!code.contains(['0', 'O', '1', 'I']));
        assert_ne!(code, draw().unwrap());
        let typed = format!(" {} ", code.replace('-', " ").to_lowercase());
        assert_eq!(digest(&typed), digest(&code));
        assert_ne!(digest("AAAA"), digest("AAAB"));
    }
}
