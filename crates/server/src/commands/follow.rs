//! Work that takes its time, followed at a terminal.

use std::time::Duration;

use tokio::time::Instant;

use super::Output;

/// How often it says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Does the work; at a terminal shows a line of `say`, which is given how long it has taken so far.
pub(super) async fn follow<T>(
    work: impl Future<Output = T>,
    output: &mut Output,
    mut say: impl AsyncFnMut(Duration) -> Option<String>,
) -> T {
    tokio::pin!(work);
    let began = Instant::now();
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(TOLD_EVERY) => {}
        }
        if output.at_terminal()
            && let Some(line) = say(began.elapsed()).await
        {
            output.progress(line);
        }
    }
}
