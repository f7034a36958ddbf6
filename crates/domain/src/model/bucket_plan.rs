use std::collections::BTreeMap;

use super::{
    BucketRule, BucketState, CorsRule, Difference, LifecycleRule, Lifetime, ObjectExpiry,
    PartitionEntry, PartitionState, RetentionClass, RetentionClasses, RuleStanding, Seen, Standing,
    Versioning,
};

const DAY: u64 = 24 * 60 * 60;

/// What a bucket should do by itself, and whom it should let in.
///
/// It is a net under the service, which itself deletes what has expired: what the service has not
/// deleted a week later, the bucket deletes. Under `hold/` nothing is ever deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPlan {
    lifetimes: BTreeMap<RetentionClass, Lifetime>,
    origins: Vec<String>,
    keeps_versions: bool,
}

impl BucketPlan {
    /// How many days after the end of a lifetime the bucket deletes what is left of it, and former
    /// versions after they became such.
    pub const GRACE_DAYS: u32 = 7;
    /// After how many days unfinished uploads end.
    pub const UPLOADS_END_AFTER: u32 = 7;
    /// Where the objects under a legal hold lie.
    pub const HOLD_PREFIX: &'static str = "hold/";

    /// A plan by the longest lifetime that documents of each class may have. `origins` are those
    /// of the web pages that clients run in; `keeps_versions`, whether what is overwritten or
    /// deleted is kept: where not, the bucket's own setting is left as it is.
    #[must_use]
    pub fn new(
        lifetimes: impl IntoIterator<Item = (RetentionClass, Lifetime)>,
        origins: Vec<String>,
        keeps_versions: bool,
    ) -> Self {
        let mut longest = BTreeMap::new();
        for (class, lifetime) in lifetimes {
            let known = longest.entry(class).or_insert(lifetime);
            *known = lifetime.max(*known);
        }
        // What was brought over is kept until it is deleted.
        longest.insert(RetentionClass::IMPORT, Lifetime::UNLIMITED);
        Self {
            lifetimes: longest,
            origins,
            keeps_versions,
        }
    }

    /// How long documents of each class may live: those of now by the configuration, and those
    /// that were uploaded under an earlier one by the catalogue. A lifetime that was shortened, or
    /// is the first of its class, must not cost the earlier ones their objects.
    #[must_use]
    pub fn lifetimes(
        classes: &RetentionClasses,
        catalogue: &[PartitionEntry],
    ) -> Vec<(RetentionClass, Lifetime)> {
        let configured = classes.policies().iter();
        let configured = configured.map(|policy| (policy.class, policy.lifetime));
        let has_objects = |state| {
            matches!(
                state,
                PartitionState::Open | PartitionState::Closed | PartitionState::Emptying
            )
        };
        let made = catalogue.iter().filter(|entry| has_objects(entry.state));
        let made = made.map(|entry| (entry.partition.class(), entry.lifetime));
        configured.chain(made).collect()
    }

    /// The days after which objects of a class go; `None` if they stay.
    #[must_use]
    pub fn expiry_days(&self, class: RetentionClass) -> Option<u32> {
        let limit = self.lifetimes.get(&class)?.limit()?;
        let days = limit.as_secs().div_ceil(DAY);
        Some(
            u32::try_from(days)
                .unwrap_or(u32::MAX)
                .saturating_add(Self::GRACE_DAYS),
        )
    }

    /// Our lifecycle rules, for a bucket that keeps versions or does not.
    #[must_use]
    pub fn lifecycle(&self, has_versions: bool) -> Vec<LifecycleRule> {
        let mut rules = Vec::new();
        for &class in self.lifetimes.keys() {
            let Some(days) = self.expiry_days(class) else {
                continue;
            };
            let name = format!("class-{class}");
            let rule = LifecycleRule::ours(&name, class_prefix(class));
            rules.push(LifecycleRule {
                expiry: Some(ObjectExpiry::Days(days)),
                former_versions_after: has_versions.then_some(Self::GRACE_DAYS),
                ..rule.clone()
            });
            if has_versions {
                // S3 takes the two kinds of expiry in one rule for no prefix.
                rules.push(LifecycleRule {
                    id: format!("{}-markers", rule.id),
                    expiry: Some(ObjectExpiry::Markers),
                    ..rule
                });
            }
        }
        rules.push(LifecycleRule {
            uploads_end_after: Some(Self::UPLOADS_END_AFTER),
            ..LifecycleRule::ours("unfinished-uploads", String::new())
        });
        rules
    }

    /// Our rule for web pages; `None` where clients run in none.
    #[must_use]
    pub fn cors(&self) -> Option<CorsRule> {
        (!self.origins.is_empty()).then(|| CorsRule::ours(&self.origins))
    }

    /// Whether versions are asked for.
    #[must_use]
    pub fn keeps_versions(&self) -> bool {
        self.keeps_versions
    }

    /// Whether a bucket has versions, or will have.
    #[must_use]
    pub fn has_versions(&self, state: &BucketState) -> bool {
        self.keeps_versions
            || match &state.versioning {
                Seen::Is(versioning) => *versioning != Versioning::Never,
                Seen::NotImplemented => false,
                // Rules for versions do no harm where there are none.
                Seen::Refused(_) => true,
            }
    }

    /// Compares a bucket with the plan, rule by rule.
    #[must_use]
    pub fn compare(&self, state: &BucketState) -> Vec<RuleStanding> {
        let mut standings = Vec::new();
        self.compare_versioning(state, &mut standings);
        self.compare_lifecycle(state, &mut standings);
        self.compare_cors(state, &mut standings);
        let open = standing(&state.public_access, |open| {
            (!open.is_empty()).then(|| Difference::Public(open.clone()))
        });
        standings.push(RuleStanding::new(BucketRule::PublicAccess, open));
        standings
    }

    fn compare_versioning(&self, state: &BucketState, standings: &mut Vec<RuleStanding>) {
        if !self.keeps_versions {
            return;
        }
        let found = standing(&state.versioning, |found| {
            (*found != Versioning::On).then_some(Difference::NoVersions(*found))
        });
        standings.push(RuleStanding::new(BucketRule::Versioning, found));
    }

    fn compare_lifecycle(&self, state: &BucketState, standings: &mut Vec<RuleStanding>) {
        let has_versions = self.has_versions(state);
        for &class in self.lifetimes.keys() {
            let days = self.expiry_days(class);
            let found = standing(&state.lifecycle, |rules| self.expiry_of(class, rules));
            if days.is_some() || matches!(found, Standing::Differs(_)) {
                standings.push(RuleStanding::new(BucketRule::Expiry(class, days), found));
            }
            if days.is_some() && has_versions {
                let found = standing(&state.lifecycle, |rules| versions_stay(class, rules));
                standings.push(RuleStanding::new(BucketRule::FormerVersions(class), found));
            }
        }
        if let Seen::Is(rules) = &state.lifecycle {
            self.compare_forgotten(rules, standings);
        }
        let uploads = standing(&state.lifecycle, |rules| {
            let ends = |rule: &LifecycleRule| {
                let days = rule.uploads_end_after;
                rule.covers("") && days.is_some_and(|days| days <= Self::UPLOADS_END_AFTER)
            };
            (!rules.iter().any(ends)).then_some(Difference::UploadsStay {
                may_be_dropped: state.may_drop_uploads,
            })
        });
        standings.push(RuleStanding::new(BucketRule::UnfinishedUploads, uploads));
        if let Seen::Is(rules) = &state.lifecycle {
            standings.extend(self.others(rules));
        }
    }

    fn expiry_of(&self, class: RetentionClass, rules: &[LifecycleRule]) -> Option<Difference> {
        let prefix = class_prefix(class);
        let planned = self.expiry_days(class);
        let days = |rule: &LifecycleRule| match rule.expiry {
            Some(ObjectExpiry::Days(days)) => Some(days),
            _ => None,
        };
        let ours = rules
            .iter()
            .filter(|rule| rule.is_ours() && rule.touches(&prefix));
        let soonest = ours.filter_map(days).min();
        let covering = rules.iter().filter(|rule| rule.covers(&prefix));
        let in_force = covering.filter_map(days).min();
        match (planned, soonest) {
            (None, Some(found)) => Some(Difference::ExpiryUnwanted { class, found }),
            (None, None) => None,
            (Some(planned), Some(found)) if found < planned => Some(Difference::ExpiryTooSoon {
                class,
                found,
                planned,
            }),
            (Some(planned), _) => match in_force {
                None => Some(Difference::ExpiryMissing { class, planned }),
                Some(found) if found > planned => Some(Difference::ExpiryTooLate {
                    class,
                    found,
                    planned,
                }),
                Some(_) => None,
            },
        }
    }

    /// Rules of ours for classes that are not configured any more, and have no documents. Whether
    /// they have none is known by the catalogue alone: so such a rule is one that goes.
    fn compare_forgotten(&self, rules: &[LifecycleRule], standings: &mut Vec<RuleStanding>) {
        for rule in rules.iter().filter(|rule| rule.is_ours()) {
            let Some(ObjectExpiry::Days(found)) = rule.expiry else {
                continue;
            };
            let number = rule
                .prefix
                .strip_suffix('/')
                .and_then(|text| text.parse().ok());
            let Some(class) = number.map(RetentionClass::new) else {
                continue;
            };
            if !self.lifetimes.contains_key(&class) {
                standings.push(RuleStanding::new(
                    BucketRule::Expiry(class, None),
                    Standing::Differs(Difference::ExpiryUnwanted { class, found }),
                ));
            }
        }
    }

    /// Rules of somebody else that would delete documents before their time, or held ones.
    fn others(&self, rules: &[LifecycleRule]) -> Vec<RuleStanding> {
        let mut standings = Vec::new();
        for rule in rules.iter().filter(|rule| !rule.is_ours()) {
            let after = match rule.expiry {
                Some(ObjectExpiry::Days(days)) => Some(days),
                Some(ObjectExpiry::OnDate) => None,
                Some(ObjectExpiry::Markers) | None => continue,
            };
            let too_soon = |class: &&RetentionClass| {
                let planned = self.expiry_days(**class);
                let in_time = planned
                    .zip(after)
                    .is_some_and(|(planned, after)| after >= planned);
                rule.touches(&class_prefix(**class)) && !in_time
            };
            let classes: Vec<_> = self.lifetimes.keys().filter(too_soon).copied().collect();
            let holds = rule.touches(Self::HOLD_PREFIX);
            if holds || !classes.is_empty() {
                standings.push(RuleStanding::new(
                    BucketRule::OthersRules,
                    Standing::Differs(Difference::OthersExpiry {
                        id: rule.id.clone(),
                        after,
                        holds,
                        classes,
                    }),
                ));
            }
        }
        if standings.is_empty() {
            standings.push(RuleStanding::new(BucketRule::OthersRules, Standing::Right));
        }
        standings
    }

    fn compare_cors(&self, state: &BucketState, standings: &mut Vec<RuleStanding>) {
        let found = standing(&state.cors, |rules| {
            let allowed = |origin: &&String| rules.iter().any(|rule| rule.allows(origin));
            let lacking: Vec<_> = self
                .origins
                .iter()
                .filter(|it| !allowed(it))
                .cloned()
                .collect();
            if !lacking.is_empty() {
                return Some(Difference::CorsLacks(lacking));
            }
            let ours = rules.iter().filter(|rule| rule.is_ours());
            let ours = ours.flat_map(|rule| &rule.origins);
            let surplus: Vec<_> = ours
                .filter(|it| !self.origins.contains(it))
                .cloned()
                .collect();
            (!surplus.is_empty()).then_some(Difference::CorsSurplus(surplus))
        });
        // Where no page is to be let in, a store without the call is as good as one that has it.
        if !self.origins.is_empty() || matches!(found, Standing::Differs(_)) {
            let rule = BucketRule::Cors(self.origins.clone());
            standings.push(RuleStanding::new(rule, found));
        }
    }
}

fn versions_stay(class: RetentionClass, rules: &[LifecycleRule]) -> Option<Difference> {
    let prefix = class_prefix(class);
    let covering = || rules.iter().filter(|rule| rule.covers(&prefix));
    let versions = covering().any(|rule| rule.former_versions_after.is_some());
    let markers = covering().any(|rule| rule.expiry == Some(ObjectExpiry::Markers));
    (!versions || !markers).then_some(Difference::VersionsStay { class })
}

fn class_prefix(class: RetentionClass) -> String {
    format!("{class}/")
}

fn standing<T>(seen: &Seen<T>, judge: impl FnOnce(&T) -> Option<Difference>) -> Standing {
    match seen {
        Seen::Is(found) => judge(found).map_or(Standing::Right, Standing::Differs),
        Seen::NotImplemented => Standing::NotImplemented,
        Seen::Refused(why) => Standing::Unseen(why.clone()),
    }
}
