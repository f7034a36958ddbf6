//! What became of each of the bucket's own rules.

use crypt_keeper_domain::model::{Difference, RuleStanding, Standing};
use crypt_keeper_domain::usecase::RuleOutcome;
use serde::Serialize;

/// One rule, in words.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rule {
    /// What is asked of the bucket.
    rule: String,
    outcome: Outcome,
    /// What was found before, where that was something else; and the store's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    /// What is left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It was right already.
    Right,
    /// It was changed to what is asked.
    Changed,
    /// It would be.
    WouldChange,
    /// The store refused, or does not say.
    Refused,
    /// The store has no such thing.
    NotImplemented,
    /// It is somebody else's.
    Left,
}

impl Rule {
    /// What was done.
    pub(super) fn done(outcome: &RuleOutcome) -> Self {
        let changed = outcome.is_changed();
        let of_rule = |standing| RuleStanding {
            rule: outcome.before.rule.clone(),
            standing,
        };
        let now = of_rule(outcome.after.clone());
        Self {
            rule: now.rule.to_string(),
            outcome: if changed {
                Outcome::Changed
            } else {
                Outcome::of(&now.standing, Outcome::Refused)
            },
            found: match (&outcome.refused, changed) {
                (Some(why), _) => Some(why.clone()),
                (None, true) => Some(outcome.before.to_string()),
                (None, false) => found(&now),
            },
            // Setup itself is no way to mend what it has just been refused.
            fix: match &outcome.refused {
                Some(_) => of_rule(Standing::NotImplemented).fix(),
                None => now.fix(),
            },
        }
    }

    /// What would be done.
    pub(super) fn planned(before: &RuleStanding) -> Self {
        let outcome = Outcome::of(&before.standing, Outcome::WouldChange);
        Self {
            rule: before.rule.to_string(),
            outcome,
            found: found(before),
            fix: before.fix().filter(|_| outcome != Outcome::WouldChange),
        }
    }

    /// Its line.
    pub(super) fn line(&self) -> String {
        let rule = &self.rule;
        let found = self.found.as_deref().unwrap_or_default();
        let line = match self.outcome {
            Outcome::Right => format!("right already: {rule}"),
            Outcome::Changed => format!("changed: {rule} (before: {found})"),
            Outcome::WouldChange => format!("would change: {rule} (now: {found})"),
            Outcome::Refused => format!("refused: {rule}: {found}"),
            Outcome::NotImplemented => format!("not there: {found}"),
            Outcome::Left => format!("left: {found}"),
        };
        match &self.fix {
            Some(fix) => format!("{line}; fix: {fix}"),
            None => line,
        }
    }
}

impl Outcome {
    fn of(standing: &Standing, ours_to_mend: Self) -> Self {
        match standing {
            Standing::Right => Self::Right,
            Standing::Differs(Difference::OthersExpiry { .. }) => Self::Left,
            Standing::Differs(_) => ours_to_mend,
            Standing::NotImplemented => Self::NotImplemented,
            Standing::Unseen(_) => Self::Refused,
        }
    }
}

fn found(standing: &RuleStanding) -> Option<String> {
    (standing.standing != Standing::Right).then(|| standing.to_string())
}
