//! How long and how much.

/// The sizes of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How long requests are sent before they count, in seconds.
    pub(super) warm_up: u64,
    /// How long requests are counted, in seconds.
    pub(super) requests: u64,
    /// How long a ceiling is measured, in seconds.
    pub(super) ceiling: u64,
    /// How many documents there are to begin with, made by the service itself.
    pub(super) documents: u64,
    /// How many documents the big store has.
    pub(super) many_documents: u64,
    /// How many documents the small store has on DynamoDB Local, which takes one or two thousand a
    /// second.
    pub(super) few_on_dynamodb: u64,
    /// How many the big one has there.
    pub(super) many_on_dynamodb: u64,
    /// How often a partition of few documents is dropped.
    pub(super) drops: usize,
    /// How often one of many is on PostgreSQL; on the others once.
    pub(super) drops_of_many: usize,
    /// How often two services are measured in turns.
    pub(super) turns: usize,
    /// How often a file is transferred.
    pub(super) transfers: usize,
    /// The length of a transferred file, in MiB.
    pub(super) file_mib: u64,
    /// How many documents there are to be rewrapped, made by the service itself.
    pub(super) rewrap_documents: u64,
    /// How long they are rewrapped under each load, in seconds.
    pub(super) rewrap: u64,
}

impl Plan {
    /// What is quoted: about an hour, half of it for filling DynamoDB Local.
    pub(super) const FULL: Self = Self {
        warm_up: 1,
        requests: 8,
        ceiling: 5,
        documents: 10_000,
        many_documents: 1_000_000,
        few_on_dynamodb: 10_000,
        many_on_dynamodb: 1_000_000,
        drops: 5,
        drops_of_many: 3,
        turns: 5,
        transfers: 3,
        file_mib: 1024,
        rewrap_documents: 100_000,
        rewrap: 10,
    };

    /// What shows that everything works: about 2 minutes.
    pub(super) const QUICK: Self = Self {
        warm_up: 1,
        requests: 2,
        ceiling: 1,
        documents: 2_000,
        many_documents: 100_000,
        few_on_dynamodb: 1_000,
        many_on_dynamodb: 4_000,
        drops: 1,
        drops_of_many: 1,
        turns: 1,
        transfers: 1,
        file_mib: 128,
        rewrap_documents: 10_000,
        rewrap: 2,
    };

    /// How many requests are under way at once.
    pub(super) const CONCURRENCIES: [u32; 3] = [1, 8, 32];
}

/// The middle one; the upper of the two middle ones of an even number. Zero of none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).abs() < f64::EPSILON);
    }
}
