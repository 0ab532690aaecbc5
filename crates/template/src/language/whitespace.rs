//! Whitespace beside tags: `~` takes all of it; a block's tag or a comment that has a line for itself takes that line.

use super::tree::{Block, Node, Program, Strip, Text};

/// Strips a whole template.
pub(super) fn strip(program: &mut Program) {
    visit(&mut program.body, true);
}

/// What a node asks of its neighbours.
#[derive(Default)]
struct Wish {
    strip: Strip,
    open_alone: bool,
    close_alone: bool,
    inline_alone: bool,
}

fn visit(body: &mut [Node], root: bool) {
    for at in 0..body.len() {
        let wish = match &mut body[at] {
            Node::Text(_) => continue,
            Node::Mustache(mustache) => Wish {
                strip: mustache.strip,
                ..Wish::default()
            },
            Node::Comment(strip) => Wish {
                strip: *strip,
                inline_alone: true,
                ..Wish::default()
            },
            Node::Block(block) => visit_block(block),
        };
        let before = ends_line(&body[..at], root);
        let after = begins_line(&body[at + 1..], root);
        if wish.strip.close {
            strip_start(&mut body[at + 1..], true);
        }
        if wish.strip.open {
            strip_end(&mut body[..at], true);
        }
        if wish.inline_alone && before && after {
            strip_start(&mut body[at + 1..], false);
            strip_end(&mut body[..at], false);
        }
        if wish.open_alone && before {
            if let Node::Block(block) = &mut body[at]
                && let Some(first) = block.program.as_mut().or(block.inverse.as_mut())
            {
                strip_start(&mut first.body, false);
            }
            strip_end(&mut body[..at], false);
        }
        if wish.close_alone && after {
            strip_start(&mut body[at + 1..], false);
            if let Node::Block(block) = &mut body[at]
                && let Some(last) = block.inverse.as_mut().or(block.program.as_mut())
            {
                strip_end(&mut last.body, false);
            }
        }
    }
}

fn visit_block(block: &mut Block) -> Wish {
    for part in [&mut block.program, &mut block.inverse]
        .into_iter()
        .flatten()
    {
        visit(&mut part.body, false);
    }
    let (program, inverse) = match (&mut block.program, &mut block.inverse) {
        (Some(program), inverse) => (program, inverse.as_mut()),
        (None, Some(program)) => (program, None),
        (None, None) => return Wish::default(),
    };
    // What follows the first `else`, be it `else` alone or `else if`.
    let first = match inverse {
        Some(inverse) if inverse.chained => match inverse.body.first_mut() {
            Some(Node::Block(chained)) => chained.program.as_mut(),
            _ => None,
        },
        inverse => inverse,
    };
    let wish = Wish {
        strip: Strip {
            open: block.open_strip.open,
            close: block.close_strip.close,
        },
        open_alone: begins_line(&program.body, false),
        close_alone: ends_line(
            first.as_ref().map_or(&program.body, |first| &first.body),
            false,
        ),
        inline_alone: false,
    };
    if block.open_strip.close {
        strip_start(&mut program.body, true);
    }
    if let Some(first) = first {
        if block.inverse_strip.open {
            strip_end(&mut program.body, true);
        }
        if block.inverse_strip.close {
            strip_start(&mut first.body, true);
        }
        if block.close_strip.open {
            strip_end(&mut first.body, true);
        }
        if ends_line(&program.body, false) && begins_line(&first.body, false) {
            strip_end(&mut program.body, false);
            strip_start(&mut first.body, false);
        }
    } else if block.close_strip.open {
        strip_end(&mut program.body, true);
    }
    wish
}

/// Nothing but blanks stands between the last line break of what comes before and its end.
fn ends_line(before: &[Node], root: bool) -> bool {
    match before {
        [] => root,
        [others @ .., Node::Text(text)] => {
            let line = text.original.trim_end_matches(blank);
            // `\s` takes line breaks too, so that the first of several will do.
            text.original[line.len()..].contains('\n')
                || (line.is_empty() && others.is_empty() && root)
        }
        _ => false,
    }
}

/// Nothing but blanks stands between the beginning of what follows and its first line break.
fn begins_line(after: &[Node], root: bool) -> bool {
    match after {
        [] => root,
        [Node::Text(text), others @ ..] => {
            let line = text.original.trim_start_matches(blank);
            let blanks = text.original.len() - line.len();
            text.original[..blanks].contains('\n') || (line.is_empty() && others.is_empty() && root)
        }
        _ => false,
    }
}

/// Takes the first line break and blanks before it; with `all` all whitespace.
fn strip_start(nodes: &mut [Node], all: bool) {
    let Some(Node::Text(text)) = nodes.first_mut() else {
        return;
    };
    if !all && text.right_stripped {
        return;
    }
    let rest = if all {
        text.value.trim_start_matches(blank)
    } else {
        let rest = text.value.trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        rest.strip_prefix('\n').unwrap_or(rest)
    };
    set(text, rest.len(), true);
}

/// Takes blanks at the end of a line; with `all` all whitespace.
fn strip_end(nodes: &mut [Node], all: bool) {
    let Some(Node::Text(text)) = nodes.last_mut() else {
        return;
    };
    if !all && text.left_stripped {
        return;
    }
    let rest = if all {
        text.value.trim_end_matches(blank)
    } else {
        text.value.trim_end_matches([' ', '\t'])
    };
    set(text, rest.len(), false);
}

/// Keeps `length` bytes of the end, or of the beginning.
fn set(text: &mut Text, length: usize, end: bool) {
    let changed = length != text.value.len();
    if end {
        text.value.drain(..text.value.len() - length);
        text.right_stripped = changed;
    } else {
        text.value.truncate(length);
        text.left_stripped = changed;
    }
}

/// Whitespace of JavaScript.
fn blank(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}
