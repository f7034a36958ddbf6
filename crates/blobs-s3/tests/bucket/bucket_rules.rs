//! The bucket's own rules on Amazon S3: what is put, byte for byte, and what is found.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{BucketRulesHarness, Harness, bucket_rules_laws};
use crypt_keeper_domain::model::{
    BucketPlan, BucketRule, BucketState, CallContext, Caller, CorsRule, LifecycleRule, Lifetime,
    ObjectExpiry, PublicAccess, RequestId, RetentionClass, Seen, Standing,
};
use crypt_keeper_domain::ports::{BucketChange, BucketRules, Written};
use crypt_keeper_domain::usecase::{RuleOutcome, SetBucketRules};

use crate::amazon::{Amazon, Configuration, LEAST_TRANSITION, error};
use crate::scripted::{Answer, Request, Scripted, answered_by, fault};
use crate::support::now;

const DAY: u64 = 24 * 60 * 60;

/// Class 64 lives for 30 days, pages of one origin are let in, and versions are kept.
fn plan() -> BucketPlan {
    let lifetime = Lifetime::limited(Duration::from_secs(30 * DAY)).unwrap();
    let origins = vec!["https://documents.example".to_owned()];
    BucketPlan::new([(RetentionClass::new(64), lifetime)], origins, true)
}

fn rules_of(server: &Scripted) -> &dyn BucketRules {
    &server.blobs
}

async fn look(server: &Scripted) -> BucketState {
    rules_of(server).look().await.unwrap()
}

async fn set(server: &Scripted) -> Vec<RuleOutcome> {
    let rules = SetBucketRules {
        rules: Arc::new(server.blobs.clone()),
    };
    let context = CallContext {
        caller: Caller::operator(),
        at: now(),
        request_id: RequestId::parse("setup").unwrap(),
        address: None,
    };
    rules.run(&context, &plan()).await.unwrap()
}

/// `PutBucketLifecycleConfiguration` of the plan.
const LIFECYCLE_PUT: &str = "\
    <LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <Rule><Expiration><Days>37</Days></Expiration><ID>crypt-keeper-class-64</ID>\
    <Filter><Prefix>64/</Prefix></Filter><Status>Enabled</Status>\
    <NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>\
    </Rule>\
    <Rule><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>\
    <ID>crypt-keeper-class-64-markers</ID>\
    <Filter><Prefix>64/</Prefix></Filter><Status>Enabled</Status></Rule>\
    <Rule><ID>crypt-keeper-unfinished-uploads</ID>\
    <Filter><Prefix></Prefix></Filter><Status>Enabled</Status>\
    <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>\
    </AbortIncompleteMultipartUpload></Rule>\
    </LifecycleConfiguration>";

/// `GetBucketLifecycleConfiguration` of the same.
const LIFECYCLE_FOUND: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Rule>
    <ID>crypt-keeper-class-64</ID>
    <Filter><Prefix>64/</Prefix></Filter>
    <Status>Enabled</Status>
    <Expiration><Days>37</Days></Expiration>
    <NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>
  </Rule>
  <Rule>
    <ID>crypt-keeper-class-64-markers</ID>
    <Filter><Prefix>64/</Prefix></Filter>
    <Status>Enabled</Status>
    <Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>
  </Rule>
  <Rule>
    <ID>crypt-keeper-unfinished-uploads</ID>
    <Filter><Prefix/></Filter>
    <Status>Enabled</Status>
    <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>
  </Rule>
</LifecycleConfiguration>"#;

/// `PutPublicAccessBlock`.
const BLOCK_PUT: &str = "\
    <PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
    <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>\
    </PublicAccessBlockConfiguration>";

/// `GetPublicAccessBlock`, with two of the four.
const BLOCK_FOUND: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <BlockPublicAcls>true</BlockPublicAcls>
  <IgnorePublicAcls>false</IgnorePublicAcls>
  <BlockPublicPolicy>true</BlockPublicPolicy>
</PublicAccessBlockConfiguration>"#;

fn written(request: &Request) -> (&str, &str) {
    let line = request.line().trim_end_matches(" HTTP/1.1");
    (line, &request.body)
}

#[tokio::test]
async fn the_rules_are_put_as_the_api_reference_has_them() {
    let amazon = Amazon::fresh().await;
    let blobs = &amazon.server.blobs;
    for change in [
        BucketChange::Lifecycle(plan().lifecycle(true)),
        BucketChange::BlockPublicAccess,
    ] {
        assert_eq!(blobs.write(&change).await.unwrap(), Written::Done);
    }
    let writes = amazon.writes();
    let told: Vec<_> = writes.iter().map(written).collect();
    assert_eq!(
        told,
        [
            ("PUT /documents/?lifecycle", LIFECYCLE_PUT),
            ("PUT /documents/?publicAccessBlock", BLOCK_PUT),
        ]
    );
    for request in &writes {
        // Without one of them S3 refuses both calls.
        let digest = request.header("x-amz-checksum-crc32");
        let digest = digest.or(request.header("content-md5"));
        assert!(digest.is_some_and(|it| !it.is_empty()), "{request:?}");
    }
}

#[tokio::test]
async fn what_is_there_is_found_as_it_was_meant() {
    let amazon = Amazon::with(Configuration {
        lifecycle: Some(LIFECYCLE_FOUND.to_owned()),
        public_access_block: Some(BLOCK_FOUND.to_owned()),
        ..Configuration::default()
    })
    .await;
    let found = look(&amazon.server).await;
    assert_eq!(found.lifecycle, Seen::Is(plan().lifecycle(true)));
    // One that is said to be false, and one of which nothing is said.
    let open = vec![PublicAccess::AccessLists, PublicAccess::Policies];
    assert_eq!(found.public_access, Seen::Is(open));
}

#[tokio::test]
async fn a_second_setup_changes_nothing() {
    let amazon = Amazon::fresh().await;
    let first = set(&amazon.server).await;
    let unchanged: Vec<_> = first.iter().filter(|it| !it.is_changed()).collect();
    // Nobody else has a rule here.
    assert_eq!(unchanged.len(), 1, "{first:?}");
    assert_eq!(unchanged[0].before.rule, BucketRule::OthersRules);
    let told: Vec<_> = amazon
        .writes()
        .iter()
        .map(|it| it.line().to_owned())
        .collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let lifecycle = amazon.bucket.lock().unwrap().lifecycle.clone();
    assert_eq!(lifecycle.as_deref(), Some(LIFECYCLE_FOUND));

    let second = set(&amazon.server).await;
    for outcome in &second {
        assert_eq!(outcome.before.standing, Standing::Right, "{outcome:?}");
    }
    assert_eq!(amazon.writes().len(), 4);
}

/// Our rules go without a trace: an empty configuration would be refused.
#[tokio::test]
async fn the_last_rule_takes_the_configuration_with_it() {
    let amazon = Amazon::fresh().await;
    let blobs = &amazon.server.blobs;
    for rules in [plan().lifecycle(true), Vec::new()] {
        let done = blobs.write(&BucketChange::Lifecycle(rules)).await;
        assert_eq!(done.unwrap(), Written::Done);
    }
    let writes = amazon.writes();
    assert_eq!(written(&writes[1]), ("DELETE /documents/?lifecycle", ""));
    assert_eq!(look(&amazon.server).await.lifecycle, Seen::Is(Vec::new()));
}

/// With all that we have no word for.
#[tokio::test]
async fn rules_of_others_go_back_as_they_came() {
    let theirs = [
        "<Rule><Expiration><Days>3650</Days></Expiration><ID>archive</ID>\
         <Filter><And><Prefix>tax/</Prefix><Tag><Key>kind</Key><Value>draft</Value></Tag>\
         <ObjectSizeGreaterThan>500</ObjectSizeGreaterThan></And></Filter>\
         <Status>Enabled</Status><Transition><Days>365</Days>\
         <StorageClass>GLACIER</StorageClass></Transition></Rule>",
        "<Rule><ID>off</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Disabled</Status>\
         <NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>\
         <NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>",
    ]
    .concat();
    let (begin, rest) = LIFECYCLE_PUT.split_at(LIFECYCLE_PUT.find("<Rule>").unwrap());
    let amazon = Amazon::with(Configuration {
        lifecycle: Some(format!("{begin}{theirs}</LifecycleConfiguration>")),
        least_transition: Some("varies_by_storage_class".to_owned()),
        ..Configuration::default()
    })
    .await;
    let change = BucketChange::Lifecycle(plan().lifecycle(true));
    let done = amazon.server.blobs.write(&change).await.unwrap();
    assert_eq!(done, Written::Done);
    let writes = amazon.writes();
    assert_eq!(writes[0].body, format!("{begin}{theirs}{rest}"));
    let least = writes[0].header(LEAST_TRANSITION);
    assert_eq!(least, Some("varies_by_storage_class"));
}

/// S3 takes no rules with a filter beside those of before 2016, which have none.
#[tokio::test]
async fn a_rule_of_before_there_were_filters_is_put_with_one() {
    let (begin, _) = LIFECYCLE_PUT.split_at(LIFECYCLE_PUT.find("<Rule>").unwrap());
    let old = "<Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Enabled</Status>\
               <Expiration><Days>365</Days></Expiration></Rule>";
    let amazon = Amazon::with(Configuration {
        lifecycle: Some(format!("{begin}{old}</LifecycleConfiguration>")),
        ..Configuration::default()
    })
    .await;
    let others = async || match look(&amazon.server).await.lifecycle {
        Seen::Is(mut rules) => {
            rules.retain(|rule| !rule.is_ours());
            rules
        }
        other => panic!("{other:?}"),
    };
    let before = others().await;
    assert_eq!((&*before[0].id, &*before[0].prefix), ("old", "logs/"));
    for outcome in set(&amazon.server).await {
        assert_eq!(outcome.after, Standing::Right, "{outcome:?}");
    }
    assert_eq!(others().await, before);
}

#[tokio::test]
async fn a_bucket_without_configurations_is_no_failure() {
    let amazon = Amazon::fresh().await;
    let found = look(&amazon.server).await;
    let fresh = BucketState {
        // As of a store that is not Amazon's own by its address.
        may_drop_uploads: true,
        ..BucketState::fresh()
    };
    assert_eq!(found, fresh);
}

#[tokio::test]
async fn what_is_denied_is_told_in_the_stores_words() {
    let server = answered_by(|_| error(403, "AccessDenied", "User: X is not authorized")).await;
    let found = look(&server).await;
    let refused = |call: &str| {
        format!(
            "{call} on bucket `documents`: access is denied: the credentials' policy lacks this \
             right on this bucket (AccessDenied: User: X is not authorized)"
        )
    };
    let lifecycle = refused("GetBucketLifecycleConfiguration");
    assert_eq!(found.lifecycle, Seen::Refused(lifecycle));
    let block = refused("GetPublicAccessBlock");
    assert_eq!(found.public_access, Seen::Refused(block));

    // May look, and may not write.
    let server = answered_by(|request| match request.line().split(' ').next() {
        Some("GET") if request.line().contains("versioning") => {
            let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
            Answer::new(200, on)
        }
        Some("GET") if request.line().contains("lifecycle") => {
            error(404, "NoSuchLifecycleConfiguration", "none")
        }
        Some("GET") if request.line().contains("cors") => {
            error(404, "NoSuchCORSConfiguration", "none")
        }
        Some("GET") => error(404, "NoSuchPublicAccessBlockConfiguration", "none"),
        _ => error(403, "AccessDenied", "User: X is not authorized"),
    })
    .await;
    let outcomes = set(&server).await;
    let told = |rule: &BucketRule| {
        let found = outcomes.iter().find(|it| it.before.rule == *rule);
        found.unwrap().refused.clone()
    };
    let lifecycle = refused("PutBucketLifecycleConfiguration");
    assert_eq!(told(&BucketRule::UnfinishedUploads), Some(lifecycle));
    let block = refused("PutPublicAccessBlock");
    assert_eq!(told(&BucketRule::PublicAccess), Some(block));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_a_failure() {
    let server = answered_by(|_| error(404, "NoSuchBucket", "none")).await;
    let missing = crypt_keeper_blobs_s3::Fault::NoSuchBucket;
    let looked = rules_of(&server).look().await;
    assert_eq!(fault(&looked.unwrap_err()), missing);
    for change in [
        BucketChange::Lifecycle(plan().lifecycle(false)),
        BucketChange::BlockPublicAccess,
    ] {
        assert_eq!(
            fault(&server.blobs.write(&change).await.unwrap_err()),
            missing
        );
    }
}

#[async_trait]
impl Harness for Amazon {
    async fn teardown(self) {}
}

#[async_trait]
impl BucketRulesHarness for Amazon {
    fn bucket_rules(&self) -> Arc<dyn BucketRules> {
        Arc::new(self.server.blobs.clone())
    }

    async fn plant_lifecycle(&self, rule: &LifecycleRule) -> bool {
        let Some(ObjectExpiry::Days(days)) = rule.expiry else {
            panic!("the laws plant no other: {rule:?}");
        };
        let (begin, _) = LIFECYCLE_PUT.split_at(LIFECYCLE_PUT.find("<Rule>").unwrap());
        self.bucket.lock().unwrap().lifecycle = Some(format!(
            "{begin}<Rule><ID>{}</ID><Filter><Prefix>{}</Prefix></Filter><Status>Enabled</Status>\
             <Expiration><Days>{days}</Days></Expiration></Rule></LifecycleConfiguration>",
            rule.id, rule.prefix
        ));
        true
    }

    async fn plant_cors(&self, rule: &CorsRule) -> bool {
        let list = |name: &str, values: &[String]| {
            let values = values
                .iter()
                .map(|value| format!("<{name}>{value}</{name}>"));
            values.collect::<String>()
        };
        self.bucket.lock().unwrap().cors = Some(format!(
            "<CORSConfiguration><CORSRule><ID>{}</ID>{}{}{}{}</CORSRule></CORSConfiguration>",
            rule.id.as_deref().unwrap(),
            list("AllowedOrigin", &rule.origins),
            list("AllowedMethod", &rule.methods),
            list("AllowedHeader", &rule.headers),
            list("ExposeHeader", &rule.exposed),
        ));
        true
    }
}

mod laws {
    use super::{Amazon, bucket_rules_laws};

    async fn amazon() -> Option<Amazon> {
        Some(Amazon::fresh().await)
    }

    bucket_rules_laws!(amazon());
}
