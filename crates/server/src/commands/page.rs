//! Pages of long lists.

use std::fmt::Display;

use crypt_keeper_domain::model::PageLimit;

use super::Output;

/// Reads how many items a page is to have.
pub(super) fn parse_limit(text: &str) -> Result<PageLimit, String> {
    text.parse::<usize>()
        .ok()
        .filter(|count| (1..=PageLimit::MAX.get()).contains(count))
        .map(PageLimit::clamped)
        .ok_or_else(|| format!("a number from 1 to {} is needed", PageLimit::MAX.get()))
}

/// Says how to go on, if there is more.
pub(super) fn at_end(next: Option<impl Display>, output: &mut Output) {
    if let Some(next) = next {
        output.note(format_args!("There is more: go on with --after {next}"));
    }
}
