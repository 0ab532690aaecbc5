//! Links to the other pages of a list.

/// The pages of a list, counted from 0; the template `_pager.html` draws it.
#[derive(Debug, Clone)]
pub(crate) struct Pager {
    /// Which page is shown.
    pub(crate) page: u64,
    /// How many there are.
    pub(crate) pages: u64,
    /// Entries in all.
    pub(crate) total: u64,
    /// What one entry is called, singular and plural.
    pub(crate) noun: (&'static str, &'static str),
    base: String,
}

impl Pager {
    /// `path` with the query parameters that stay the same; empty values are left out.
    pub(crate) fn new(
        path: &str,
        query: &[(&str, &str)],
        page: u64,
        size: u64,
        total: u64,
        noun: (&'static str, &'static str),
    ) -> Self {
        let mut base = format!("{path}?");
        for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            base.push_str(&format!("{name}={}&", crate::show::encode(value)));
        }
        Self {
            page,
            pages: total.div_ceil(size.max(1)),
            total,
            noun,
            base,
        }
    }

    /// The address of a page.
    pub(crate) fn link(&self, page: &u64) -> String {
        format!("{}page={page}", self.base)
    }

    /// The page before.
    pub(crate) fn previous(&self) -> Option<u64> {
        self.page
            .checked_sub(1)
            .map(|page| page.min(self.pages.saturating_sub(1)))
    }

    /// The page after.
    pub(crate) fn next(&self) -> Option<u64> {
        Some(self.page + 1).filter(|page| *page < self.pages)
    }

    /// `1 account`, `12 accounts`.
    pub(crate) fn count(&self) -> String {
        let noun = if self.total == 1 {
            self.noun.0
        } else {
            self.noun.1
        };
        format!("{} {noun}", crate::show::number(self.total))
    }
}
