//! The one progress line.

use crypt_keeper_client::{Progress, Silent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

const BAR: &str = "{msg} {bar:25} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
const SPINNER: &str = "{msg} {spinner} {bytes}  {bytes_per_sec}";

/// A line that rewrites itself on a terminal; nothing elsewhere, or when quiet was asked for.
pub(crate) fn progress(what: &'static str, quiet: bool) -> Arc<dyn Progress> {
    if quiet || !std::io::stderr().is_terminal() {
        return Arc::new(Silent);
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    bar.set_message(what);
    Arc::new(ProgressLine(bar))
}

struct ProgressLine(ProgressBar);

impl Progress for ProgressLine {
    fn start(&self, total: Option<u64>) {
        let template = if total.is_some() { BAR } else { SPINNER };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style.progress_chars("=> "));
        }
        match total {
            Some(total) => self.0.set_length(total),
            None => self.0.unset_length(),
        }
        self.0.reset();
        self.0.enable_steady_tick(Duration::from_millis(200));
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        // An error message must not share its line.
        self.0.finish_and_clear();
    }
}
