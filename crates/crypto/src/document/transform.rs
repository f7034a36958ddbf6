//! What both directions have in common, for whoever drives them.

use std::ops::Range;

use crate::error::DocumentError;

/// Turns a stream into another one, a segment at a time, in a buffer of its own.
pub(crate) trait Transform {
    /// Takes from the front of `input`, which shrinks by what was taken, and answers where in the
    /// buffer a segment is when one is ready; until the next call.
    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Range<usize>>, DocumentError>;

    /// Ends the stream, and answers where the last segment is.
    fn close(&mut self) -> Result<Range<usize>, DocumentError>;

    /// A part of the buffer.
    fn bytes(&self, ready: Range<usize>) -> &[u8];
}
