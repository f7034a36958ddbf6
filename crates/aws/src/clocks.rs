use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::Clock;

/// What two clocks said at the same moment, to about a second: a service tells whole seconds, and
/// its answer was under way for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Ours.
    pub ours: Timestamp,
    /// The service's.
    pub theirs: Timestamp,
}

/// Compares the clocks by a call that is sent with the interceptor it is given; `None` if the
/// service does not tell its time.
///
/// # Errors
/// The call's own, if it brought no time either: a service that refuses a request, be it for its
/// clock, tells its time all the same.
pub async fn compare_clocks<T, E, F>(
    clock: &dyn Clock,
    send: impl FnOnce(AnswerDate) -> F,
) -> Result<Option<Clocks>, E>
where
    F: Future<Output = Result<T, E>>,
{
    let date = AnswerDate::default();
    let before = clock.now();
    let sent = send(date.clone()).await;
    let after = clock.now();
    match (date.take(), sent) {
        (Some(theirs), _) => Ok(Some(Clocks {
            ours: before.plus(after.since(before) / 2),
            theirs,
        })),
        (None, Ok(_)) => Ok(None),
        (None, Err(error)) => Err(error),
    }
}

/// Keeps the `Date` header of an answer, which the SDK does not hand out.
#[derive(Clone, Debug, Default)]
pub struct AnswerDate(Arc<Mutex<Option<Timestamp>>>);

impl AnswerDate {
    fn take(&self) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date_of(context);
        Ok(())
    }
}

/// The `Date` header (RFC 9110, 6.6.1): whole seconds.
pub(crate) fn date_of(
    context: &BeforeDeserializationInterceptorContextRef<'_>,
) -> Option<Timestamp> {
    let text = context.response().headers().get("date")?;
    let date = DateTime::from_str(text, Format::HttpDate).ok()?;
    Some(Timestamp::from_micros(
        date.secs().saturating_mul(1_000_000),
    ))
}
