/// How many items a page may have: 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit(u16);

impl PageLimit {
    /// The most that one page holds.
    pub const MAX: Self = Self(1000);

    /// Holds `limit` within 1 and 1,000.
    #[must_use]
    pub fn clamped(limit: usize) -> Self {
        Self(u16::try_from(limit.clamp(1, 1000)).unwrap_or(Self::MAX.0))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(100)
    }
}

/// Which page: the items after `after` in the order of the list, `limit` at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest<C> {
    /// The last item of the page before; `None` for the first page.
    pub after: Option<C>,
    /// The most items wanted.
    pub limit: PageLimit,
}

impl<C> Default for PageRequest<C> {
    fn default() -> Self {
        Self {
            after: None,
            limit: PageLimit::default(),
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C> {
    /// Its items, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page begins; `None` if this was the last.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// A page from up to `limit + 1` items in order: one more than the limit shows that there is
    /// a next page, and is cut off.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: PageLimit, cursor: impl Fn(&T) -> C) -> Self {
        let more = items.len() > limit.get();
        items.truncate(limit.get());
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}
