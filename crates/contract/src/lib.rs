//! The API contract: our OpenAPI document, the operation table that every surface routes and
//! classifies by, and the coercing validator that reports all faults of a request at once.
//!
//! The document is a set of JSON files, one per tag, embedded in the binary. Nothing here does
//! I/O, and nothing of the parsed document stays in memory: operations are compiled once into a
//! compact form that borrows its strings from the embedded text.
//!
//! - [`operations`], [`operation`]: the table.
//! - [`Operation::validate`]: raw input in, coerced values or faults out.
//! - [`document`]: the OpenAPI document as it is served.
//! - [`tags`], [`operation_text`], [`schema_text`]: its parts, for a rendered reference.
//! - [`validate_answer`]: strict check of an answer, for tests.

mod answer;
mod coerce;
mod compile;
mod document;
mod fault;
mod format;
mod operation;
mod reference;
mod rules;
mod schema;
mod source;
mod validate;

pub use answer::validate_answer;
pub use document::document;
pub use fault::{Fault, Place};
pub use operation::{Method, NarrowedToken, Operation, Parameter, Response, operation, operations};
pub use reference::{Tag, operation_text, schema_text, tags};
pub use schema::{
    ArrayRule, IpRule, Kind, NumberRule, ObjectRule, Pattern, Property, Schema, StringFormat,
    StringRule,
};
pub use validate::{MAX_DEPTH, MAX_FAULTS, RawInput, Valid};

/// Why the embedded document cannot be used; seen only while it is being edited.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// A file is not the JSON we expect.
    #[error("{file}: {source}")]
    Json {
        /// The embedded file.
        file: &'static str,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// An operation or schema says something that cannot be compiled.
    #[error("{place}: {reason}")]
    Invalid {
        /// The operation id or schema name.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

/// Compiles the embedded document; [`operations`] does this once and keeps the result.
///
/// # Errors
/// The embedded document is inconsistent. A test keeps this from happening.
pub fn compile() -> Result<Vec<Operation>, ContractError> {
    compile::compile()
}
