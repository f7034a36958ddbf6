use crypt_keeper_aws::compare_clocks;

use crate::error::CallError;
use crate::store::Core;

impl Core {
    /// Milliseconds that DynamoDB's clock is ahead of ours, to about a second.
    pub(crate) async fn clock_skew(&self) -> Result<Option<i64>, CallError> {
        // DynamoDB tells its time whether the table is there or not.
        let table = self.calls.tables.catalogue();
        let request = self.calls.client.describe_table().table_name(&table);
        let compared = compare_clocks(&*self.clock, |date| {
            request.customize().interceptor(date).send()
        })
        .await
        .map_err(|error| CallError::of("DescribeTable", &table, &error))?;
        Ok(compared.map(|clocks| (clocks.theirs.as_micros() - clocks.ours.as_micros()) / 1000))
    }
}
