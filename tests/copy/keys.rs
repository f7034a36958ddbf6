//! What becomes of private halves and of document keys.

use crypt_keeper_test_services::openbao;
use crypt_keeper_tests::{Blobs, Engine, Installation, KeysInVault, Metadata, Parts};

use crate::{give_master_key, moves};

/// From an installation without Vault into one with it, and the other way round.
fn moves_into_and_out_of(engine: Engine) {
    let Some(access) = openbao() else {
        return;
    };
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let vault = KeysInVault::create(engine, &access);
    let mut into = vault.configure(&parts);
    give_master_key(&mut into);
    moves(Installation::new(&Parts::embedded()), into);

    let vault = KeysInVault::create(engine, &access);
    moves(vault.set_up(&parts), Installation::new(&Parts::embedded()));
}

#[test]
fn private_halves_move_into_vault_and_out_of_it() {
    moves_into_and_out_of(Engine::Kv);
}

#[test]
fn document_keys_are_wrapped_anew_where_private_halves_cannot_move() {
    moves_into_and_out_of(Engine::Transit);
}

#[test]
fn keys_stay_in_the_transit_that_both_use() {
    let Some(access) = openbao() else {
        return;
    };
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let vault = KeysInVault::create(Engine::Transit, &access);
    let mut into = vault.configure(&parts);
    give_master_key(&mut into);
    moves(vault.set_up(&Parts::embedded()), into);
}
