//! The tables, as `migrations/` makes them; the same on both databases.

use crate::sql_types::Id;

diesel::table! {
    use diesel::sql_types::*;
    use super::Id;
    documents (retention_class, id) {
        retention_class -> SmallInt,
        id -> Id,
        state -> Text,
        version -> BigInt,
        owner -> Id,
        name -> Text,
        content_length -> BigInt,
        content_type -> Text,
        compressed -> Bool,
        format -> Text,
        wrap_algorithm -> Text,
        key_serial -> BigInt,
        wrapped_key -> Binary,
        key_commitment -> Binary,
        object_key -> Text,
        size -> Nullable<BigInt>,
        etag -> Nullable<Text>,
        version_id -> Nullable<Text>,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        hold -> Bool,
        key_exposed -> Bool,
        expires_early -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Id;
    entries (retention_class, document_id, principal_kind, principal_id) {
        retention_class -> SmallInt,
        document_id -> Id,
        principal_kind -> Text,
        principal_id -> Id,
        rights -> SmallInt,
        granted_by -> Id,
        granted_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Id;
    users (id) {
        id -> Id,
        name -> Text,
        state -> Text,
        created_at -> Timestamp,
        retention_class -> Nullable<SmallInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Id;
    api_keys (id) {
        id -> Text,
        user_id -> Id,
        digest -> Binary,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    key_pairs (serial) {
        serial -> BigInt,
        scope -> Text,
        algorithm -> Text,
        state -> Text,
        public_half -> Binary,
        created_at -> Timestamp,
        activated_at -> Nullable<Timestamp>,
        deactivated_at -> Nullable<Timestamp>,
        destroy_at -> Nullable<Timestamp>,
        former_state -> Nullable<Text>,
        destroyed_at -> Nullable<Timestamp>,
        version -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Id;
    audit (id) {
        id -> Id,
        at -> Timestamp,
        action -> Text,
        actor_kind -> Text,
        actor_id -> Nullable<Id>,
        actor_api_key -> Nullable<Text>,
        request_id -> Text,
        address -> Nullable<Text>,
        document_id -> Nullable<Id>,
        principal_kind -> Nullable<Text>,
        principal_id -> Nullable<Id>,
        rights -> Nullable<SmallInt>,
        user_id -> Nullable<Id>,
        api_key -> Nullable<Text>,
        key_serial -> Nullable<BigInt>,
        master_key -> Nullable<Text>,
        partition -> Nullable<Text>,
    }
}

diesel::table! {
    partitions (retention_class, start) {
        retention_class -> SmallInt,
        start -> Date,
        state -> Text,
        lifetime_seconds -> Nullable<BigInt>,
        made_at -> Timestamp,
        closed_at -> Nullable<Timestamp>,
        table_suffix -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Id;
    holds (retention_class, document_id) {
        retention_class -> SmallInt,
        document_id -> Id,
        reason -> Text,
        placed_at -> Timestamp,
        completed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    private_keys (serial) {
        serial -> BigInt,
        sealed -> Binary,
    }
}

diesel::table! {
    /// What diesel's migrations keep of themselves.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    documents, entries, key_pairs, users, api_keys, audit, partitions
);
