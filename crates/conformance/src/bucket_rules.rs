//! Laws of [`BucketRules`].

use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    BucketPlan, BucketState, CorsRule, LifecycleRule, Lifetime, ObjectExpiry, RetentionClass, Seen,
    Versioning,
};
use crypt_keeper_domain::ports::{BucketChange, BucketRules, Written};

use crate::Harness;

/// Makes a test of every law of `BucketRules`; takes an expression whose future gives
/// `Option<impl BucketRulesHarness>`.
#[macro_export]
macro_rules! bucket_rules_laws {
    ($harness:expr) => {
        $crate::laws!(
            bucket_rules,
            $harness,
            [
                what_was_written_is_found,
                rules_of_others_stay,
                writing_replaces_our_own_rules,
                looking_changes_nothing,
            ]
        );
    };
}

/// A bucket that was made a moment ago.
#[async_trait]
pub trait BucketRulesHarness: Harness {
    /// Its rules.
    fn bucket_rules(&self) -> Arc<dyn BucketRules>;

    /// Somebody else puts a lifecycle rule, past us; whether the store has such things.
    async fn plant_lifecycle(&self, rule: &LifecycleRule) -> bool;

    /// Somebody else puts a rule for web pages, past us; whether the store has such things.
    async fn plant_cors(&self, rule: &CorsRule) -> bool;
}

async fn look(rules: &dyn BucketRules) -> BucketState {
    rules.look().await.expect("look")
}

async fn write(rules: &dyn BucketRules, change: BucketChange) -> Written {
    rules.write(&change).await.expect("write")
}

fn plan(days: u64, origins: &[&str]) -> BucketPlan {
    let lifetime = Lifetime::limited(std::time::Duration::from_secs(days * 24 * 60 * 60));
    let lifetimes = [
        (RetentionClass::new(64), lifetime.expect("a lifetime")),
        (
            RetentionClass::new(1),
            Lifetime::limited(Lifetime::MIN).expect("a lifetime"),
        ),
    ];
    let origins = origins.iter().map(ToString::to_string).collect();
    BucketPlan::new(lifetimes, origins, true)
}

/// Ours, without the one that a store may refuse or drop.
fn expiries(plan: &BucketPlan) -> Vec<LifecycleRule> {
    let mut rules = plan.lifecycle(true);
    rules.retain(|rule| rule.uploads_end_after.is_none());
    rules
}

fn sorted(rules: &[LifecycleRule]) -> Vec<LifecycleRule> {
    let mut rules = rules.to_vec();
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    rules
}

fn another() -> LifecycleRule {
    LifecycleRule {
        id: "somebody-else".to_owned(),
        prefix: "reports/".to_owned(),
        is_enabled: true,
        is_narrowed: false,
        expiry: Some(ObjectExpiry::Days(400)),
        former_versions_after: None,
        uploads_end_after: None,
    }
}

fn another_for_pages() -> CorsRule {
    CorsRule {
        id: Some("somebody-else".to_owned()),
        origins: vec!["https://reports.example".to_owned()],
        methods: vec!["GET".to_owned()],
        headers: vec!["x-report".to_owned()],
        exposed: vec!["x-report".to_owned()],
    }
}

/// Each part, once the store has taken it; a store that says that it has no such thing has none to
/// look at either.
pub async fn what_was_written_is_found<H: BucketRulesHarness>(harness: &H) {
    let rules = harness.bucket_rules();
    let plan = plan(
        30,
        &["https://documents.example", "https://other.example:8443"],
    );

    match write(&*rules, BucketChange::KeepVersions).await {
        Written::Done => assert_eq!(look(&*rules).await.versioning, Seen::Is(Versioning::On)),
        Written::NotImplemented => {
            assert_eq!(look(&*rules).await.versioning, Seen::NotImplemented);
        }
        Written::Refused(_) => {
            assert_ne!(look(&*rules).await.versioning, Seen::Is(Versioning::On));
        }
    }
    match write(&*rules, BucketChange::Lifecycle(expiries(&plan))).await {
        Written::Done => {
            let Seen::Is(found) = look(&*rules).await.lifecycle else {
                panic!("the store took rules, and shows none");
            };
            assert_eq!(sorted(&found), sorted(&expiries(&plan)));
        }
        Written::NotImplemented => {
            assert_eq!(look(&*rules).await.lifecycle, Seen::NotImplemented);
        }
        Written::Refused(why) => panic!("expiry by prefix is what every lifecycle has: {why}"),
    }
    match write(&*rules, BucketChange::Cors(plan.cors())).await {
        Written::Done => {
            let ours = plan.cors().expect("there are origins");
            assert_eq!(look(&*rules).await.cors, Seen::Is(vec![ours]));
        }
        Written::NotImplemented | Written::Refused(_) => {
            assert!(!matches!(look(&*rules).await.cors, Seen::Is(found) if !found.is_empty()));
        }
    }
    match write(&*rules, BucketChange::BlockPublicAccess).await {
        Written::Done => assert_eq!(look(&*rules).await.public_access, Seen::Is(Vec::new())),
        Written::NotImplemented => {
            assert_eq!(look(&*rules).await.public_access, Seen::NotImplemented);
        }
        Written::Refused(_) => {
            assert_ne!(look(&*rules).await.public_access, Seen::Is(Vec::new()));
        }
    }
}

/// Before ours, beside ours, and after ours are gone.
pub async fn rules_of_others_stay<H: BucketRulesHarness>(harness: &H) {
    let rules = harness.bucket_rules();
    if harness.plant_lifecycle(&another()).await {
        let others = async || match look(&*rules).await.lifecycle {
            Seen::Is(found) => found.into_iter().filter(|rule| !rule.is_ours()).collect(),
            other => panic!("{other:?}"),
        };
        let planted: Vec<LifecycleRule> = others().await;
        assert_eq!(planted, [another()]);
        for days in [30, 60] {
            let ours = expiries(&plan(days, &[]));
            let written = write(&*rules, BucketChange::Lifecycle(ours)).await;
            assert_eq!((written, others().await), (Written::Done, planted.clone()));
        }
        let written = write(&*rules, BucketChange::Lifecycle(Vec::new())).await;
        assert_eq!((written, others().await), (Written::Done, planted));
    }
    if harness.plant_cors(&another_for_pages()).await {
        let others = async || match look(&*rules).await.cors {
            Seen::Is(found) => found.into_iter().filter(|rule| !rule.is_ours()).collect(),
            other => panic!("{other:?}"),
        };
        let planted: Vec<CorsRule> = others().await;
        assert_eq!(planted, [another_for_pages()]);
        for origins in [&["https://a.example"][..], &["https://b.example"], &[]] {
            let ours = plan(30, origins).cors();
            let written = write(&*rules, BucketChange::Cors(ours)).await;
            assert_eq!((written, others().await), (Written::Done, planted.clone()));
        }
    }
}

/// Writing again leaves what was written last, and nothing of what was written before.
pub async fn writing_replaces_our_own_rules<H: BucketRulesHarness>(harness: &H) {
    let rules = harness.bucket_rules();
    for change in [
        expiries(&plan(30, &[])),
        expiries(&plan(60, &[])),
        Vec::new(),
        Vec::new(),
    ] {
        match write(&*rules, BucketChange::Lifecycle(change.clone())).await {
            Written::Done => {
                let found = look(&*rules).await.lifecycle;
                let Seen::Is(found) = found else {
                    panic!("{found:?}")
                };
                assert_eq!(sorted(&found), sorted(&change));
            }
            Written::NotImplemented => {}
            Written::Refused(why) => panic!("{why}"),
        }
    }
    for origins in [
        &["https://a.example"][..],
        &["https://b.example", "*"],
        &[],
        &[],
    ] {
        let ours = plan(30, origins).cors();
        if write(&*rules, BucketChange::Cors(ours.clone())).await == Written::Done {
            let expected: Vec<_> = ours.into_iter().collect();
            assert_eq!(look(&*rules).await.cors, Seen::Is(expected));
        }
    }
}

/// Looking twice finds the same, and a fresh bucket has no rule of ours.
pub async fn looking_changes_nothing<H: BucketRulesHarness>(harness: &H) {
    let rules = harness.bucket_rules();
    let first = look(&*rules).await;
    assert_eq!(look(&*rules).await, first);
    if let Seen::Is(found) = &first.lifecycle {
        assert!(!found.iter().any(LifecycleRule::is_ours), "{found:?}");
    }
    if let Seen::Is(found) = &first.cors {
        assert!(!found.iter().any(CorsRule::is_ours), "{found:?}");
    }
}
