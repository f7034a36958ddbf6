//! The laws of every port, as named tests that each adapter passes.
