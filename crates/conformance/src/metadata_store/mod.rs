//! Laws of [`MetadataStore`](crypt_keeper_domain::ports::MetadataStore).

mod access;
mod change;
mod insert;
mod pages;
mod release;
mod rewrap;
mod walk;

pub use access::{find_shows_only_the_callers_entries, grant_is_idempotent, revoked_is_gone};
pub use change::change_needs_the_seen_version;
pub use insert::{
    failed_insert_leaves_nothing, insert_needs_an_active_pair_of_the_same_scope,
    insert_refuses_ids_outside_the_window, inserted_is_found, one_of_many_inserts_wins,
};
pub use pages::pages_show_each_document_once;
pub use release::{
    a_release_is_judged_by_the_stores_clock_if_that_is_later, no_release_after_a_revoke,
    release_is_recorded_or_refused,
};
pub use rewrap::{
    exposed_stays_exposed, rewrap_changes_the_wrap_alone,
    rewrap_needs_the_seen_serial_and_an_active_pair, wrapped_documents_are_counted,
};
pub use walk::wraps_are_walked;

/// Makes a test of every law of `MetadataStore`; takes an expression whose future gives
/// `Option<impl StoreHarness>`.
#[macro_export]
macro_rules! metadata_store_laws {
    ($harness:expr) => {
        $crate::laws!(
            metadata_store,
            $harness,
            [
                inserted_is_found,
                failed_insert_leaves_nothing,
                one_of_many_inserts_wins,
                insert_needs_an_active_pair_of_the_same_scope,
                insert_refuses_ids_outside_the_window,
                find_shows_only_the_callers_entries,
                grant_is_idempotent,
                revoked_is_gone,
                release_is_recorded_or_refused,
                a_release_is_judged_by_the_stores_clock_if_that_is_later,
                no_release_after_a_revoke,
                pages_show_each_document_once,
                change_needs_the_seen_version,
                rewrap_needs_the_seen_serial_and_an_active_pair,
                rewrap_changes_the_wrap_alone,
                exposed_stays_exposed,
                wrapped_documents_are_counted,
                wraps_are_walked,
            ]
        );
    };
}
