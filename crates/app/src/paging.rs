//! Pages of listings.

use serde_json::{Map, Value, json};

/// Number of pages, at least 1.
pub(crate) fn pages(total: u64, size: u64) -> u64 {
    total.div_ceil(size.max(1)).max(1)
}

/// The frame that every listing shares.
pub(crate) fn frame(total: u64, paging: posthouse_store::Paging) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("total".to_owned(), json!(total));
    map.insert("page".to_owned(), json!(paging.page));
    map.insert("pages".to_owned(), json!(pages(total, paging.size)));
    map
}
