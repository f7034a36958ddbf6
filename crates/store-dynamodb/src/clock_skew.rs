use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use crypt_keeper_domain::model::Timestamp;

use crate::error::CallError;
use crate::store::Core;

impl Core {
    /// Milliseconds that DynamoDB's clock is ahead of ours, to about a second: it tells whole
    /// seconds, and the answer was under way for a while.
    pub(crate) async fn clock_skew(&self) -> Result<Option<i64>, CallError> {
        let date = AnswerDate::default();
        let table = self.calls.tables.catalogue();
        let before = self.clock.now();
        let sent = self
            .calls
            .client
            .describe_table()
            .table_name(&table)
            .customize()
            .interceptor(date.clone())
            .send()
            .await;
        let after = self.clock.now();
        // DynamoDB tells its time whether the table is there or not.
        match (date.take(), sent) {
            (Some(theirs), _) => {
                let ours = before.plus(after.since(before) / 2);
                let micros = theirs.as_micros() - ours.as_micros();
                Ok(Some(micros / 1000))
            }
            (None, Ok(_)) => Ok(None),
            (None, Err(error)) => Err(CallError::of("DescribeTable", &table, &error)),
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
