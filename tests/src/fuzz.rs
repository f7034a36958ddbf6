//! Generated input: few cases in an ordinary run, many in a soak; what once failed is tried first.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseResult, TestRunner};

/// Holds `law` over input of `strategy`: `cases` times as many as `CK_TEST_CYCLES` says, once by
/// default. Failures are written to `regressions`, a file to commit, and tried first from then on.
///
/// # Panics
/// With the smallest input that breaks the law.
pub fn hold<S: Strategy>(
    cases: u32,
    regressions: &'static str,
    strategy: &S,
    law: impl Fn(S::Value) -> TestCaseResult,
) {
    let cycles = crypt_keeper_test_services::cycles(1);
    let config = Config {
        cases: cases.saturating_mul(cycles),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    if let Err(broken) = TestRunner::new(config).run(strategy, law) {
        panic!("{broken}");
    }
}

/// A file of [`hold`]: beside the tests, in the folder for such files.
#[macro_export]
macro_rules! regressions {
    ($name:literal) => {
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/",
            $name,
            ".txt"
        )
    };
}
