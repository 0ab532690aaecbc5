//! Grammar: from words to a tree.

use super::{
    lexer::{Kind, Word},
    tree::{Block, Call, Expression, Mustache, Node, Path, Program, Strip, Text},
};
use crate::{error::Fault, limits::MAX_DEPTH, value::number};

/// Reads a whole template.
pub(super) fn program(words: Vec<Word>) -> Result<Program, Fault> {
    let mut parser = Parser {
        words: words.into_iter().peekable(),
        line: 1,
        depth: 0,
    };
    let program = parser.program()?;
    match parser.next() {
        Kind::End => Ok(program),
        Kind::OpenEnd { .. } => parser.fault("the end of a block that was not begun"),
        _ => parser.fault("`else` outside of a block"),
    }
}

struct Parser {
    words: std::iter::Peekable<std::vec::IntoIter<Word>>,
    /// The line of the word that was read last.
    line: u32,
    depth: usize,
}

/// The head of a block with what its tag strips.
struct Head {
    call: Call,
    names: Vec<String>,
    strip: Strip,
}

/// What follows the first part of a block.
struct Inverse {
    program: Program,
    strip: Strip,
    chain: bool,
}

impl Parser {
    fn peek(&mut self) -> &Kind {
        self.words.peek().map_or(&Kind::End, |word| &word.kind)
    }

    fn next(&mut self) -> Kind {
        match self.words.next() {
            Some(word) => {
                self.line = word.line;
                word.kind
            }
            None => Kind::End,
        }
    }

    fn fault<T>(&self, reason: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::new(self.line, reason))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == MAX_DEPTH {
            return self.fault(format!("more than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn program(&mut self) -> Result<Program, Fault> {
        let mut body = Vec::new();
        loop {
            let node = match self.peek() {
                Kind::End
                | Kind::OpenEnd { .. }
                | Kind::Inverse { .. }
                | Kind::OpenChain { .. } => break,
                _ => self.next(),
            };
            body.push(match node {
                Kind::Text(text) => Node::Text(Text::new(text)),
                Kind::Comment { open, close } => Node::Comment(Strip { open, close }),
                Kind::Open { strip, raw } => self.mustache(strip, raw, false)?,
                Kind::OpenRaw { strip } => self.mustache(strip, true, true)?,
                Kind::OpenBlock { strip } => self.deeper(|parser| parser.block(strip))?,
                Kind::OpenInverse { strip } => self.deeper(|parser| parser.inverted(strip))?,
                Kind::OpenVerbatim => self.verbatim()?,
                _ => return self.fault("a tag that does not begin"),
            });
        }
        Ok(Program {
            body,
            ..Program::default()
        })
    }

    fn mustache(&mut self, open: bool, raw: bool, braces: bool) -> Result<Node, Fault> {
        let call = self.call()?;
        let close = match self.next() {
            Kind::Close { strip } if !braces => strip,
            Kind::CloseRaw { strip } if braces => strip,
            _ => return self.fault("a tag that does not end as it began"),
        };
        Ok(Node::Mustache(Mustache {
            call,
            raw,
            strip: Strip { open, close },
        }))
    }

    /// Behind `{{#`.
    fn block(&mut self, open: bool) -> Result<Node, Fault> {
        let head = self.head(open)?;
        let mut program = self.program()?;
        program.names = head.names;
        let inverse = self.inverse_chain()?;
        let close = self.end(&head.call)?;
        Ok(block(head.call, head.strip, program, inverse, close))
    }

    /// Behind `{{^`: what comes first is the inverse.
    fn inverted(&mut self, open: bool) -> Result<Node, Fault> {
        let head = self.head(open)?;
        let mut program = self.program()?;
        program.names = head.names;
        let inverse = match self.peek() {
            Kind::Inverse { .. } => self.inverse()?,
            _ => None,
        };
        let close = self.end(&head.call)?;
        let mut node = block(head.call, head.strip, program, inverse, close);
        if let Node::Block(block) = &mut node {
            std::mem::swap(&mut block.program, &mut block.inverse);
        }
        Ok(node)
    }

    fn head(&mut self, open: bool) -> Result<Head, Fault> {
        let call = self.call()?;
        let names = self.names()?;
        match self.next() {
            Kind::Close { strip: close } => Ok(Head {
                call,
                names,
                strip: Strip { open, close },
            }),
            _ => self.fault("a block whose first tag does not end"),
        }
    }

    /// `as |value key|`
    fn names(&mut self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        if *self.peek() != Kind::OpenNames {
            return Ok(names);
        }
        self.next();
        loop {
            match self.next() {
                Kind::Name { name, .. } => names.push(name),
                Kind::Bar if !names.is_empty() => return Ok(names),
                _ => return self.fault("names between bars are expected"),
            }
        }
    }

    /// `{{else}}`, or any number of `{{else name}}` before it.
    fn inverse_chain(&mut self) -> Result<Option<Inverse>, Fault> {
        let Kind::OpenChain { strip } = *self.peek() else {
            return self.inverse();
        };
        self.next();
        self.deeper(|parser| {
            let head = parser.head(strip)?;
            let mut program = parser.program()?;
            program.names = head.names;
            let inverse = parser.inverse_chain()?;
            // Without a tag of its own it ends where the next one begins.
            let close = inverse.as_ref().map_or(Strip::default(), |next| next.strip);
            let node = block(head.call, head.strip, program, inverse, close);
            Ok(Some(Inverse {
                program: Program {
                    body: vec![node],
                    names: Vec::new(),
                    chained: true,
                },
                strip: head.strip,
                chain: true,
            }))
        })
    }

    fn inverse(&mut self) -> Result<Option<Inverse>, Fault> {
        let Kind::Inverse { open, close } = *self.peek() else {
            return Ok(None);
        };
        self.next();
        Ok(Some(Inverse {
            program: self.program()?,
            strip: Strip { open, close },
            chain: false,
        }))
    }

    fn end(&mut self, call: &Call) -> Result<Strip, Fault> {
        let Kind::OpenEnd { strip: open } = self.next() else {
            return self.fault(format!(
                "`{}` of line {} has no end",
                call.path.original, call.line
            ));
        };
        let name = self.name()?;
        match self.next() {
            Kind::Close { strip: close } if name.original == call.path.original => {
                Ok(Strip { open, close })
            }
            _ => self.fault(format!(
                "`{}` where `{}` of line {} should end",
                name.original, call.path.original, call.line
            )),
        }
    }

    /// Behind `{{{{`.
    fn verbatim(&mut self) -> Result<Node, Fault> {
        let call = self.call()?;
        if self.next() != Kind::CloseVerbatim {
            return self.fault("a tag that does not end as it began");
        }
        let mut body = Vec::new();
        loop {
            match self.next() {
                Kind::Text(text) => body.push(Node::Text(Text::new(text))),
                Kind::EndVerbatim(name) if name == call.path.original => break,
                _ => {
                    return self.fault(format!(
                        "`{}` of line {} has no end",
                        call.path.original, call.line
                    ));
                }
            }
        }
        let program = Program {
            body,
            ..Program::default()
        };
        let none = Strip::default();
        Ok(block(call, none, program, None, none))
    }

    /// A name with values and `key=value` behind it.
    fn call(&mut self) -> Result<Call, Fault> {
        let path = self.name()?;
        let line = self.line;
        let (mut params, mut hash) = (Vec::new(), Vec::new());
        while self.begins_value() {
            let value = self.value()?;
            match value {
                Expression::Path(path) if *self.peek() == Kind::Equals => {
                    if path.data || path.parts.len() != 1 || path.depth > 0 {
                        return self.fault("a plain name is expected before `=`");
                    }
                    self.next();
                    hash.push((path.original, self.value()?));
                }
                _ if !hash.is_empty() => {
                    return self.fault("a value after one with a name");
                }
                value => params.push(value),
            }
        }
        Ok(Call {
            path,
            params,
            hash,
            line,
        })
    }

    fn begins_value(&mut self) -> bool {
        matches!(
            self.peek(),
            Kind::Name { .. }
                | Kind::At
                | Kind::String(_)
                | Kind::Number(_)
                | Kind::Bool(_)
                | Kind::Undefined
                | Kind::Null
                | Kind::OpenCall
        )
    }

    fn value(&mut self) -> Result<Expression, Fault> {
        Ok(match self.next() {
            Kind::String(text) => Expression::Text(text),
            Kind::Number(number) => Expression::Number(number),
            Kind::Bool(value) => Expression::Bool(value),
            Kind::Undefined => Expression::Undefined,
            Kind::Null => Expression::Null,
            Kind::OpenCall => self.deeper(|parser| {
                let call = parser.call()?;
                match parser.next() {
                    Kind::CloseCall => Ok(Expression::Call(Box::new(call))),
                    _ => parser.fault("a bracket that is not closed"),
                }
            })?,
            Kind::At => {
                let first = self.next();
                Expression::Path(self.path(first, true)?)
            }
            first => Expression::Path(self.path(first, false)?),
        })
    }

    /// A path, or a literal in its place.
    fn name(&mut self) -> Result<Path, Fault> {
        let literal = match self.next() {
            Kind::String(text) => text,
            Kind::Number(value) => number::text(value),
            Kind::Bool(value) => value.to_string(),
            Kind::Undefined => "undefined".to_owned(),
            Kind::Null => "null".to_owned(),
            Kind::At => {
                let first = self.next();
                return self.path(first, true);
            }
            first => return self.path(first, false),
        };
        Ok(Path::literal(literal))
    }

    fn path(&mut self, first: Kind, data: bool) -> Result<Path, Fault> {
        let mut path = Path {
            data,
            depth: 0,
            parts: Vec::new(),
            original: if data { "@".to_owned() } else { String::new() },
        };
        let mut next = first;
        loop {
            let Kind::Name { name, literal } = next else {
                return self.fault("a name is expected");
            };
            path.original.push_str(&name);
            match name.as_str() {
                ".." | "." | "this" if !literal => {
                    if !path.parts.is_empty() {
                        return self.fault(format!("`{}` is no path", path.original));
                    }
                    path.depth += usize::from(name == "..");
                }
                _ => path.parts.push(name),
            }
            let Kind::Separator(separator) = *self.peek() else {
                return Ok(path);
            };
            self.next();
            path.original.push(separator);
            next = self.next();
        }
    }
}

fn block(
    call: Call,
    open_strip: Strip,
    program: Program,
    inverse: Option<Inverse>,
    close_strip: Strip,
) -> Node {
    let mut inverse = inverse;
    if let Some(inverse) = inverse.as_mut().filter(|inverse| inverse.chain)
        && let Some(Node::Block(first)) = inverse.program.body.first_mut()
    {
        first.close_strip = close_strip;
    }
    Node::Block(Box::new(Block {
        call,
        program: Some(program),
        inverse_strip: inverse.as_ref().map_or(Strip::default(), |it| it.strip),
        inverse: inverse.map(|inverse| inverse.program),
        open_strip,
        close_strip,
    }))
}
