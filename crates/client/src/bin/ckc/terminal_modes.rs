//! The modes of the terminal, kept while something changes them.

/// Puts the terminal's modes back when it is dropped.
#[cfg(unix)]
pub(crate) struct TerminalModes(Option<rustix::termios::Termios>);

#[cfg(unix)]
impl TerminalModes {
    /// Keeps the modes of now. Where standard input is no terminal there are none.
    pub(crate) fn restored_on_drop() -> Self {
        Self(rustix::termios::tcgetattr(std::io::stdin()).ok())
    }
}

#[cfg(unix)]
impl Drop for TerminalModes {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(modes) = &self.0 {
            // A terminal that is gone has no modes to put back.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, modes);
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct TerminalModes;

#[cfg(not(unix))]
impl TerminalModes {
    pub(crate) fn restored_on_drop() -> Self {
        Self
    }
}
