//! Metadata on PostgreSQL and SQLite.
