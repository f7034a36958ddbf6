//! The table of units of `docs/dynamodb.md`, and what was measured against it.

use std::collections::BTreeMap;

use super::meter::Consumed;

pub(super) const PAGE: &str = include_str!("../../../../../docs/dynamodb.md");
const HEADER: &str = "| request | write units | read units |";

/// What a row of the page says.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) write: &'static str,
    pub(super) read: &'static str,
}

pub(super) fn rows() -> BTreeMap<&'static str, Row> {
    let (_, table) = PAGE.split_once(HEADER).expect("the table of units");
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let row = |line: &'static str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let cells: [_; 3] = cells.try_into().expect(line);
        let [request, write, read] = cells;
        (request, Row { write, read })
    };
    lines.map(row).collect()
}

/// The figure that a cell begins with: `12: ..`, or ``13 + 3 `n`: ..``, or ``2 + `n` / 14, ..``,
/// which is rounded up.
pub(super) fn figure(cell: &str, n: usize) -> f64 {
    let number = |text: &str| text.parse::<usize>().expect(cell);
    let value = |term: &str| match (term.strip_suffix(" `n`"), term.strip_prefix("`n` / ")) {
        (Some(each), _) => n * number(each),
        (_, Some(of)) => n.div_ceil(number(of)),
        _ if term == "`n`" => n,
        _ => number(term),
    };
    let figure = cell.split([':', ';', ',']).next().unwrap_or_default();
    figure.split(" + ").map(value).sum::<usize>() as f64
}

/// The units that a request reads at most, or more than its row tells: ``.. 1,040 at most ..``.
pub(super) fn most(request: &str) -> f64 {
    let rows = rows();
    let (before, _) = rows[request].read.split_once(" at most").expect(request);
    let mut words = before.trim_end_matches(" more").rsplit(' ');
    let number = words.next().unwrap_or_default().replace(',', "");
    number.parse().expect(request)
}

/// The parts that a cell names after its figure, and after `; each` those of each of `n`. A part
/// without a number is 1.
fn parts(cell: &str, n: usize) -> Vec<(&str, f64)> {
    let mut parts = Vec::new();
    let (_, named) = cell.split_once(": ").unwrap_or_default();
    for (group, times) in named.split("; each ").zip([1, n]) {
        for part in group.split(", ").filter(|part| !part.is_empty()) {
            let named = part.rsplit_once(' ');
            let numbered = named.and_then(|(name, units)| Some((name, units.parse().ok()?)));
            let (name, units): (_, usize) = numbered.unwrap_or((part, 1));
            parts.push((name, (times * units) as f64));
        }
    }
    parts
}

/// Where the page and what was measured part.
#[derive(Default)]
pub(super) struct Differences(Vec<String>);

impl Differences {
    pub(super) fn compare(&mut self, request: &str, n: usize, consumed: Consumed) {
        let rows = rows();
        let Some(row) = rows.get(request) else {
            return self.0.push(format!("the page has no `{request}`"));
        };
        for (what, cell, measured) in [
            ("write", row.write, consumed.write.all()),
            ("read", row.read, consumed.read.all()),
        ] {
            let stated = figure(cell, n);
            let mut found = vec![(stated, "measured", measured)];
            let parts = parts(cell, n);
            if !parts.is_empty() {
                found.push((
                    stated,
                    "in its parts",
                    parts.iter().map(|(_, units)| units).sum(),
                ));
                if what == "write" {
                    let index = parts.iter().filter(|(name, _)| *name == "index");
                    let index = index.map(|(_, units)| units).sum();
                    found.push((index, "measured of the index", consumed.index));
                }
            }
            for (stated, how, other) in found {
                if stated != other {
                    self.0.push(format!(
                        "{request}, n = {n}: {what} units are {stated} on the page, {other} {how}: \
                         {consumed:?}"
                    ));
                }
            }
        }
    }
}

impl Drop for Differences {
    fn drop(&mut self) {
        assert!(
            self.0.is_empty() || std::thread::panicking(),
            "{:#?}",
            self.0
        );
    }
}
