//! How a bitmap stands in its column: a byte for the version, then roaring's portable form, run-length encoded where
//! that is shorter. UIDs are absolute, so a row that strayed into another chunk is found out.

use posthouse_model::index::chunk_of;
use roaring::RoaringBitmap;

use crate::error::StoreError;

const VERSION: u8 = 1;

/// The stored form. A bitmap of one chunk takes at most 8 KiB and a few bytes.
pub(super) fn encode(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut shortest = bitmap.clone();
    shortest.optimize();
    let mut bytes = Vec::with_capacity(1 + shortest.serialized_size());
    bytes.push(VERSION);
    // Writing into memory does not fail; were it to, the reader would find a damaged value and say so.
    let _ = shortest.serialize_into(&mut bytes);
    bytes
}

/// Reads a bitmap of the given chunk.
pub(super) fn decode(chunk: u32, bytes: &[u8]) -> Result<RoaringBitmap, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("message index: {what}"));
    let mut rest = match bytes.split_first() {
        Some((&VERSION, rest)) => rest,
        Some((version, _)) => return Err(damaged(&format!("version {version} of a bitmap"))),
        None => return Err(damaged("empty bitmap")),
    };
    let bitmap =
        RoaringBitmap::deserialize_from(&mut rest).map_err(|error| damaged(&error.to_string()))?;
    if !rest.is_empty() {
        return Err(damaged("bytes after a bitmap"));
    }
    match (bitmap.min(), bitmap.max()) {
        (Some(first), Some(last)) if chunk_of(first) == chunk && chunk_of(last) == chunk => {
            Ok(bitmap)
        }
        (None, None) => Err(damaged("bitmap of nothing")),
        _ => Err(damaged("bitmap of another chunk")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn corrupt(result: &Result<RoaringBitmap, StoreError>) -> bool {
        matches!(result, Err(StoreError::Corrupt(_)))
    }

    #[test]
    fn refuses_what_it_did_not_write() {
        let good = encode(&RoaringBitmap::from([65_536, 65_540]));
        assert_eq!(decode(1, &good).unwrap().len(), 2);
        assert!(corrupt(&decode(0, &good)), "another chunk");
        assert!(corrupt(&decode(1, &[])));
        assert!(corrupt(&decode(1, &[VERSION])));
        assert!(corrupt(&decode(1, &good[..good.len() - 1])));
        let mut longer = good.clone();
        longer.push(0);
        assert!(corrupt(&decode(1, &longer)));
        let mut later = good;
        later[0] = 2;
        assert!(corrupt(&decode(1, &later)));
        assert!(corrupt(&decode(0, &encode(&RoaringBitmap::new()))));
        let across: RoaringBitmap = (65_530..65_540).collect();
        assert!(corrupt(&decode(0, &encode(&across))));
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(
            chunk in 0_u32..=65_535,
            runs in prop::collection::vec((0_u32..65_536, 1_u32..5_000), 1..20),
            single in prop::collection::vec(0_u32..65_536, 0..5_000),
        ) {
            let mut bitmap = RoaringBitmap::new();
            let base = chunk << 16;
            for (first, length) in runs {
                bitmap.insert_range(base + first..=base + (first + length).min(65_535));
            }
            bitmap.extend(single.into_iter().map(|low| base + low));
            let bytes = encode(&bitmap);
            prop_assert!(bytes.len() <= 8_192 + 32);
            prop_assert_eq!(decode(chunk, &bytes).unwrap(), bitmap);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..4_u8, cut in 0..300_usize) {
            // Most random bytes end at the cookie; let some pass it.
            let mut input = vec![VERSION];
            match kind {
                0 => input.clear(),
                1 => {}
                2 => input.extend([0x3a, 0x30, 0, 0, 1, 0, 0, 0]),
                _ => input.extend([0x3b, 0x30, 0, 0, 1]),
            }
            input.extend(&bytes);
            if let Ok(bitmap) = decode(0, &input) {
                prop_assert!(bitmap.len() <= 65_536);
                prop_assert_eq!(decode(0, &encode(&bitmap)).unwrap(), bitmap);
            }
            let mut flipped = encode(&(0..2_000).step_by(3).collect());
            let at = cut % flipped.len();
            flipped[at] ^= bytes.first().copied().unwrap_or(1) | 1;
            let _ = decode(0, &flipped);
            flipped.truncate(cut);
            let _ = decode(0, &flipped);
        }
    }
}
