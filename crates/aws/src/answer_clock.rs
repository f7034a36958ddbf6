use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use crypt_keeper_domain::model::Timestamp;

use crate::clocks::date_of;

/// A service's clock, by the `Date` header of every answer that a client gets with this interceptor.
///
/// Between two answers it goes by a clock that nobody sets: however this machine's is set, it shows
/// the service's time. It is never ahead of that, and behind by no more than the second that a date
/// is cut off at and the time that the last answer was under way.
#[derive(Clone, Debug, Default)]
pub struct AnswerClock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl AnswerClock {
    /// What it shows; `None` before the first answer that bore a date.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|(date, seen)| date.plus(seen.elapsed()))
    }
}

impl Intercept for AnswerClock {
    fn name(&self) -> &'static str {
        "AnswerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = date_of(context) {
            let answered = Some((date, Instant::now()));
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answered;
        }
        Ok(())
    }
}
