//! The Handlebars language: words, grammar, whitespace.

mod lexer;
mod parser;
mod tree;
mod whitespace;

pub(crate) use tree::{Block, Call, Expression, Node, Path, Program};

use crate::error::Fault;

/// Reads a template.
pub(crate) fn parse(source: &str) -> Result<Program, Fault> {
    let words = lexer::words(source)?;
    let mut program = parser::program(words)?;
    whitespace::strip(&mut program);
    Ok(program)
}
