//! HTML of strangers, made safe to stand inside another page.
//!
//! What is allowed is listed, everything else goes: elements that lay out text and tables, attributes that cannot act,
//! links to web, mail and telephone, images of the web and of the message itself, and style declarations that stay in
//! their box. Style sheets hold inside of the box, classes and ids get a prefix: in another page they would meet its own.
//! Quoted history is folded.
//!
//! What is handed out is a fixed point: parsed and made safe again it is the same, byte for byte. So the tree that a
//! browser makes of it is the tree that was looked at.

mod arrange;
mod embed;
mod fold;
mod policy;
mod sheet;
mod tokens;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub use self::embed::{Images, MAX_IMAGES, content_ids, embed_images};
use self::{arrange::arranged, policy::policy};
use crate::{
    html::{strip_tags, text_to_html},
    tame,
};

/// Longest HTML that is parsed; of longer ones the text remains.
const MAX_PARSED: usize = 4 << 20;
/// Deepest nesting that is parsed; of deeper ones the text remains.
const MAX_DEPTH: usize = 256;

/// Most times that HTML is made safe until it stays as it is.
const MAX_ROUNDS: usize = 4;

/// Class of the box that a message stands in; with a hash after it, of the box that its style sheet holds for.
const BOX: &str = "ee-message";
/// What keeps everything in it: nothing is painted outside of it, nothing floats out (CSS Containment Level 2).
const BOX_STYLE: &str = "contain: content; overflow: auto;";
/// What the classes and ids of messages begin with.
const PREFIX: &str = "ee-m-";
/// Class of the element that quoted history is folded into.
const THREAD: &str = "ee-collapsed-thread";
/// Class of what unfolds it.
const TOGGLE: &str = "ee-collapsed-thread-toggle";

static FOLDS: AtomicBool = AtomicBool::new(true);

/// Whether quoted history is folded from now on, in the whole process; it is unless this says otherwise.
pub fn fold_history(folds: bool) {
    FOLDS.store(folds, Ordering::Relaxed);
}

/// A fragment of HTML that shows what `html` shows and can do nothing. Images of the message stand in it as `data:` URIs;
/// those that are too large, or not there, keep their `cid:` link. Never fails: what cannot be parsed within bounds
/// becomes its text.
#[must_use]
pub fn web_safe(html: &str, images: Images) -> String {
    made_safe(html, images, FOLDS.load(Ordering::Relaxed))
}

/// As [`web_safe`], to stand in a message: nothing is folded.
#[must_use]
pub fn quotable(html: &str) -> String {
    made_safe(html, Images::default(), false)
}

fn made_safe(html: &str, images: Images, folds: bool) -> String {
    if html.len() > MAX_PARSED || !is_bounded(html) {
        return web_safe_text(&strip_tags(html));
    }
    let rounds = || {
        let clean = policy(Arc::new(images)).clean(html).to_string();
        // Where a browser would not take it for quoted history, it stays as it is.
        settled(&clean, folds).or_else(|| settled(&clean, false))
    };
    match catch_unwind(AssertUnwindSafe(rounds)) {
        Ok(Some(safe)) => safe,
        _ => web_safe_text(&strip_tags(html)),
    }
}

/// Plain text as HTML that is safe to show: links, quotes, and quoted history folded.
#[must_use]
pub fn web_safe_text(text: &str) -> String {
    let html = text_to_html(text).replace("<br/>", "<br>").replace(
        "<a href=",
        "<a target=\"_blank\" rel=\"noopener noreferrer\" href=",
    );
    if html.len() > MAX_PARSED || !is_bounded(&html) {
        return html;
    }
    let rounds = || {
        let clean = policy(Arc::default()).clean(&html).to_string();
        settled(&clean, FOLDS.load(Ordering::Relaxed))
    };
    match catch_unwind(AssertUnwindSafe(rounds)) {
        Ok(Some(safe)) => safe,
        _ => html,
    }
}

/// Whether it can be parsed and written in a short time.
fn is_bounded(html: &str) -> bool {
    tame::is_tame(html, MAX_DEPTH) && tame::is_quickly_written(html)
}

/// What the sanitiser wrote, arranged, once it stays as it is; none if it does not.
fn settled(clean: &str, folds: bool) -> Option<String> {
    let mut safe = arranged(clean, folds)?;
    let policy = policy(Arc::default());
    for _ in 0..MAX_ROUNDS {
        if !is_bounded(&safe) {
            return None;
        }
        let again = arranged(&policy.clean(&safe).to_string(), folds)?;
        if again == safe {
            return Some(safe);
        }
        safe = again;
    }
    None
}
