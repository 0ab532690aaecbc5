//! What names mean at a place of a template.

use crate::value::Value;

/// A place: what `this` is, and all around it.
pub(super) struct Scope<'s, 'a> {
    pub this: Value<'a>,
    /// What `../` leads to.
    pub parent: Option<&'s Scope<'s, 'a>>,
    pub data: Data<'s, 'a>,
    pub names: Option<Names<'s, 'a>>,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// So many levels up.
    pub(super) fn up(&self, depth: usize) -> Option<&Self> {
        let mut scope = self;
        for _ in 0..depth {
            scope = scope.parent?;
        }
        Some(scope)
    }

    /// What a name of a block stands for; nothing inside, if its block hands in no values.
    pub(super) fn block_name(&self, name: &str) -> Option<Option<Value<'a>>> {
        let mut names = self.names.as_ref();
        while let Some(level) = names {
            if let Some(at) = level.names.iter().position(|known| known == name) {
                let value =
                    |given: &[Value<'a>]| given.get(at).cloned().unwrap_or(Value::Undefined);
                return Some(level.given.map(value));
            }
            names = level.outer;
        }
        None
    }
}

/// Names that blocks gave to values: `as |value key|`.
#[derive(Clone, Copy)]
pub(super) struct Names<'s, 'a> {
    pub names: &'a [String],
    /// `None`: its block hands in nothing.
    pub given: Option<&'s [Value<'a>]>,
    pub outer: Option<&'s Names<'s, 'a>>,
}

/// What names with `@` mean.
#[derive(Clone, Copy)]
pub(super) struct Data<'s, 'a> {
    root: &'s Value<'a>,
    round: Option<&'s Round<'s, 'a>>,
}

/// A round of a loop.
pub(super) struct Round<'s, 'a> {
    pub key: Value<'a>,
    pub index: Value<'a>,
    pub first: bool,
    pub last: bool,
    pub outer: Data<'s, 'a>,
}

impl<'s, 'a> Data<'s, 'a> {
    /// Outside of all loops.
    pub(super) const fn top(root: &'s Value<'a>) -> Self {
        Self { root, round: None }
    }

    /// In a round.
    pub(super) const fn of(round: &'s Round<'s, 'a>) -> Self {
        Self {
            root: round.outer.root,
            round: Some(round),
        }
    }

    /// What a name means so many loops up.
    pub(super) fn get(&self, depth: usize, name: &str) -> Option<Value<'a>> {
        let mut data = *self;
        for _ in 0..depth {
            data = data.round?.outer;
        }
        if name == "root" {
            return Some(data.root.clone());
        }
        let round = data.round?;
        Some(match name {
            "key" => round.key.clone(),
            "index" => round.index.clone(),
            "first" => Value::Bool(round.first),
            "last" => Value::Bool(round.last),
            _ => return None,
        })
    }
}
