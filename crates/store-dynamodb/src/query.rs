//! Collections read in order of their sort keys, several merged into one.

use std::collections::{HashMap, VecDeque};

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use crate::calls::{Calls, call};
use crate::error::{CallError, StoreOrCall};
use crate::items::{ID, ITEM, Item, LISTED_BY, Reader, text};
use crate::tables::BY_PRINCIPAL;

/// The fewest items that a page is asked for.
const LEAST: usize = 8;
/// More are read page by page, of a megabyte at most.
const MOST: usize = 1000;
/// Where a filter leaves most of them out, and what is read is paid for.
const FILTERED: usize = 500;

/// What is read of some collections, and in which order.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) table: String,
    /// Whether the index by principal is read: it has no consistent reads. Else the table is, as
    /// all acknowledged writes have left it.
    pub(crate) by_principal: bool,
    /// The collections.
    pub(crate) hashes: Vec<String>,
    /// The sort keys between these two, both excluded.
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) descending: bool,
    pub(crate) filter: Option<Filter>,
}

/// Which of the items that are read are answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) conditions: Vec<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Item,
}

impl Filter {
    /// One more condition that must hold.
    pub(crate) fn and(mut self, condition: &str, name: &str, value: AttributeValue) -> Self {
        let (placeholder, bound) = (format!("#{name}"), format!(":{name}{}", self.values.len()));
        self.conditions.push(
            condition
                .replace("{name}", &placeholder)
                .replace("{value}", &bound),
        );
        self.names.insert(placeholder, name.to_owned());
        self.values.insert(bound, value);
        self
    }

    /// One more group of conditions, of which one must hold.
    pub(crate) fn and_any(mut self, group: Vec<(&str, AttributeValue)>) -> Self {
        let mut any = Self {
            values: std::mem::take(&mut self.values),
            ..Self::default()
        };
        for (name, value) in group {
            any = any.and("{name} = {value}", name, value);
        }
        self.conditions
            .push(format!("({})", any.conditions.join(" OR ")));
        self.names.extend(any.names);
        self.values = any.values;
        self
    }
}

impl Range {
    pub(crate) fn of_table(table: String, hashes: Vec<String>) -> Self {
        Self {
            table,
            by_principal: false,
            hashes,
            after: None,
            before: None,
            descending: false,
            filter: None,
        }
    }

    pub(crate) fn merge(self, calls: &Calls) -> Merged {
        let streams = self.hashes.iter().cloned().map(Stream::new).collect();
        Merged {
            calls: calls.clone(),
            range: self,
            streams,
            looked_at: 0,
        }
    }

    fn keys(&self) -> (&'static str, &'static str) {
        if self.by_principal {
            (LISTED_BY, ID)
        } else {
            (ID, ITEM)
        }
    }
}

/// One collection, as far as it was read.
#[derive(Debug)]
struct Stream {
    hash: String,
    read: VecDeque<(String, Item)>,
    /// The key of the last item that was looked at, if there are more.
    from: Option<Item>,
    ended: bool,
}

impl Stream {
    fn new(hash: String) -> Self {
        Self {
            hash,
            read: VecDeque::new(),
            from: None,
            ended: false,
        }
    }

    fn is_dry(&self) -> bool {
        self.read.is_empty() && !self.ended
    }
}

/// The items of several collections in one order.
#[derive(Debug)]
pub(crate) struct Merged {
    calls: Calls,
    range: Range,
    streams: Vec<Stream>,
    looked_at: usize,
}

/// Some of the items, in their order.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) items: Vec<Item>,
    /// The sort key up to which all collections were looked at, if no more was to be read.
    pub(crate) stopped_at: Option<String>,
}

impl Merged {
    /// The next items, `count` of them unless there are no more.
    pub(crate) async fn take(&mut self, count: usize) -> Result<Vec<Item>, StoreOrCall> {
        Ok(self.take_within(count, usize::MAX).await?.items)
    }

    /// How many items were looked at, and paid for.
    pub(crate) fn looked_at(&self) -> usize {
        self.looked_at
    }

    /// The next items, as [`take`](Self::take) does, but reads no more once so many were looked at.
    /// Something is always read: whoever goes on where it stopped comes to an end.
    pub(crate) async fn take_within(
        &mut self,
        count: usize,
        looking_at: usize,
    ) -> Result<Taken, StoreOrCall> {
        let mut taken = Taken::default();
        while taken.items.len() < count {
            while self.streams.iter().any(Stream::is_dry) {
                if self.looked_at >= looking_at {
                    taken.stopped_at = self.frontier()?;
                    self.pop_before(taken.stopped_at.as_ref(), count, &mut taken.items);
                    return Ok(taken);
                }
                self.fill(count - taken.items.len()).await?;
            }
            let Some(item) = self.pop(None) else {
                break;
            };
            taken.items.push(item);
        }
        Ok(taken)
    }

    fn pop_before(&mut self, frontier: Option<&String>, count: usize, items: &mut Vec<Item>) {
        while items.len() < count {
            match self.pop(frontier) {
                Some(item) => items.push(item),
                None => break,
            }
        }
    }

    /// The next of what was read, if it comes before the frontier.
    fn pop(&mut self, frontier: Option<&String>) -> Option<Item> {
        let descending = self.range.descending;
        let heads = self.streams.iter().enumerate();
        let heads = heads.filter_map(|(number, stream)| {
            let (sort, _) = stream.read.front()?;
            Some((sort, number))
        });
        let (sort, number) = if descending { heads.max() } else { heads.min() }?;
        let is_before =
            frontier.is_none_or(|end| if descending { sort >= end } else { sort <= end });
        if !is_before {
            return None;
        }
        self.streams[number].read.pop_front().map(|(_, item)| item)
    }

    /// Where the least far of the collections is that are out of items.
    fn frontier(&self) -> Result<Option<String>, StoreOrCall> {
        let (_, sort) = self.range.keys();
        let mut ends = Vec::new();
        for stream in self.streams.iter().filter(|stream| stream.is_dry()) {
            if let Some(key) = &stream.from {
                ends.push(Reader::new("a collection", key).text(sort)?.to_owned());
            }
        }
        Ok(if self.range.descending {
            ends.into_iter().max()
        } else {
            ends.into_iter().min()
        })
    }

    /// Reads on in every collection that is out of items: which of them is next is known only then.
    async fn fill(&mut self, wanted: usize) -> Result<(), StoreOrCall> {
        // They fill evenly, for what is in which is chance.
        let page = match self.range.filter {
            Some(_) => FILTERED,
            None => (wanted / self.streams.len()).min(MOST) + LEAST,
        };
        let (calls, range) = (&self.calls, &self.range);
        let dry = self.streams.iter_mut().filter(|stream| stream.is_dry());
        let looked_at = try_join_all(dry.map(|stream| read_on(calls, range, stream, page))).await?;
        self.looked_at += looked_at.into_iter().sum::<usize>();
        Ok(())
    }
}

/// Reads a page, which may hold nothing that the filter lets through; how many items were looked at.
async fn read_on(
    calls: &Calls,
    range: &Range,
    stream: &mut Stream,
    page: usize,
) -> Result<usize, StoreOrCall> {
    let read = Box::pin(read_page(calls, range, stream, page)).await?;
    let (_, sort) = range.keys();
    for item in read.items {
        let sort = Reader::new("a collection", &item).text(sort)?.to_owned();
        stream.read.push_back((sort, item));
    }
    stream.ended = read.from.is_none();
    stream.from = read.from;
    Ok(read.looked_at)
}

/// A page of a collection.
struct ReadPage {
    items: Vec<Item>,
    from: Option<Item>,
    looked_at: usize,
}

async fn read_page(
    calls: &Calls,
    range: &Range,
    stream: &Stream,
    page: usize,
) -> Result<ReadPage, CallError> {
    let (hash, sort) = range.keys();
    let mut condition = "#hash = :hash".to_owned();
    let mut request = calls
        .client
        .query()
        .table_name(&range.table)
        .consistent_read(!range.by_principal)
        .scan_index_forward(!range.descending)
        .limit(i32::try_from(page).unwrap_or(i32::MAX))
        .set_exclusive_start_key(stream.from.clone())
        .expression_attribute_names("#hash", hash)
        .expression_attribute_values(":hash", text(&stream.hash));
    if range.by_principal {
        request = request.index_name(BY_PRINCIPAL);
    }
    // One condition on the sort key is all that DynamoDB takes; `BETWEEN` includes both ends.
    let bound = match (&range.after, &range.before) {
        (Some(after), None) => Some((" AND #sort > :after", vec![(":after", after)])),
        (None, Some(before)) => Some((" AND #sort < :before", vec![(":before", before)])),
        (Some(after), Some(before)) => Some((
            " AND #sort BETWEEN :after AND :before",
            vec![(":after", after), (":before", before)],
        )),
        (None, None) => None,
    };
    if let Some((more, values)) = bound {
        condition.push_str(more);
        request = request.expression_attribute_names("#sort", sort);
        for (name, value) in values {
            request = request.expression_attribute_values(name, text(value));
        }
    }
    if let Some(filter) = &range.filter {
        request = request.filter_expression(filter.conditions.join(" AND "));
        for (placeholder, name) in &filter.names {
            request = request.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in &filter.values {
            request = request.expression_attribute_values(placeholder, value.clone());
        }
    }
    let request = request.key_condition_expression(condition);
    let answer = call("Query", &range.table, || request.clone().send()).await?;
    let mut items = answer.items.unwrap_or_default();
    items.retain(|item| {
        let sort = item.get(sort).and_then(|value| value.as_s().ok());
        sort != range.after.as_ref() && sort != range.before.as_ref()
    });
    let looked_at = usize::try_from(answer.scanned_count).unwrap_or_default();
    Ok(ReadPage {
        items,
        from: answer.last_evaluated_key.filter(|key| !key.is_empty()),
        // An answer always counts for something.
        looked_at: looked_at.max(1),
    })
}

#[cfg(test)]
mod tests;
