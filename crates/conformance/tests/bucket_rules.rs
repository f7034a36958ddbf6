//! The rules of a bucket in memory keep every law.

use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_conformance::{BucketRulesHarness, Harness, bucket_rules_laws};
use crypt_keeper_domain::memory::MemoryBucketRules;
use crypt_keeper_domain::model::{CorsRule, LifecycleRule};
use crypt_keeper_domain::ports::{BucketChange, BucketRules, Written};

struct Bucket(Arc<MemoryBucketRules>);

async fn bucket() -> Option<Bucket> {
    Some(Bucket(Arc::default()))
}

#[async_trait]
impl Harness for Bucket {
    async fn teardown(self) {}
}

#[async_trait]
impl BucketRulesHarness for Bucket {
    fn bucket_rules(&self) -> Arc<dyn BucketRules> {
        self.0.clone()
    }

    async fn plant_lifecycle(&self, rule: &LifecycleRule) -> bool {
        let planted = BucketChange::Lifecycle(vec![rule.clone()]);
        matches!(self.0.write(&planted).await, Ok(Written::Done))
    }

    async fn plant_cors(&self, rule: &CorsRule) -> bool {
        let planted = BucketChange::Cors(Some(rule.clone()));
        matches!(self.0.write(&planted).await, Ok(Written::Done))
    }
}

bucket_rules_laws!(bucket());
