//! Time partitions in tables of their own: `documents` and `entries` are partitioned by LIST
//! (retention_class), and each class but `import` by RANGE of ids. There is no DEFAULT partition, so
//! that a partition can be detached while the others are used.

mod counted;
mod lost;
mod made;
mod removed;
mod tables;
mod whole;

pub(super) use counted::estimate;
pub(super) use lost::{
    among as lost_among, are_copies_lost, error as lost, error_of_copies as lost_copies, is_copy,
    must_all_be_in_reach, must_be_in_reach, partition_of,
};
pub(super) use made::ensure;
pub(super) use removed::remove;
pub(super) use whole::{at_one_moment, keep_attached, must_be_whole, must_be_whole_newest_first};
