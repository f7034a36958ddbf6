//! Laws of [`KeyVault`](crypt_keeper_domain::ports::KeyVault).

mod life;
mod rewrap;
mod vault;
mod wraps;

pub use life::{
    create_never_overwrites, destroyed_opens_nothing, purpose_is_held_to_the_state,
    unwrap_works_after_rotation, wrap_needs_an_active_pair,
};
pub use rewrap::rewrapped_is_unwrapped;
pub use wraps::{
    a_flipped_bit_is_refused, another_documents_id_is_refused, another_pairs_serial_is_refused,
    wrapped_is_unwrapped, wrapping_twice_differs,
};

/// Makes a test of every law of `KeyVault`; takes an expression whose future gives
/// `Option<impl KeyVaultHarness>`.
#[macro_export]
macro_rules! key_vault_laws {
    ($harness:expr) => {
        $crate::laws!(
            key_vault,
            $harness,
            [
                wrapped_is_unwrapped,
                wrapping_twice_differs,
                a_flipped_bit_is_refused,
                another_documents_id_is_refused,
                another_pairs_serial_is_refused,
                unwrap_works_after_rotation,
                wrap_needs_an_active_pair,
                create_never_overwrites,
                destroyed_opens_nothing,
                purpose_is_held_to_the_state,
                rewrapped_is_unwrapped,
            ]
        );
    };
}
