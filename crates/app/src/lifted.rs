//! Contents that were taken out of a body while it arrived.

use std::collections::HashMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Begins what stands in the place of a content. It is no base64: where nobody looks here, it is refused rather than taken
/// for a content.
const MARK: &str = "sha256:";

/// Decoded contents of one request, by what stands in their place in its body.
#[derive(Default)]
pub struct Lifted(HashMap<String, Bytes>);

impl Lifted {
    /// Takes a content: what stands in its place. That is made of the content alone, so that a body that comes again is known
    /// as the same.
    pub fn add(&mut self, content: Bytes) -> String {
        let name = format!("{MARK}{}", hex::encode(Sha256::digest(&content)));
        self.0.insert(name.clone(), content);
        name
    }

    /// The content that this text stands for.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<Bytes> {
        self.0.get(text).cloned()
    }
}
