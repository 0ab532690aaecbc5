//! A world of its own for one script: a runtime, a context, the prelude, the compiled bodies.
//!
//! Two scripts never share a runtime, so nothing of one can be seen by another. Runs of the same script do not
//! see each other either, in one of two ways:
//!
//! * *Locked*: everything that the language brings is frozen, and what a run added to the global object is
//!   removed after it. The realm, with the compiled bodies, serves the next run.
//! * *Fresh*: a script whose text looks as if it changed prototypes gets an open realm, which is thrown away
//!   after each run. The next one is made at once, while the server deals with the result.
//!
//! Which of the two it is decides about speed and about what such a script may do, never about isolation.

use std::rc::Rc;

use rquickjs::{Context, Ctx, Function, Persistent, Runtime, Value, context::EvalOptions};

use super::{errand::Shared, fault, natives};
use crate::{ErrorKind, Stage, message::Fault, script::Source};

/// What stands before a body, on the same line, so that lines need no correction.
pub(super) const HEAD: &str = "(async (payload) => {";
const TAIL: &str = "\n})";

/// Depth of the interpreter's stack, in bytes.
const STACK: usize = 512 << 10;

type Kept = Persistent<Function<'static>>;

/// A runtime with one script in it.
pub(super) struct Realm {
    // Values go before the context and the runtime that they belong to.
    filter: Option<Kept>,
    map: Option<Kept>,
    pub(super) describe: Kept,
    pub(super) settle: Kept,
    pub(super) fire: Kept,
    reset: Kept,
    pub(super) context: Context,
    runtime: Runtime,
    locked: bool,
}

impl Realm {
    /// Makes a realm and compiles the bodies.
    pub(super) fn new(shared: &Rc<Shared>, source: &Source, memory: usize) -> Result<Self, Fault> {
        let broken = |error: rquickjs::Error| {
            fault::plain(ErrorKind::Memory, &format!("no realm can be made: {error}"))
        };
        let runtime = Runtime::new().map_err(broken)?;
        runtime.set_memory_limit(memory);
        runtime.set_max_stack_size(STACK);
        let interrupt = Rc::clone(shared);
        runtime.set_interrupt_handler(Some(Box::new(move || interrupt.interrupted())));
        let context = Context::full(&runtime).map_err(broken)?;
        let locked = !changes_prototypes(source);
        let log_limit = shared.errand.borrow().limits.max_log_line;

        let kept = context.with(|ctx| {
            let prelude = Prelude::new(&ctx, shared, log_limit, locked)
                .map_err(|error| fault::of(&ctx, None, &shared.clock, &error))?;
            let body = |stage: Stage, text: &Option<String>| {
                text.as_deref()
                    .map(|text| prelude.compile(&ctx, shared, stage, text))
                    .transpose()
            };
            let filter = body(Stage::Filter, &source.filter)?;
            let map = body(Stage::Map, &source.map)?;
            let keep = |function| Persistent::save(&ctx, function);
            Ok((
                filter.map(keep),
                map.map(keep),
                keep(prelude.describe),
                keep(prelude.settle),
                keep(prelude.fire),
                keep(prelude.reset),
            ))
        });
        let (filter, map, describe, settle, fire, reset) = kept?;
        Ok(Self {
            filter,
            map,
            describe,
            settle,
            fire,
            reset,
            context,
            runtime,
            locked,
        })
    }

    /// The compiled body.
    pub(super) fn body(&self, stage: Stage) -> Option<&Kept> {
        match stage {
            Stage::Filter => self.filter.as_ref(),
            Stage::Map => self.map.as_ref(),
        }
    }

    /// Removes what a body left behind. False: the realm cannot be used for another one.
    pub(super) fn clean(&self) -> bool {
        if !self.locked || self.runtime.is_job_pending() {
            return false;
        }
        self.context.with(|ctx| {
            let reset = self.reset.clone().restore(&ctx);
            let clean = reset.and_then(|reset| reset.call::<_, bool>(()));
            matches!(clean, Ok(true))
        })
    }
}

/// The functions that the prelude gives to the machinery.
struct Prelude<'js> {
    describe: Function<'js>,
    settle: Function<'js>,
    fire: Function<'js>,
    reset: Function<'js>,
    genuine: Function<'js>,
}

impl<'js> Prelude<'js> {
    fn new(
        ctx: &Ctx<'js>,
        shared: &Rc<Shared>,
        log_limit: u32,
        locked: bool,
    ) -> rquickjs::Result<Self> {
        let native = natives::object(ctx, shared, log_limit)?;
        let define: Function = own(
            ctx,
            "define",
            "(name, value) => Object.defineProperty(globalThis, name, \
             { value, writable: true, enumerable: false, configurable: true })",
        )?;
        let genuine: Function = own(
            ctx,
            "genuine",
            "((show) => (value, text) => typeof value === 'function' && show(value) === text)\
             (Function.prototype.call.bind(Function.prototype.toString))",
        )?;
        let binary: Value = own(ctx, "text", include_str!("prelude/text.js"))?
            .call((native.clone(), define.clone()))?;
        let describe: Function = own(ctx, "logger", include_str!("prelude/logger.js"))?
            .call((native.clone(), define.clone()))?;
        own(ctx, "url", include_str!("prelude/url.js"))?
            .call::<_, ()>((native.clone(), define.clone()))?;
        let waiting: rquickjs::Object =
            own(ctx, "fetch", include_str!("prelude/fetch.js"))?.call((native, define, binary))?;
        let forget: Function = waiting.get("forget")?;
        let reset =
            own(ctx, "lockdown", include_str!("prelude/lockdown.js"))?.call((locked, forget))?;
        Ok(Self {
            describe,
            settle: waiting.get("settle")?,
            fire: waiting.get("fire")?,
            reset,
            genuine,
        })
    }

    /// Compiles a body. Evaluating the text makes the function and runs nothing of it.
    fn compile(
        &self,
        ctx: &Ctx<'js>,
        shared: &Shared,
        stage: Stage,
        body: &str,
    ) -> Result<Function<'js>, Fault> {
        let text = format!("{HEAD}{body}{TAIL}");
        let function = text.get(1..text.len() - 1).unwrap_or_default();
        let mut options = EvalOptions::default();
        // As scripts in files are: a forgotten `let` makes a global, which goes after the run.
        options.strict = false;
        options.filename = Some(stage.as_str().to_owned());
        let compiled = ctx
            .eval_with_options::<Value, _>(text.as_str(), options)
            .and_then(|value| {
                Ok((
                    self.genuine.call::<_, bool>((value.clone(), function))?,
                    value,
                ))
            });
        match compiled {
            Ok((true, value)) => {
                if let Some(function) = value.into_function() {
                    return Ok(function);
                }
                Err(syntax(
                    stage,
                    fault::plain(ErrorKind::Syntax, "this is not a function body"),
                    body,
                ))
            }
            // A body that closes the function it stands in: it runs as alone as any other, but is not what it seems.
            Ok((false, _)) => Err(syntax(
                stage,
                fault::plain(
                    ErrorKind::Syntax,
                    "a bracket closes what the script did not open",
                ),
                body,
            )),
            Err(error) => {
                let fault = fault::of(ctx, Some(&self.describe), &shared.clock, &error);
                Err(syntax(stage, fault, body))
            }
        }
    }
}

/// The fault of a body that cannot be compiled.
fn syntax(stage: Stage, mut fault: Fault, body: &str) -> Fault {
    fault.stage = Some(stage);
    if fault.kind == ErrorKind::Thrown {
        fault.kind = ErrorKind::Syntax;
    }
    // What is missing at the end is found behind the user's last line.
    let last = u32::try_from(body.lines().count().max(1)).unwrap_or(u32::MAX);
    for frame in &mut fault.stack {
        if frame.line > last {
            frame.line = last;
            frame.column = body
                .lines()
                .last()
                .map_or(0, |line| u32::try_from(line.chars().count()).unwrap_or(0))
                + 1;
        }
    }
    fault
}

/// Evaluates a function of ours.
fn own<'js>(ctx: &Ctx<'js>, name: &str, text: &str) -> rquickjs::Result<Function<'js>> {
    let mut options = EvalOptions::default();
    options.filename = Some(format!("posthouse:{name}"));
    ctx.eval_with_options(text, options)
}

/// The text names prototypes other than to borrow a method of one (`Object.prototype.hasOwnProperty.call`).
fn changes_prototypes(source: &Source) -> bool {
    [&source.filter, &source.map]
        .into_iter()
        .flatten()
        .any(|text| {
            ["__proto__", "setPrototypeOf"]
                .iter()
                .any(|word| text.contains(word))
                || text.match_indices("prototype").any(|(at, word)| {
                    let rest = text.get(at + word.len()..).unwrap_or_default();
                    !borrows(rest)
                })
        })
}

/// `.name.call`, `.name.apply`, `.name.bind`
fn borrows(rest: &str) -> bool {
    let name = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    rest.strip_prefix('.')
        .map(|rest| rest.trim_start_matches(name))
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|rest| {
            ["call", "apply", "bind"].iter().any(|word| {
                rest.strip_prefix(word)
                    .is_some_and(|after| !after.starts_with(name))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::changes_prototypes;
    use crate::script::Source;

    #[test]
    fn a_borrowed_method_is_no_change() {
        let changes = |text: &str| {
            changes_prototypes(&Source {
                filter: Some(text.to_owned()),
                map: None,
            })
        };
        assert!(!changes(
            "return Object.prototype.hasOwnProperty.call(payload, 'a')"
        ));
        assert!(!changes("return Array.prototype.slice.apply(x)"));
        assert!(changes("Array.prototype.last = function () {}"));
        assert!(changes("X.prototype.callMe = 1"));
        assert!(changes("Array.prototype.slice.caller = 1"));
        assert!(changes("payload.__proto__.x = 1"));
        assert!(changes("Object.setPrototypeOf(a, b)"));
    }
}
