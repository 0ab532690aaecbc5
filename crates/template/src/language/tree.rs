//! A template as a tree.

/// What stands between the tags of a block, or the whole template.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub body: Vec<Node>,
    /// Names that its block gives to what it hands in: `as |value key|`.
    pub names: Vec<String>,
    /// Made by `{{else if}}`: its only node is the block of that tag.
    pub chained: bool,
}

/// A piece of a template.
#[derive(Debug)]
pub(crate) enum Node {
    Text(Text),
    Comment(Strip),
    Mustache(Mustache),
    Block(Box<Block>),
}

/// Text that is written as it is, after whitespace beside tags is gone.
#[derive(Debug)]
pub(crate) struct Text {
    pub value: String,
    /// As it stands in the template: what is a line of its own is decided by it.
    pub original: String,
    pub left_stripped: bool,
    pub right_stripped: bool,
}

impl Text {
    pub(crate) fn new(value: String) -> Self {
        Self {
            original: value.clone(),
            value,
            left_stripped: false,
            right_stripped: false,
        }
    }
}

/// Where a tag has `~`: inside its opening, inside its closing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Strip {
    pub open: bool,
    pub close: bool,
}

/// `{{name}}`, `{{{name}}}`, `{{helper value}}`.
#[derive(Debug)]
pub(crate) struct Mustache {
    pub call: Call,
    /// `{{{name}}}` and `{{&name}}` are written as they are.
    pub raw: bool,
    pub strip: Strip,
}

/// `{{#name}}...{{else}}...{{/name}}`, `{{^name}}...{{/name}}`.
#[derive(Debug)]
pub(crate) struct Block {
    pub call: Call,
    pub program: Option<Program>,
    pub inverse: Option<Program>,
    pub open_strip: Strip,
    pub inverse_strip: Strip,
    pub close_strip: Strip,
}

/// A name with what it is given.
#[derive(Debug)]
pub(crate) struct Call {
    pub path: Path,
    pub params: Vec<Expression>,
    pub hash: Vec<(String, Expression)>,
    /// The line of the tag, from 1.
    pub line: u32,
}

/// A value.
#[derive(Debug)]
pub(crate) enum Expression {
    Path(Path),
    Text(String),
    Number(f64),
    Bool(bool),
    Undefined,
    Null,
    /// `(helper value)`
    Call(Box<Call>),
}

/// `name`, `name.of.it`, `../name`, `@index`.
#[derive(Debug)]
pub(crate) struct Path {
    /// `@name`
    pub data: bool,
    /// How many `..` it begins with.
    pub depth: usize,
    pub parts: Vec<String>,
    /// As it stands in the template.
    pub original: String,
}

impl Path {
    /// A literal in the place of a name is that name.
    pub(crate) fn literal(name: String) -> Self {
        Self {
            data: false,
            depth: 0,
            parts: vec![name.clone()],
            original: name,
        }
    }

    /// It says by `.` or `this` that it means a value and no helper. Any word `this` counts, also after a letter.
    pub(crate) fn scoped(&self) -> bool {
        let original = &self.original;
        original.starts_with('.')
            || original.match_indices("this").any(|(at, word)| {
                let next = original[at + word.len()..].chars().next();
                !next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_')
            })
    }

    /// It may be the name of a helper.
    pub(crate) fn simple(&self) -> bool {
        self.parts.len() == 1 && self.depth == 0 && !self.scoped()
    }
}
