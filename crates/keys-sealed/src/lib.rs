//! A key vault whose private halves are sealed under a master key.
