//! Time partitions: made ahead, closed, emptied, dropped, their key pairs destroyed; documents that
//! expire before theirs, and those that a hold keeps.

mod ahead;
mod calendar;
mod crashes;
mod expiry;
mod gate;
mod holds;
mod sweep;
