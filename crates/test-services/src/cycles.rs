//! How often tests of crashes and outages repeat themselves.

use crate::settings;

/// The variable that sets the number of cycles: few by default, many in `cargo xtask soak`.
pub const CYCLES: &str = "CK_TEST_CYCLES";

/// How many cycles a crash or outage test runs: `CK_TEST_CYCLES` if set, else `few`.
///
/// # Panics
/// If the variable is no number above zero, or if the calling test has no `cycles` in its name: by
/// that word `cargo xtask soak` finds it.
#[must_use]
pub fn cycles(few: u32) -> u32 {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("main");
    // With --test-threads=1 the main thread runs the tests.
    assert!(
        name == "main" || name.contains("cycles"),
        "{name} repeats itself by {CYCLES}: put the word `cycles` into its name for the soak run"
    );
    asked(settings::text(CYCLES).ok().flatten().as_deref(), few)
}

fn asked(setting: Option<&str>, few: u32) -> u32 {
    let number = setting
        .map_or(Some(few), |text| text.parse().ok())
        .filter(|number| *number > 0);
    assert!(
        number.is_some(),
        "{CYCLES} is {setting:?}; give a number above zero"
    );
    number.unwrap_or(few)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_setting_the_cycles_of_a_test_are_few() {
        assert_eq!(asked(None, 10), 10);
        assert_eq!(asked(Some("100"), 10), 100);
    }

    #[test]
    #[should_panic(expected = "CK_TEST_CYCLES is Some(\"none\"); give a number above zero")]
    fn a_number_of_cycles_that_is_none_is_refused() {
        let _ = asked(Some("none"), 10);
    }

    #[test]
    #[should_panic(expected = "put the word `cycles` into its name")]
    fn a_test_that_soak_would_not_find_is_refused() {
        // A thread name stands for the test's.
        let found = std::thread::Builder::new()
            .name("survives_crashes".into())
            .spawn(|| std::panic::catch_unwind(|| cycles(1)).err())
            .unwrap()
            .join()
            .unwrap();
        std::panic::resume_unwind(found.expect("it is refused"));
    }
}
