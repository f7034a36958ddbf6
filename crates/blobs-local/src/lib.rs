//! A blob store in a folder, behind signed, expiring URLs.
