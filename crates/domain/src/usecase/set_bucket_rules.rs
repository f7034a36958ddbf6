use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    BucketPlan, BucketRule, BucketState, CallContext, Difference, LifecycleRule, RuleStanding,
    Scopes, Seen, Standing,
};
use crate::ports::{BucketChange, BucketRules, Written};

/// Brings a bucket's own rules to what is planned.
#[derive(Clone, Debug)]
pub struct SetBucketRules {
    /// The bucket's rules.
    pub rules: Arc<dyn BucketRules>,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOutcome {
    /// How it stood before.
    pub before: RuleStanding,
    /// How it stands now.
    pub after: Standing,
    /// Why it was not changed, in the store's words, if the store refused.
    pub refused: Option<String>,
}

impl RuleOutcome {
    /// Whether it was changed to what is asked.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.before.standing != Standing::Right && self.after == Standing::Right
    }
}

/// The parts that the store takes whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Lifecycle,
    Cors,
    PublicAccess,
    Versioning,
}

impl SetBucketRules {
    /// Writes what differs, and looks again: a store may take a rule and drop it. What was right is
    /// not written, what belongs to somebody else is left, and what the store does not have or
    /// refuses is no failure: it is told.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] and the like, after some of it may be done:
    /// running it again goes on.
    pub async fn run(
        &self,
        context: &CallContext,
        plan: &BucketPlan,
    ) -> Result<Vec<RuleOutcome>, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let state = self.rules.look().await?;
        let before = plan.compare(&state);
        let mut refusals = Vec::new();
        let differs = |part: Part| {
            let mut fixable = before.iter().filter(|one| is_ours_to_mend(one));
            fixable.any(|one| part_of(&one.rule) == part)
        };
        // Which lifecycle rules there are depends on whether there are versions.
        for part in [
            Part::Versioning,
            Part::Lifecycle,
            Part::Cors,
            Part::PublicAccess,
        ] {
            if !differs(part) {
                continue;
            }
            let written = match part {
                Part::Versioning => self.rules.write(&BucketChange::KeepVersions).await?,
                Part::Lifecycle => self.write_lifecycle(plan, &state).await?,
                Part::Cors => self.rules.write(&BucketChange::Cors(plan.cors())).await?,
                Part::PublicAccess => self.rules.write(&BucketChange::BlockPublicAccess).await?,
            };
            match written {
                Written::Done => {}
                Written::NotImplemented => {
                    refusals.push((part, "the store does not have this call".to_owned()));
                }
                Written::Refused(why) => refusals.push((part, why)),
            }
        }
        let after = match before.iter().any(is_ours_to_mend) {
            true => plan.compare(&self.rules.look().await?),
            false => before.clone(),
        };
        Ok(outcomes(before, &after, &refusals))
    }

    /// A store that ends no unfinished uploads may refuse all of the rules for that one, as MinIO
    /// does. The others are worth more.
    async fn write_lifecycle(
        &self,
        plan: &BucketPlan,
        state: &BucketState,
    ) -> Result<Written, Error> {
        let all = plan.lifecycle(plan.has_versions(state));
        let without: Vec<_> = all
            .iter()
            .filter(|rule| rule.uploads_end_after.is_none())
            .cloned()
            .collect();
        let written = self.rules.write(&BucketChange::Lifecycle(all)).await?;
        let has_ours = matches!(
            &state.lifecycle,
            Seen::Is(found) if found.iter().any(LifecycleRule::is_ours)
        );
        if matches!(written, Written::Refused(_)) && (has_ours || !without.is_empty()) {
            let again = self.rules.write(&BucketChange::Lifecycle(without)).await?;
            // What the store said of the first is what is wrong with the one that was left out.
            return Ok(if again == Written::Done {
                written
            } else {
                again
            });
        }
        Ok(written)
    }
}

fn part_of(rule: &BucketRule) -> Part {
    match rule {
        BucketRule::Expiry(..)
        | BucketRule::FormerVersions(_)
        | BucketRule::UnfinishedUploads
        | BucketRule::OthersRules => Part::Lifecycle,
        BucketRule::Cors(_) => Part::Cors,
        BucketRule::PublicAccess => Part::PublicAccess,
        BucketRule::Versioning => Part::Versioning,
    }
}

fn is_ours_to_mend(standing: &RuleStanding) -> bool {
    match &standing.standing {
        Standing::Differs(difference) => !matches!(difference, Difference::OthersExpiry { .. }),
        Standing::Right | Standing::NotImplemented | Standing::Unseen(_) => false,
    }
}

fn outcomes(
    before: Vec<RuleStanding>,
    after: &[RuleStanding],
    refusals: &[(Part, String)],
) -> Vec<RuleOutcome> {
    let outcome = |before: RuleStanding| {
        let now = after.iter().find(|one| one.rule == before.rule);
        // A rule that should not be there, and is not any more, is not spoken of.
        let after = now.map_or(Standing::Right, |one| one.standing.clone());
        let refusal = refusals
            .iter()
            .find(|(part, _)| *part == part_of(&before.rule));
        let refused = refusal.filter(|_| is_ours_to_mend(&before) && after != Standing::Right);
        RuleOutcome {
            refused: refused.map(|(_, why)| why.clone()),
            before,
            after,
        }
    };
    before.into_iter().map(outcome).collect()
}
