//! How many combinations of backends the main job is done on.

use crate::settings;

/// The variable that asks for every combination (`full`) instead of a set in which each two values
/// of two axes meet (`covering`, the default).
pub const MATRIX: &str = "CK_TEST_MATRIX";

/// Whether every combination of backends is asked for.
///
/// # Panics
/// If the variable is neither `full` nor `covering`, or if the calling test has no `matrix` in its
/// name: by that word `cargo xtask soak` finds it.
#[must_use]
pub fn whole_matrix() -> bool {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("main");
    // With --test-threads=1 the main thread runs the tests.
    assert!(
        name == "main" || name.contains("matrix"),
        "{name} obeys {MATRIX}: put the word `matrix` into its name for the soak run"
    );
    is_whole(settings::text(MATRIX).ok().flatten().as_deref())
}

fn is_whole(setting: Option<&str>) -> bool {
    let known = matches!(setting, None | Some("covering" | "full"));
    assert!(known, "{MATRIX} is {setting:?}; give `covering` or `full`");
    setting == Some("full")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_matrix_is_run_where_it_is_asked_for() {
        assert!(!is_whole(None));
        assert!(!is_whole(Some("covering")));
        assert!(is_whole(Some("full")));
    }

    #[test]
    #[should_panic(expected = "CK_TEST_MATRIX is Some(\"all\"); give `covering` or `full`")]
    fn another_word_is_refused() {
        let _ = is_whole(Some("all"));
    }

    #[test]
    #[should_panic(expected = "put the word `matrix` into its name")]
    fn a_test_that_soak_would_not_find_is_refused() {
        // A thread name stands for the test's.
        let found = std::thread::Builder::new()
            .name("the_main_job".into())
            .spawn(|| std::panic::catch_unwind(whole_matrix).err())
            .unwrap()
            .join()
            .unwrap();
        std::panic::resume_unwind(found.expect("it is refused"));
    }
}
