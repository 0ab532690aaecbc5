//! What a template may use. One that wants more fails; it never takes more.

/// Bytes of one part of a template.
pub const MAX_TEMPLATE: usize = 8 * 1024 * 1024;

/// Tags in one part of a template.
pub const MAX_PIECES: usize = 100_000;

/// Blocks, sub-expressions and lists that lie within each other.
pub const MAX_DEPTH: usize = 64;

/// Steps of rendering one part: a tag, a round of a loop, a value that is looked at. Well below a second.
pub const MAX_STEPS: u64 = 2_000_000;

/// Bytes that one part may come to.
pub const MAX_OUTPUT: usize = 8 * 1024 * 1024;

/// Bytes of Markdown, after rendering and before it becomes HTML: its tree takes much more memory than its text.
pub const MAX_MARKDOWN: usize = 1024 * 1024;

/// What is left of the steps.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: u64,
}

/// The budget is used up; or values lie too deep within each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { steps: MAX_STEPS }
    }

    /// Takes a step, and one more for each 16 bytes that are touched by it.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let cost = 1 + bytes as u64 / 16;
        self.steps = self.steps.checked_sub(cost).ok_or(Exhausted)?;
        Ok(())
    }
}
