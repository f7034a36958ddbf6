//! A partition of few documents beside one of many.

use super::super::database::Database;
use super::super::load::Load;
use super::super::plan::median;
use super::super::report::rate;
use super::super::service::Service;
use super::super::{Bench, seed};
use super::files::Watch;
use crate::step::{Result, tell};

/// The class of the partitions: one of a day each, which no service here uses.
const CLASS: u8 = 1;
/// 1 January 2020, in days since 1970: partitions begin there.
const FIRST_DAY: u64 = 18_262;

/// What was found out about one store.
pub(super) struct Found {
    /// Few, and many.
    pub(super) sizes: [Size; 2],
    /// How many documents a second the store takes by the API that `crypt-keeper copy` puts them
    /// with.
    pub(super) put_per_second: f64,
}

/// What was found out about partitions of one size; times are medians, in milliseconds.
pub(super) struct Size {
    pub(super) documents: u64,
    pub(super) dropped: f64,
    /// What of that the file system took to give the space of the files back; on PostgreSQL.
    pub(super) files: Option<f64>,
    /// A page of what a user has uploaded.
    pub(super) owned: f64,
    /// A page of what a user may read.
    pub(super) visible: f64,
}

/// The service is stopped for it. `postmaster` is PostgreSQL's first process, if it is on that.
pub(super) fn measure(
    bench: &Bench,
    service: &mut Service,
    [few, many]: [u64; 2],
    drops_of_many: usize,
    postmaster: Option<u32>,
) -> Result<Found> {
    // One would do: all others are copies of it.
    Load::new(service, None)?.make_documents(1)?;
    service.stop()?;
    let mut site = Site {
        bench,
        service,
        postmaster,
        days: 0,
    };
    let (day, _) = site.next_day();
    let put_per_second = site.put(&day, few)?;
    Ok(Found {
        sizes: [
            site.measure(few, bench.plan.drops)?,
            site.measure(many, drops_of_many)?,
        ],
        put_per_second,
    })
}

struct Site<'a> {
    bench: &'a Bench,
    service: &'a Service,
    /// PostgreSQL's first process, if the service is on it.
    postmaster: Option<u32>,
    /// How many were used: what was dropped is never made again.
    days: u64,
}

impl Site<'_> {
    /// The partition of a day that was not used yet, and its first moment in milliseconds.
    fn next_day(&mut self) -> (String, u64) {
        let begins = (FIRST_DAY + self.days) * 86_400_000;
        self.days += 1;
        (format!("{CLASS}/202001{:02}", self.days), begins)
    }

    fn database(&self) -> &Database {
        self.service.database()
    }

    fn number(&self, command: &str, more: &[&str]) -> Result<f64> {
        self.database().ceiling(&self.bench.programs, command, more)
    }

    /// Puts documents through the store; how many a second.
    fn put(&self, partition: &str, count: u64) -> Result<f64> {
        self.number("fill-partition", &[partition, &count.to_string()])
    }

    fn measure(&mut self, count: u64, drops: usize) -> Result<Size> {
        let (mut dropped, mut files) = (Vec::new(), Vec::new());
        let (mut owned, mut visible) = (0.0, 0.0);
        for turn in 0..drops {
            let (partition, begins) = self.next_day();
            tell(format!(
                "{} documents in a partition of {}",
                rate(count as f64),
                self.database().name()
            ));
            if matches!(self.database(), Database::DynamoDb { .. }) {
                self.number("seed-partition", &[&partition, &count.to_string()])?;
            } else {
                self.database()
                    .make_partition(&self.bench.programs, &partition)?;
                seed::fill_day(self.database(), CLASS, begins, count)?;
            }
            if turn == 0 {
                owned = self.list(&partition, "owned")?;
                visible = self.list(&partition, "visible")?;
            }
            let watch = self.postmaster.map(Watch::start).transpose()?;
            dropped.push(self.number("drop-partition", &[&partition])?);
            if let Some(watch) = watch {
                files.push(watch.end()?);
            }
        }
        Ok(Size {
            documents: count,
            dropped: median(dropped),
            files: (!files.is_empty()).then(|| median(files)),
            owned,
            visible,
        })
    }

    fn list(&self, partition: &str, filter: &str) -> Result<f64> {
        let key = self.service.account().key_id();
        let seconds = self.bench.plan.ceiling.to_string();
        self.number("list-partition", &[key, filter, partition, &seconds])
    }
}
