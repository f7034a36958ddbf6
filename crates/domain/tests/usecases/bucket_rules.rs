//! What a bucket should do by itself, what it does, and what is done about the difference.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{Fault, MemoryBucketRules};
use crypt_keeper_domain::model::{
    BucketPlan, BucketState, CallContext, Caller, Concern, CorsRule, Difference, LifecycleRule,
    Lifetime, ObjectExpiry, Partition, PartitionEntry, PartitionState, PublicAccess, RequestId,
    RetentionClass, RetentionClasses, RetentionPolicy, RuleStanding, Seen, Standing, Timestamp,
    Versioning,
};
use crypt_keeper_domain::usecase::{RuleOutcome, SetBucketRules};

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
const WEEKLY: u8 = 64;

fn lifetime(seconds: u64) -> Lifetime {
    Lifetime::limited(Duration::from_secs(seconds)).unwrap()
}

/// Class 0 has no limit, class 64 thirty days.
fn plan_for(origins: &[&str], keeps_versions: bool) -> BucketPlan {
    let lifetimes = [
        (RetentionClass::DEFAULT, Lifetime::UNLIMITED),
        (RetentionClass::new(WEEKLY), lifetime(30 * DAY)),
    ];
    let origins = origins.iter().map(ToString::to_string).collect();
    BucketPlan::new(lifetimes, origins, keeps_versions)
}

const ORIGIN: &str = "https://documents.example";

/// A bucket that is as `plan_for(&[ORIGIN], true)` has it.
fn right() -> BucketState {
    let plan = plan_for(&[ORIGIN], true);
    BucketState {
        lifecycle: Seen::Is(plan.lifecycle(true)),
        cors: Seen::Is(plan.cors().into_iter().collect()),
        public_access: Seen::Is(Vec::new()),
        versioning: Seen::Is(Versioning::On),
        may_drop_uploads: false,
    }
}

fn rules(state: &mut BucketState) -> &mut Vec<LifecycleRule> {
    match &mut state.lifecycle {
        Seen::Is(rules) => rules,
        other => panic!("{other:?}"),
    }
}

fn of_class(state: &mut BucketState) -> &mut LifecycleRule {
    let mut rules = rules(state).iter_mut();
    rules
        .find(|rule| rule.id == "crypt-keeper-class-64")
        .unwrap()
}

fn anothers(prefix: &str, days: u32) -> LifecycleRule {
    LifecycleRule {
        id: "tidy".to_owned(),
        prefix: prefix.to_owned(),
        is_enabled: true,
        is_narrowed: false,
        expiry: Some(ObjectExpiry::Days(days)),
        former_versions_after: None,
        uploads_end_after: None,
    }
}

/// What is not right after a change of a right bucket.
fn wrong(plan: &BucketPlan, change: impl FnOnce(&mut BucketState)) -> Vec<RuleStanding> {
    let mut state = right();
    change(&mut state);
    let mut standings = plan.compare(&state);
    standings.retain(|one| one.standing != Standing::Right);
    standings
}

type Change = fn(&mut BucketState);

/// Each difference there is: what is said, what is to be done, and how bad it is.
#[test]
fn each_difference_is_told_with_its_fix() {
    const SETUP: &str = "run `crypt-keeper setup`";
    const NOW: &str = "run `crypt-keeper setup` now, before the rule does";
    const CORS: &str = "run `crypt-keeper setup`; if it says that the store has no such rules, \
                        allow these origins where the store itself is configured (MinIO: \
                        MINIO_API_CORS_ALLOW_ORIGIN)";
    const ANOTHERS: &str = "the rule `tidy` is not ours, so setup leaves it: give it a prefix of its \
                            own that is neither `hold/` nor a number, or remove it";
    let cases: [(Change, &str, &str, Concern); 19] = [
        (
            |state| rules(state).retain(|rule| !rule.id.ends_with("class-64")),
            "no rule in force deletes the objects of retention class 64: they should go after 37 days\n\
             former versions of objects of retention class 64, or their delete markers, stay when \
             they have expired",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| of_class(state).is_enabled = false,
            "no rule in force deletes the objects of retention class 64: they should go after 37 days\n\
             former versions of objects of retention class 64, or their delete markers, stay when \
             they have expired",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| of_class(state).expiry = Some(ObjectExpiry::Days(36)),
            "a rule deletes the objects of retention class 64 after 36 days, while their documents \
             may be alive: they should go after 37 days",
            NOW,
            Concern::Loss,
        ),
        (
            |state| of_class(state).expiry = Some(ObjectExpiry::Days(38)),
            "objects of retention class 64 go after 38 days only: they should go after 37 days",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| of_class(state).prefix = "0/".to_owned(),
            "a rule deletes the objects of retention class 0 after 37 days, whose documents are kept \
             until they are deleted\n\
             no rule in force deletes the objects of retention class 64: they should go after 37 days\n\
             former versions of objects of retention class 64, or their delete markers, stay when \
             they have expired",
            NOW,
            Concern::Loss,
        ),
        (
            |state| {
                let rule = LifecycleRule {
                    id: "crypt-keeper-class-7".to_owned(),
                    prefix: "7/".to_owned(),
                    ..of_class(state).clone()
                };
                rules(state).push(rule);
            },
            "a rule deletes the objects of retention class 7 after 37 days, whose documents are kept \
             until they are deleted",
            NOW,
            Concern::Loss,
        ),
        (
            |state| of_class(state).former_versions_after = None,
            "former versions of objects of retention class 64, or their delete markers, stay when \
             they have expired",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| rules(state).retain(|rule| !rule.id.ends_with("markers")),
            "former versions of objects of retention class 64, or their delete markers, stay when \
             they have expired",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| rules(state).retain(|rule| rule.uploads_end_after.is_none()),
            "no rule ends uploads that were never finished, whose parts cost room",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| {
                state.may_drop_uploads = true;
                rules(state).retain(|rule| rule.uploads_end_after.is_none());
            },
            "no rule ends uploads that were never finished, whose parts cost room",
            "run `crypt-keeper setup`; a store that refuses this rule is one that drops them by \
             itself (MinIO: after a day) or must be looked after by its own means",
            Concern::None,
        ),
        (
            |state| rules(state).push(anothers("", 30)),
            "the rule `tidy` deletes what is under legal hold, and documents of retention class 0, \
             64, 255 after 30 days",
            ANOTHERS,
            Concern::Loss,
        ),
        (
            |state| rules(state).push(anothers("hold/0/20260301/", 400)),
            "the rule `tidy` deletes what is under legal hold after 400 days",
            ANOTHERS,
            Concern::Loss,
        ),
        (
            |state| {
                rules(state).push(LifecycleRule {
                    expiry: Some(ObjectExpiry::OnDate),
                    ..anothers("64/20260302/", 0)
                });
            },
            "the rule `tidy` deletes documents of retention class 64 on a certain day",
            ANOTHERS,
            Concern::Loss,
        ),
        (
            |state| state.cors = Seen::Is(Vec::new()),
            "no rule lets pages of https://documents.example put and get objects, and read their ETag",
            CORS,
            Concern::Warning,
        ),
        (
            |state| match &mut state.cors {
                Seen::Is(rules) => rules[0].exposed.clear(),
                other => panic!("{other:?}"),
            },
            "no rule lets pages of https://documents.example put and get objects, and read their ETag",
            CORS,
            Concern::Warning,
        ),
        (
            |state| match &mut state.cors {
                Seen::Is(rules) => rules[0].origins.push("https://former.example".to_owned()),
                other => panic!("{other:?}"),
            },
            "our rule lets pages of https://former.example in, which `blobs.s3.cors_origins` does \
             not name",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| {
                let open = vec![PublicAccess::NewAccessLists, PublicAccess::Policies];
                state.public_access = Seen::Is(open);
            },
            "public access is not blocked: BlockPublicAcls, RestrictPublicBuckets is off",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| state.versioning = Seen::Is(Versioning::Never),
            "versions are asked for, and not kept",
            SETUP,
            Concern::Warning,
        ),
        (
            |state| state.versioning = Seen::Is(Versioning::Suspended),
            "versions are asked for, and were suspended",
            SETUP,
            Concern::Warning,
        ),
    ];
    let plan = plan_for(&[ORIGIN], true);
    assert_eq!(wrong(&plan, |_| ()), []);
    for (change, said, fix, concern) in cases {
        let wrong = wrong(&plan, change);
        let words: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        assert_eq!(words.join("\n"), said);
        assert_eq!(wrong[0].fix().as_deref(), Some(fix), "{said}");
        assert_eq!(wrong[0].concern(), concern, "{said}");
    }
}

#[test]
fn what_the_store_has_not_is_told_and_is_no_failure() {
    let plan = plan_for(&[ORIGIN], true);
    let missing = wrong(&plan, |state| {
        *state = BucketState {
            lifecycle: Seen::NotImplemented,
            cors: Seen::NotImplemented,
            public_access: Seen::NotImplemented,
            versioning: Seen::NotImplemented,
            may_drop_uploads: true,
        };
    });
    let told: Vec<_> = missing
        .iter()
        .map(|one| (one.to_string(), one.concern()))
        .collect();
    let said = |words: &str| format!("the store cannot be told that {words}");
    assert_eq!(
        told,
        [
            (said("versions are kept"), Concern::Warning),
            (
                said("objects of retention class 64 go after 37 days"),
                Concern::Warning
            ),
            (
                said("former versions of retention class 64 go with them"),
                Concern::None
            ),
            (said("unfinished uploads end after 7 days"), Concern::None),
            (
                said(&format!("pages of {ORIGIN} may put and get objects")),
                Concern::None
            ),
            (said("public access is blocked"), Concern::None),
        ]
    );
    for one in missing {
        assert!(one.fix().is_some(), "{one}");
    }
}

#[test]
fn what_may_not_be_looked_at_is_told_with_the_right_that_lacks() {
    let plan = plan_for(&[ORIGIN], true);
    let unseen = wrong(&plan, |state| {
        let refused = || "access is denied".to_owned();
        *state = BucketState {
            lifecycle: Seen::Refused(refused()),
            cors: Seen::Refused(refused()),
            public_access: Seen::Refused(refused()),
            versioning: Seen::Refused(refused()),
            may_drop_uploads: true,
        };
    });
    let rights: Vec<_> = unseen.iter().map(|one| one.fix().unwrap()).collect();
    let right = |name: &str| format!("give the credentials {name} on the bucket");
    assert_eq!(
        rights,
        [
            right("s3:GetBucketVersioning"),
            right("s3:GetLifecycleConfiguration"),
            right("s3:GetLifecycleConfiguration"),
            right("s3:GetLifecycleConfiguration"),
            right("s3:GetBucketCORS"),
            right("s3:GetBucketPublicAccessBlock"),
        ]
    );
    assert_eq!(
        unseen[0].to_string(),
        "whether versions are kept, the store does not say: access is denied"
    );
}

/// Rules that were made by other means, as by a template, are as good as ours.
#[test]
fn rules_of_somebody_else_that_do_the_same_are_enough() {
    let plan = plan_for(&[ORIGIN], false);
    let wrong = wrong(&plan, |state| {
        let uploads = LifecycleRule {
            expiry: None,
            uploads_end_after: Some(3),
            ..anothers("", 0)
        };
        state.lifecycle = Seen::Is(vec![anothers("64/", 37), uploads]);
        state.versioning = Seen::Is(Versioning::Never);
        let mut cors = plan_for(&["*"], false).cors().unwrap();
        cors.id = None;
        state.cors = Seen::Is(vec![cors]);
    });
    assert_eq!(wrong, []);
}

/// Days are whole, and never fewer than a lifetime and a week.
#[test]
fn days_are_rounded_up_and_the_longest_lifetime_of_a_class_counts() {
    let class = RetentionClass::new(1);
    let days = |lifetimes: &[Lifetime]| {
        let lifetimes = lifetimes.iter().map(|lifetime| (class, *lifetime));
        BucketPlan::new(lifetimes, Vec::new(), false).expiry_days(class)
    };
    assert_eq!(days(&[lifetime(HOUR)]), Some(8));
    assert_eq!(days(&[lifetime(DAY)]), Some(8));
    assert_eq!(days(&[lifetime(DAY + 1)]), Some(9));
    assert_eq!(
        days(&[Lifetime::limited(Lifetime::MAX).unwrap()]),
        Some(36_507)
    );
    assert_eq!(days(&[lifetime(30 * DAY), lifetime(DAY)]), Some(37));
    assert_eq!(days(&[lifetime(DAY), lifetime(30 * DAY)]), Some(37));
    assert_eq!(days(&[lifetime(DAY), Lifetime::UNLIMITED]), None);
    assert_eq!(days(&[]), None);
}

/// A lifetime that was shortened, or given to a class that had none, is not yet the bucket's: the
/// documents of before would be without their objects.
#[test]
fn documents_of_before_keep_their_objects() {
    let class = RetentionClass::new(WEEKLY);
    let configured = RetentionPolicy {
        class,
        name: "weekly".parse().unwrap(),
        lifetime: lifetime(DAY),
    };
    let classes = RetentionClasses::new(vec![configured], None).unwrap();
    let at = Timestamp::from_millis(1_772_366_400_000);
    let entry = |class: u8, lifetime, state| PartitionEntry {
        partition: Partition::at(RetentionClass::new(class), at),
        state,
        lifetime,
        made_at: at,
        closed_at: None,
    };
    let days = |catalogue: &[PartitionEntry], class: u8| {
        let lifetimes = BucketPlan::lifetimes(&classes, catalogue);
        BucketPlan::new(lifetimes, Vec::new(), false).expiry_days(RetentionClass::new(class))
    };
    assert_eq!(days(&[], WEEKLY), Some(8));
    for state in [
        PartitionState::Open,
        PartitionState::Closed,
        PartitionState::Emptying,
    ] {
        assert_eq!(
            days(&[entry(WEEKLY, lifetime(30 * DAY), state)], WEEKLY),
            Some(37)
        );
        assert_eq!(
            days(&[entry(WEEKLY, Lifetime::UNLIMITED, state)], WEEKLY),
            None
        );
        // Of a class that is not configured any more.
        assert_eq!(days(&[entry(7, lifetime(30 * DAY), state)], 7), Some(37));
    }
    let gone = [entry(WEEKLY, Lifetime::UNLIMITED, PartitionState::Emptied)];
    assert_eq!(days(&gone, WEEKLY), Some(8));
}

#[test]
fn nothing_is_ever_deleted_under_a_hold() {
    for rule in plan_for(&[], true).lifecycle(true) {
        let deletes = rule.expiry.is_some() || rule.former_versions_after.is_some();
        let reaches = "hold/".starts_with(&rule.prefix) || rule.prefix.starts_with("hold/");
        assert!(!deletes || !reaches, "{rule:?}");
    }
}

fn context() -> CallContext {
    CallContext {
        caller: Caller::system(),
        at: Timestamp::from_millis(1_772_366_400_000),
        request_id: RequestId::parse("setup").unwrap(),
        address: None,
    }
}

async fn set(bucket: &Arc<MemoryBucketRules>, plan: &BucketPlan) -> Vec<RuleOutcome> {
    let rules = Arc::clone(bucket) as _;
    SetBucketRules { rules }
        .run(&context(), plan)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_fresh_bucket_is_set_up_once() {
    let bucket = Arc::new(MemoryBucketRules::new());
    let plan = plan_for(&[ORIGIN], true);
    let outcomes = set(&bucket, &plan).await;
    // That nobody else deletes documents was right.
    let unchanged: Vec<_> = outcomes.iter().filter(|one| !one.is_changed()).collect();
    assert_eq!(unchanged.len(), 1, "{unchanged:?}");
    assert_eq!(outcomes.len(), 7);
    let writes = bucket.writes();
    let again = set(&bucket, &plan).await;
    assert!(
        again
            .iter()
            .all(|one| one.after == Standing::Right && !one.is_changed())
    );
    assert_eq!(bucket.writes(), writes, "what is right is not written");
}

#[tokio::test]
async fn what_is_not_asked_for_any_more_is_taken_away() {
    let bucket = Arc::new(MemoryBucketRules::with(right()));
    let plan = BucketPlan::new([], Vec::new(), false);
    let outcomes = set(&bucket, &plan).await;
    assert!(
        outcomes.iter().all(|one| one.after == Standing::Right),
        "{outcomes:?}"
    );
    let changed = outcomes.iter().filter(|one| one.is_changed());
    let changed: Vec<_> = changed.map(|one| one.before.to_string()).collect();
    assert_eq!(
        changed,
        [
            "a rule deletes the objects of retention class 64 after 37 days, whose documents are \
             kept until they are deleted",
            "our rule lets pages of https://documents.example in, which `blobs.s3.cors_origins` \
             does not name",
        ]
    );
}

#[tokio::test]
async fn a_store_that_refuses_one_rule_is_given_the_others() {
    let bucket = Arc::new(MemoryBucketRules::new().refusing_upload_rules());
    let outcomes = set(&bucket, &plan_for(&[], false)).await;
    let refused: Vec<_> = outcomes
        .iter()
        .filter(|one| one.refused.is_some())
        .collect();
    assert_eq!(refused.len(), 1, "{outcomes:?}");
    assert_eq!(refused[0].refused.as_deref(), Some("MalformedXML"));
    let stays = Difference::UploadsStay {
        may_be_dropped: false,
    };
    assert_eq!(refused[0].after, Standing::Differs(stays));
    let others = outcomes.iter().filter(|one| one.refused.is_none());
    assert!(
        others.clone().all(|one| one.after == Standing::Right),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn rules_of_somebody_else_are_told_and_left() {
    let mut state = right();
    rules(&mut state).push(anothers("", 30));
    let bucket = Arc::new(MemoryBucketRules::with(state));
    let outcomes = set(&bucket, &plan_for(&[ORIGIN], true)).await;
    let left: Vec<_> = outcomes
        .iter()
        .filter(|one| one.after != Standing::Right)
        .collect();
    assert_eq!(left.len(), 1, "{outcomes:?}");
    assert_eq!(left[0].before.concern(), Concern::Loss);
    assert_eq!(bucket.writes(), 0);
}

#[tokio::test]
async fn a_store_that_goes_away_in_between_is_gone_on_with() {
    let plan = plan_for(&[ORIGIN], true);
    for calls in 0..6 {
        let bucket = Arc::new(MemoryBucketRules::new());
        bucket.faults().fail_after(calls, Fault::Unavailable);
        let rules = Arc::clone(&bucket) as _;
        let failed = SetBucketRules { rules }.run(&context(), &plan).await;
        assert!(
            matches!(failed, Err(Error::Unavailable(_))),
            "{calls}: {failed:?}"
        );
        bucket.faults().heal();
        let outcomes = set(&bucket, &plan).await;
        assert!(
            outcomes.iter().all(|one| one.after == Standing::Right),
            "{calls}: {outcomes:?}"
        );
    }
}

/// Unused by the plan, and told apart all the same: a rule for pages is ours by its name alone.
#[test]
fn our_rule_for_pages_is_known_by_its_name() {
    let mut rule = plan_for(&[ORIGIN], false).cors().unwrap();
    assert!(rule.is_ours());
    assert_eq!(rule.id.as_deref(), Some(CorsRule::OURS));
    rule.id = None;
    assert!(!rule.is_ours());
}
