//! Any file and any value: read, or refused in one line.

use crypt_keeper_server::config::{Environment, KEYS, load};
use proptest::prelude::*;

use crate::Case;

proptest! {
    #[test]
    fn any_file_is_read_or_refused_in_one_line(
        lines in prop::collection::vec(
            prop_oneof![
                "\\[(http|metadata|blobs|keys|v1|log|x)(\\.(tls|s3|postgres|sealed))?\\]",
                "(listen|backend|url|pool_size|format|filter|bucket|x) = (true|-?[0-9]{1,9}|\"[ -!#-Z^-~]{0,30}\"|\\[\\])",
                "\\PC{0,30}",
            ],
            0..8,
        ),
    ) {
        let case = Case::new(&lines.join("\n"));
        let read = load(Some(&case.file()), &Environment::default(), &[]);
        if let Err(error) = read {
            prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
        }
    }

    #[test]
    fn any_value_of_any_key_is_read_or_refused_in_one_line(
        key in prop::sample::select(KEYS),
        value in "\\PC{0,60}",
    ) {
        let case = Case::new("").set(key.name, &value);
        let read = load(Some(&case.file()), &Environment::default(), &case.overrides);
        if let Err(error) = read {
            prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
        }
    }
}
