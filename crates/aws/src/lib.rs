//! What adapters of AWS services share.
//!
//! [`Place`] says where a service is, [`Failure`] why a call to it has brought nothing, and
//! [`compare_clocks`] and [`AnswerClock`] what time it is there. What a failure means is for each adapter to say: the
//! error codes of one service are not those of another.

mod answer_clock;
mod clocks;
mod failure;
mod place;

pub use answer_clock::AnswerClock;
pub use clocks::{AnswerDate, Clocks, compare_clocks};
pub use failure::{Failure, detail, in_brackets};
pub use place::{NotAnAddress, Place};
