//! From a tree and a context to text.

mod blocks;
mod helpers;
mod scope;

use crate::{
    error::Fault,
    language::{Block, Call, Expression, Node, Path, Program},
    limits::{Budget, Exhausted, MAX_OUTPUT},
    value::Value,
};
use helpers::{Builtin, Helper, Ours};
use scope::{Data, Names, Scope};

/// Renders a template.
///
/// `escape` says whether `{{name}}` is escaped for HTML.
pub(crate) fn render(
    program: &Program,
    root: &serde_json::Value,
    escape: bool,
) -> Result<String, Fault> {
    let mut machine = Machine {
        out: String::new(),
        escape,
        budget: Budget::new(),
        line: 1,
    };
    let root = Value::from(root);
    let scope = Scope {
        this: root.clone(),
        parent: None,
        data: Data::top(&root),
        names: None,
    };
    match machine.program(program, &scope) {
        Ok(()) => Ok(machine.out),
        Err(Stop(reason)) => Err(Fault::new(machine.line, reason)),
    }
}

/// Rendering cannot go on, for this reason.
struct Stop(String);

impl From<Exhausted> for Stop {
    fn from(_: Exhausted) -> Self {
        Self("more steps or levels than a template may take".to_owned())
    }
}

fn stop<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop(reason.into()))
}

/// What renders: the text so far and what is left to spend.
struct Machine {
    out: String,
    escape: bool,
    budget: Budget,
    /// The line of the tag that is being rendered.
    line: u32,
}

/// What a helper is given.
struct Given<'a> {
    params: Vec<Value<'a>>,
    /// `includeZero=true`, the one value with a name that a helper looks at.
    include_zero: bool,
}

/// What a name in the place of a helper turned out to be.
enum Meaning {
    Helper(Helper),
    Value,
    /// It was given values or a hash, and is no helper.
    Missing,
}

impl Machine {
    fn program<'a>(&mut self, program: &'a Program, scope: &Scope<'_, 'a>) -> Result<(), Stop> {
        for node in &program.body {
            match node {
                Node::Comment(_) => {}
                Node::Text(text) => {
                    self.budget.spend(text.value.len())?;
                    self.write(&text.value)?;
                }
                Node::Mustache(mustache) => {
                    self.line = mustache.call.line;
                    let value = self.call(&mustache.call, scope)?;
                    self.show(&value, mustache.raw)?;
                }
                Node::Block(block) => {
                    self.line = block.call.line;
                    self.budget.spend(0)?;
                    self.block(block, scope)?;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), Stop> {
        if self.out.len() + text.len() > MAX_OUTPUT {
            return stop(format!("more than {MAX_OUTPUT} bytes"));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn show(&mut self, value: &Value<'_>, raw: bool) -> Result<(), Stop> {
        if value.is_nothing() {
            return Ok(());
        }
        let text = value.text(&mut self.budget)?;
        self.budget.spend(text.len())?;
        if raw || !self.escape {
            return self.write(&text);
        }
        let mut rest = text.as_ref();
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '`', '=']) {
            self.write(&rest[..at])?;
            self.write(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                b'\'' => "&#x27;",
                b'`' => "&#x60;",
                _ => "&#x3D;",
            })?;
            rest = &rest[at + 1..];
        }
        self.write(rest)
    }

    /// A name of a block parameter is no helper; else what has values is one, and a lone name is one if there is one.
    fn meaning(path: &Path, given: bool, scope: &Scope<'_, '_>) -> Meaning {
        let name = path.parts.first().map_or("", String::as_str);
        if path.simple() && scope.block_name(name).is_some() {
            return Meaning::Value;
        }
        if !given && !path.simple() {
            return Meaning::Value;
        }
        // Handlebars looks at the first part alone where it knows the helper.
        if let Some(builtin) = Builtin::named(name) {
            return Meaning::Helper(Helper::Builtin(builtin));
        }
        match Ours::named(name).filter(|_| path.simple()) {
            Some(ours) => Meaning::Helper(Helper::Ours(ours)),
            None if given => Meaning::Missing,
            None => Meaning::Value,
        }
    }

    /// The value of a tag without a block.
    fn call<'a>(&mut self, call: &'a Call, scope: &Scope<'_, 'a>) -> Result<Value<'a>, Stop> {
        self.budget.spend(0)?;
        let given = !call.params.is_empty() || !call.hash.is_empty();
        self.called(call, given, scope)
    }

    /// In brackets a name is a helper's, also if nothing is given to it.
    fn sub_expression<'a>(
        &mut self,
        call: &'a Call,
        scope: &Scope<'_, 'a>,
    ) -> Result<Value<'a>, Stop> {
        self.called(call, true, scope)
    }

    fn called<'a>(
        &mut self,
        call: &'a Call,
        given: bool,
        scope: &Scope<'_, 'a>,
    ) -> Result<Value<'a>, Stop> {
        match Self::meaning(&call.path, given, scope) {
            Meaning::Helper(helper) => {
                let given = self.given(call, scope)?;
                self.inline(helper, &given.params)
            }
            Meaning::Value => self.path(&call.path, scope),
            Meaning::Missing => self.missing(call, scope),
        }
    }

    fn given<'a>(&mut self, call: &'a Call, scope: &Scope<'_, 'a>) -> Result<Given<'a>, Stop> {
        let mut given = Given {
            params: Vec::with_capacity(call.params.len()),
            include_zero: false,
        };
        for param in &call.params {
            given.params.push(self.expression(param, scope)?);
        }
        for (name, value) in &call.hash {
            let value = self.expression(value, scope)?;
            if name == "includeZero" {
                given.include_zero = value.truthy();
            }
        }
        Ok(given)
    }

    /// What is no helper, but stands where one must be: nothing if it is given nothing and no value has its name, else a fault.
    fn missing<'a>(&mut self, call: &'a Call, scope: &Scope<'_, 'a>) -> Result<Value<'a>, Stop> {
        self.given(call, scope)?;
        if call.params.is_empty() && !self.path(&call.path, scope)?.truthy() {
            return Ok(Value::Undefined);
        }
        // The name is the author's own, but may be long.
        let name: String = call.path.original.chars().take(100).collect();
        stop(format!("no helper is named `{name}`"))
    }

    fn expression<'a>(
        &mut self,
        expression: &'a Expression,
        scope: &Scope<'_, 'a>,
    ) -> Result<Value<'a>, Stop> {
        self.budget.spend(0)?;
        Ok(match expression {
            Expression::Path(path) => self.path(path, scope)?,
            Expression::Text(text) => Value::Text(text.as_str().into()),
            Expression::Number(number) => Value::Number(*number),
            Expression::Bool(value) => Value::Bool(*value),
            Expression::Undefined => Value::Undefined,
            Expression::Null => Value::Null,
            Expression::Call(call) => self.sub_expression(call, scope)?,
        })
    }

    fn path<'a>(&mut self, path: &'a Path, scope: &Scope<'_, 'a>) -> Result<Value<'a>, Stop> {
        let first = path.parts.first().map(String::as_str);
        if let Some(name) = first
            && path.depth == 0
            && !path.scoped()
            && let Some(given) = scope.block_name(name)
        {
            let Some(value) = given else {
                return stop(format!("`{name}` has no value here"));
            };
            return self.fields(value, path.parts.get(1..).unwrap_or_default());
        }
        if path.data && first.is_some() {
            let Some(value) = scope.data.get(path.depth, first.unwrap_or_default()) else {
                return Ok(Value::Undefined);
            };
            if !value.truthy() {
                // Handlebars looks into data only if it is true.
                return Ok(value);
            }
            return self.fields(value, path.parts.get(1..).unwrap_or_default());
        }
        let this = scope
            .up(path.depth)
            .map_or(Value::Undefined, |it| it.this.clone());
        self.fields(this, &path.parts)
    }

    fn fields<'a>(&mut self, mut value: Value<'a>, names: &[String]) -> Result<Value<'a>, Stop> {
        for name in names {
            if value.is_nothing() {
                break;
            }
            if let Value::Text(text) = &value {
                self.budget.spend(text.len())?;
            }
            value = value.field(name);
        }
        Ok(value)
    }

    fn block<'a>(&mut self, block: &'a Block, scope: &Scope<'_, 'a>) -> Result<(), Stop> {
        let call = &block.call;
        let given = !call.params.is_empty() || !call.hash.is_empty();
        match Self::meaning(&call.path, given, scope) {
            Meaning::Helper(helper) => self.block_helper(helper, block, scope),
            Meaning::Value => {
                let value = self.path(&call.path, scope)?;
                self.section(&value, block, scope)
            }
            Meaning::Missing => self.missing(call, scope).map(drop),
        }
    }

    /// Renders a part of a block, with `this` and what its names stand for.
    fn part<'a>(
        &mut self,
        part: Option<&'a Program>,
        this: &Value<'a>,
        data: Option<Data<'_, 'a>>,
        given: Option<&[Value<'a>]>,
        scope: &Scope<'_, 'a>,
    ) -> Result<(), Stop> {
        let Some(program) = part else {
            return Ok(());
        };
        self.budget.spend(0)?;
        let names = Names {
            names: &program.names,
            given,
            outer: scope.names.as_ref(),
        };
        // The same value twice is one level for `../`.
        let same = match this {
            Value::Object(object) if std::ptr::eq(*object, &raw const *blocks::NOTHING) => true,
            this => this.equals(&scope.this, &mut self.budget)?,
        };
        let inner = Scope {
            this: this.clone(),
            parent: if same { scope.parent } else { Some(scope) },
            data: data.unwrap_or(scope.data),
            names: Some(names),
        };
        self.program(program, &inner)
    }
}
