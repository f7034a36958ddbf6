//! cfn-lint: AWS's own schemas of resources, its lists of actions, and what references what.

use std::path::{Path, PathBuf};
use std::process::Command;

use crypt_keeper_test_services as services;

use super::evaluation::paths;
use crate::{python_program, read, repository};

/// Schemas differ a little by region.
const REGIONS: [&str; 3] = ["eu-central-1", "us-east-1", "ap-southeast-2"];

fn lint(linter: &Path, templates: &[PathBuf]) -> services::Result<String> {
    services::run(
        Command::new(linter)
            .arg("--regions")
            .args(REGIONS)
            // Advice, too, fails it.
            .args([
                "--include-checks",
                "I",
                "--non-zero-exit-code",
                "informational",
            ])
            .arg("--template")
            .args(templates),
    )
}

#[test]
fn cfn_lint_finds_nothing() {
    let Some(linter) = python_program("cfn-lint") else {
        return;
    };
    lint(&linter, &paths()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn cfn_lint_does_judge() {
    let Some(linter) = python_program("cfn-lint") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (template, good, bad, finding) in [
        ("roles", "- s3:GetObject\n", "- s3:GetObjet\n", "W3037"),
        ("storage", "BillingMode:", "BilingMode:", "E3002"),
        ("service", "!Ref TargetGroup}]", "!Ref Targets}]", "E1020"),
        (
            "service",
            "HealthCheckPath: /",
            "HealthCheckPath: ''#",
            "E3033",
        ),
    ] {
        let path = folder.path().join(format!("{template}.yaml"));
        let text = read(repository(&format!("deploy/aws/{template}.yaml")));
        assert!(text.contains(good), "{template}: {good}");
        std::fs::write(&path, text.replace(good, bad)).unwrap();
        let findings = lint(&linter, &[path]).unwrap_err().to_string();
        assert!(findings.contains(finding), "{bad}: {findings}");
    }
}
