//! Who is told how far it is.

/// Told of every part of an object that moved. Called from several threads.
pub trait Progress: Send + Sync {
    /// A transfer of `total` bytes starts, where that is known; also when it starts anew.
    fn start(&self, total: Option<u64>);
    /// So many more bytes moved.
    fn advance(&self, bytes: u64);
    /// All bytes moved; what is left is to confirm and to store.
    fn finish(&self);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
}
