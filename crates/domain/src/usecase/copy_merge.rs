use std::cmp::Ordering;
use std::collections::VecDeque;

use super::copy_kinds::{CopySide, Copying, Kind};
use crate::Error;

/// The rows of one side in the order of their keys, read page by page.
struct Rows<K: Kind> {
    read: VecDeque<K::Row>,
    cursor: Option<K::Cursor>,
    ended: bool,
}

impl<K: Kind> Rows<K> {
    fn new() -> Self {
        Self {
            read: VecDeque::new(),
            cursor: None,
            ended: false,
        }
    }

    async fn fill(&mut self, side: &CopySide) -> Result<(), Error> {
        // A page may be empty and not the last.
        while self.read.is_empty() && !self.ended {
            let page = K::page(side, self.cursor.clone()).await?;
            self.read.extend(page.items);
            self.ended = page.next.is_none();
            self.cursor = page.next;
        }
        Ok(())
    }
}

/// One row of either side, or the two of one key.
pub(super) enum Met<R> {
    /// The target lacks it.
    Source(R),
    /// The source lacks it.
    Target(R),
    /// Both have one.
    Both(R, R),
}

/// Both sides' rows of a kind, in the order of their keys.
pub(super) struct Merge<'a, K: Kind> {
    copying: &'a Copying,
    source: Rows<K>,
    target: Rows<K>,
}

impl<'a, K: Kind> Merge<'a, K> {
    pub(super) fn new(copying: &'a Copying) -> Self {
        Self {
            copying,
            source: Rows::new(),
            target: Rows::new(),
        }
    }

    /// The next; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Met<K::Row>>, Error> {
        self.source.fill(&self.copying.source).await?;
        self.target.fill(&self.copying.target).await?;
        let order = match (self.source.read.front(), self.target.read.front()) {
            (Some(source), Some(target)) => K::key(source).cmp(&K::key(target)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(None),
        };
        let (source, target) = (&mut self.source.read, &mut self.target.read);
        Ok(match order {
            Ordering::Less => source.pop_front().map(Met::Source),
            Ordering::Greater => target.pop_front().map(Met::Target),
            Ordering::Equal => {
                let both = source.pop_front().zip(target.pop_front());
                both.map(|(source, target)| Met::Both(source, target))
            }
        })
    }
}
