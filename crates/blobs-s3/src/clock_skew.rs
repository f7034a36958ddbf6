use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use crypt_keeper_domain::model::Timestamp;

use crate::error::S3Error;
use crate::store::S3Blobs;

/// How far the store's clock is from ours. Stores refuse requests from 15 minutes on; presigned
/// URLs live longer or shorter by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSkew {
    /// Whether the store's clock is ahead of ours.
    pub store_is_ahead: bool,
    /// By how much, to about a second: the store tells whole seconds, and the answer was under
    /// way for a while.
    pub by: Duration,
}

impl ClockSkew {
    fn between(ours: Timestamp, theirs: Timestamp) -> Self {
        Self {
            store_is_ahead: theirs > ours,
            by: theirs.since(ours).max(ours.since(theirs)),
        }
    }
}

impl S3Blobs {
    /// Compares the clocks; `None` if the store does not tell its time.
    ///
    /// # Errors
    /// [`S3Error`] if the bucket cannot be reached.
    pub async fn clock_skew(&self) -> Result<Option<ClockSkew>, S3Error> {
        let store = self.clone();
        self.on_runtime(async move { store.compare_clocks().await })
            .await
    }

    async fn compare_clocks(&self) -> Result<Option<ClockSkew>, S3Error> {
        let date = AnswerDate::default();
        let before = self.clock.now();
        let sent = self
            .calls
            .head_bucket()
            .bucket(&*self.bucket)
            .customize()
            .interceptor(date.clone())
            .send()
            .await;
        let after = self.clock.now();
        // A store that refuses a request for its clock tells its time all the same.
        match (date.take(), sent) {
            (Some(theirs), _) => {
                let halfway = before.plus(after.since(before) / 2);
                Ok(Some(ClockSkew::between(halfway, theirs)))
            }
            (None, Ok(_)) => Ok(None),
            (None, Err(error)) => Err(self.call("HeadBucket").failed(&error)),
        }
    }
}

/// Keeps the `Date` header of an answer, which the SDK does not hand out.
#[derive(Clone, Debug, Default)]
struct AnswerDate(Arc<Mutex<Option<Timestamp>>>);

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
        let date = context
            .response()
            .headers()
            .get("date")
            .and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            date.map(|date| Timestamp::from_micros(date.secs().saturating_mul(1_000_000)));
        Ok(())
    }
}
