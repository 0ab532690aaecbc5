//! Parts of the document as they are written, for whoever renders a reference from it. Nothing is parsed
//! before it is asked for, and what is kept are pointers into the embedded text.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::source::{DOCUMENTED, File};

/// A group of operations, as the document tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tag {
    /// Its name, such as `Access Tokens`.
    pub name: String,
    /// What belongs to it.
    #[serde(default)]
    pub description: String,
}

struct Index {
    tags: Vec<Tag>,
    operations: HashMap<&'static str, &'static str>,
    schemas: HashMap<&'static str, &'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    operation_id: &'a str,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index {
        tags: Vec::new(),
        operations: HashMap::new(),
        schemas: HashMap::new(),
    };
    for source in DOCUMENTED {
        // A test proves that every file can be read.
        let Ok(file) = source.outline::<File<'static>>() else {
            continue;
        };
        let tags = file.tags.iter().filter_map(|tag| read(tag));
        index.tags.extend(tags);
        let operations = file.paths.0.iter().flat_map(|(_, methods)| &methods.0);
        for (_, text) in operations {
            if let Some(Named { operation_id }) = read(text) {
                index.operations.insert(operation_id, text.get());
            }
        }
        for (name, text) in &file.components.schemas.0 {
            index.schemas.insert(name, text.get());
        }
    }
    index
});

fn read<T: Deserialize<'static>>(text: &'static RawValue) -> Option<T> {
    serde_json::from_str(text.get()).ok()
}

/// The tags of the document, in its order.
#[must_use]
pub fn tags() -> &'static [Tag] {
    &INDEX.tags
}

/// An operation as it is written in the document (JSON); none for those that are not served.
#[must_use]
pub fn operation_text(id: &str) -> Option<&'static str> {
    INDEX.operations.get(id).copied()
}

/// A named schema as it is written in the document (JSON).
#[must_use]
pub fn schema_text(name: &str) -> Option<&'static str> {
    INDEX.schemas.get(name).copied()
}
