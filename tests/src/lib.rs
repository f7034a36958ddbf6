//! End-to-end tests over the real server and real services.
