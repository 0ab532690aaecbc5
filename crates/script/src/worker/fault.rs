//! What was thrown, as data: kind, name, message, and places in the user's own text.

use std::time::Duration;

use rquickjs::{Ctx, Function};

use super::{clock::Clock, realm::HEAD};
use crate::{ErrorKind, Frame, Logs, ScriptError, Stage, message::Fault};

/// Places of a stack that are kept.
const MAX_FRAMES: usize = 20;

/// Filling the memory takes longer than this.
const HARD_WORK: Duration = Duration::from_millis(10);

/// The fault that an error of the interpreter stands for. Takes the pending exception.
pub(super) fn of<'js>(
    ctx: &Ctx<'js>,
    describe: Option<&Function<'js>>,
    clock: &Clock,
    error: &rquickjs::Error,
) -> Fault {
    let thrown = ctx.catch();
    if let Some(kind) = clock.spent() {
        return timeout(kind);
    }
    if !error.is_exception() {
        return plain(ErrorKind::Thrown, &error.to_string());
    }
    // The interpreter throws null where no memory is left for an error. So may a script, but not after long work.
    if thrown.is_null() && clock.used_by_body() > HARD_WORK {
        return memory();
    }
    let described = describe.map(|describe| describe.call::<_, Vec<String>>((thrown,)));
    let texts = match described {
        Some(Ok(texts)) => texts,
        // Nothing can be described where no memory or time is left.
        _ if clock.check() => return timeout(clock.spent().unwrap_or(ErrorKind::Cpu)),
        _ => return memory(),
    };
    let mut texts = texts.into_iter();
    let name = texts.next().unwrap_or_default();
    let message = texts.next().unwrap_or_default();
    if name == "InternalError" && message == "out of memory" {
        return memory();
    }
    Fault {
        kind: ErrorKind::Thrown,
        stage: None,
        name,
        message,
        stack: frames(&texts.next().unwrap_or_default()),
        logs: Logs::default(),
        ends: false,
    }
}

/// A fault of the machinery.
pub(super) fn plain(kind: ErrorKind, message: &str) -> Fault {
    let error = ScriptError::new(kind, message);
    Fault {
        kind,
        stage: None,
        name: error.name,
        message: error.message,
        stack: Box::default(),
        logs: Logs::default(),
        ends: false,
    }
}

fn timeout(kind: ErrorKind) -> Fault {
    let message = if kind == ErrorKind::Cpu {
        "the script has used up its time of the processor"
    } else {
        "the script has used up its time"
    };
    Fault {
        ends: true,
        ..plain(kind, message)
    }
}

/// What can still be trusted of a runtime without memory is not known: the worker ends.
fn memory() -> Fault {
    Fault {
        ends: true,
        ..plain(ErrorKind::Memory, "the script has used up its memory")
    }
}

/// Places in the user's text, of lines like `    at name (map:3:14)` and `    at map:3:14`.
fn frames(stack: &str) -> Box<[Frame]> {
    stack.lines().filter_map(frame).take(MAX_FRAMES).collect()
}

fn frame(line: &str) -> Option<Frame> {
    let line = line.trim().strip_prefix("at ")?;
    let (function, place) = match line
        .strip_suffix(')')
        .and_then(|line| line.rsplit_once(" ("))
    {
        Some((function, place)) => (Some(function), place),
        None => (None, line),
    };
    let mut parts = place.rsplitn(3, ':');
    let column: u32 = parts.next()?.parse().ok()?;
    let line: u32 = parts.next()?.parse().ok()?;
    let file = parts.next()?;
    let stage = [Stage::Filter, Stage::Map]
        .into_iter()
        .find(|stage| stage.as_str() == file)?;
    // The user's first line stands behind the head of the function.
    let head = if line == 1 {
        u32::try_from(HEAD.len()).unwrap_or(0)
    } else {
        0
    };
    Some(Frame {
        stage,
        function: function
            .filter(|name| !name.is_empty() && *name != "<anonymous>")
            .map(|name| name.chars().take(100).collect()),
        line,
        column: column.saturating_sub(head).max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::frames;
    use crate::{Frame, Stage};

    #[test]
    fn only_places_of_the_user_are_kept() {
        let stack = "    at inner (map:3:14)\n    at <anonymous> (map:1:30)\n    at fetch (posthouse:fetch:9:1)\n    \
                     at filter:2:5\n    at call (native)\nat (map:x:1)\nnonsense\n";
        let place = |stage, function: Option<&str>, line, column| Frame {
            stage,
            function: function.map(str::to_owned),
            line,
            column,
        };
        assert_eq!(
            *frames(stack),
            [
                place(Stage::Map, Some("inner"), 3, 14),
                place(Stage::Map, None, 1, 9),
                place(Stage::Filter, None, 2, 5),
            ]
        );
    }
}
