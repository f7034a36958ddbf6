use std::fmt::Debug;

use crate::model::Timestamp;

/// Tells the time. Tests set it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}
