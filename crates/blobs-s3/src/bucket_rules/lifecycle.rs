use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus,
    LifecycleExpiration, LifecycleRule as S3Rule, LifecycleRuleFilter, NoncurrentVersionExpiration,
    TransitionDefaultMinimumObjectSize,
};
use crypt_keeper_domain::model::{LifecycleRule, ObjectExpiry};

use crate::error::{Fault, S3Error};
use crate::store::S3Blobs;

/// What the bucket has, as S3 says it: what is not ours goes back as it came, or as the same in
/// newer words.
#[derive(Default)]
struct Found {
    rules: Vec<S3Rule>,
    /// Of the whole configuration, and not ours.
    least_transition: Option<TransitionDefaultMinimumObjectSize>,
}

impl S3Blobs {
    pub(super) async fn lifecycle(&self) -> Result<Vec<LifecycleRule>, S3Error> {
        let found = self.found_lifecycle().await?;
        Ok(found.rules.iter().map(from_s3).collect())
    }

    async fn found_lifecycle(&self) -> Result<Found, S3Error> {
        let found = self.calls.get_bucket_lifecycle_configuration();
        match found.bucket(&*self.bucket).send().await {
            Ok(found) => Ok(Found {
                least_transition: found.transition_default_minimum_object_size,
                rules: found.rules.unwrap_or_default(),
            }),
            Err(error) if error.code() == Some("NoSuchLifecycleConfiguration") => {
                Ok(Found::default())
            }
            Err(error) => Err(self.call("GetBucketLifecycleConfiguration").failed(&error)),
        }
    }

    /// S3 has no call for one rule: the whole is replaced.
    pub(super) async fn replace_lifecycle(&self, ours: &[LifecycleRule]) -> Result<(), S3Error> {
        let Found {
            mut rules,
            least_transition,
        } = self.found_lifecycle().await?;
        rules.retain(|rule| !from_s3(rule).is_ours());
        let mut rules: Vec<_> = rules.into_iter().map(with_filter).collect();
        let call = self.call("PutBucketLifecycleConfiguration");
        let unsaid = |error: BuildError| call.fault(Fault::Other, Some(error.to_string()));
        for rule in ours {
            rules.push(to_s3(rule).map_err(unsaid)?);
        }
        // An empty configuration is refused.
        if rules.is_empty() {
            let delete = self.calls.delete_bucket_lifecycle().bucket(&*self.bucket);
            let deleted = delete.send().await.map(drop);
            return deleted.map_err(|error| self.call("DeleteBucketLifecycle").failed(&error));
        }
        let configuration = BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules))
            .build()
            .map_err(unsaid)?;
        self.calls
            .put_bucket_lifecycle_configuration()
            .bucket(&*self.bucket)
            .lifecycle_configuration(configuration)
            .set_transition_default_minimum_object_size(least_transition)
            .send()
            .await
            .map(drop)
            .map_err(|error| call.failed(&error))
    }
}

/// A rule of before 2016 has its prefix in itself and no filter. S3 refuses such rules beside those
/// with a filter ("Filter element can only be used in Lifecycle V2"); in a filter the prefix means
/// the same.
#[expect(deprecated, reason = "it is what has to be replaced")]
fn with_filter(mut rule: S3Rule) -> S3Rule {
    if rule.filter.is_none()
        && let Some(prefix) = rule.prefix.take()
    {
        rule.filter = Some(LifecycleRuleFilter::builder().prefix(prefix).build());
    }
    rule
}

fn from_s3(rule: &S3Rule) -> LifecycleRule {
    let filter = rule.filter();
    let and = filter.and_then(|filter| filter.and());
    #[expect(deprecated, reason = "rules of before 2016 have their prefix there")]
    let old = rule.prefix();
    let prefix = filter.and_then(|filter| filter.prefix());
    let prefix = prefix.or(and.and_then(|and| and.prefix())).or(old);
    let is_narrowed = filter.is_some_and(|filter| {
        filter.tag().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
    }) || and.is_some_and(|and| {
        !and.tags().is_empty()
            || and.object_size_greater_than().is_some()
            || and.object_size_less_than().is_some()
    });
    let days = |days: Option<i32>| days.and_then(|days| u32::try_from(days).ok());
    LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        prefix: prefix.unwrap_or_default().to_owned(),
        is_enabled: *rule.status() == ExpirationStatus::Enabled,
        is_narrowed,
        expiry: rule.expiration().and_then(|expiry| {
            let on_date = expiry.date().map(|_| ObjectExpiry::OnDate);
            let markers = expiry.expired_object_delete_marker() == Some(true);
            days(expiry.days())
                .map(ObjectExpiry::Days)
                .or(on_date)
                .or(markers.then_some(ObjectExpiry::Markers))
        }),
        former_versions_after: days(
            rule.noncurrent_version_expiration()
                .and_then(|expiry| expiry.noncurrent_days()),
        ),
        uploads_end_after: days(
            rule.abort_incomplete_multipart_upload()
                .and_then(|abort| abort.days_after_initiation()),
        ),
    }
}

fn to_s3(rule: &LifecycleRule) -> Result<S3Rule, BuildError> {
    let days = |days: u32| i32::try_from(days).unwrap_or(i32::MAX);
    let expiry = rule.expiry.map(|expiry| {
        let said = LifecycleExpiration::builder();
        match expiry {
            ObjectExpiry::Days(after) => said.days(days(after)),
            ObjectExpiry::Markers => said.expired_object_delete_marker(true),
            // None of ours is.
            ObjectExpiry::OnDate => said,
        }
        .build()
    });
    let versions = rule.former_versions_after.map(|after| {
        NoncurrentVersionExpiration::builder()
            .noncurrent_days(days(after))
            .build()
    });
    let uploads = rule.uploads_end_after.map(|after| {
        AbortIncompleteMultipartUpload::builder()
            .days_after_initiation(days(after))
            .build()
    });
    S3Rule::builder()
        .id(&rule.id)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(&rule.prefix).build())
        .set_expiration(expiry)
        .set_noncurrent_version_expiration(versions)
        .set_abort_incomplete_multipart_upload(uploads)
        .build()
}
