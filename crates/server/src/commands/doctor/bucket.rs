//! The bucket's own rules, against what they should be.

use crypt_keeper_domain::model::{Concern, RuleStanding, Standing};

use super::finding::Finding;
use crate::commands::administration::Administration;
use crate::commands::bucket;
use crate::config::Settings;
use crate::error::Chain;
use crate::wiring::Objects;

const CHECK: &str = "bucket rules";

/// Compares them, if objects lie in a bucket.
pub(super) async fn examine(
    settings: &Settings,
    admin: &Administration,
    objects: &Objects,
    findings: &mut Vec<Finding>,
) {
    let Some(rules) = objects.bucket_rules() else {
        return;
    };
    let catalogue = match bucket::catalogue(&admin.stores).await {
        Ok(catalogue) => catalogue,
        Err(error) => {
            findings.push(Finding::error(
                CHECK,
                Chain(&error).to_string(),
                "see what is said of the database",
            ));
            return;
        }
    };
    let Some(plan) = bucket::plan(settings, &catalogue) else {
        return;
    };
    match rules.look().await {
        Ok(state) => findings.extend(judge(&plan.compare(&state))),
        Err(error) => findings.push(Finding::error(
            CHECK,
            Chain(&error).to_string(),
            "see what is said of the objects",
        )),
    }
}

/// One finding for all that is right, and one for each rule that is not.
fn judge(standings: &[RuleStanding]) -> Vec<Finding> {
    let (right, others): (Vec<_>, Vec<_>) = standings
        .iter()
        .partition(|one| one.standing == Standing::Right);
    let right: Vec<_> = right.iter().map(ToString::to_string).collect();
    let mut findings = Vec::new();
    if !right.is_empty() {
        findings.push(Finding::ok(CHECK, right.join("; ")));
    }
    findings.extend(others.into_iter().map(finding));
    findings
}

fn finding(standing: &RuleStanding) -> Finding {
    let fix = standing.fix().unwrap_or_default();
    match standing.concern() {
        // Nothing need be done, and yet it is good to know.
        Concern::None => Finding::ok(CHECK, format!("{standing}: {fix}")),
        Concern::Warning => Finding::warning(CHECK, standing.to_string(), fix),
        Concern::Loss => Finding::error(CHECK, standing.to_string(), fix),
    }
}
