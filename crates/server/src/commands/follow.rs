//! Work that takes its time, followed at a terminal.

use std::time::Duration;

use tokio::time::Instant;

use super::Output;

/// How often it says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Does the work; at a terminal shows a line of `say`, which is given how long it has taken so far.
/// The work goes on while `say` finds that out: it may hold what `say` waits for.
pub(super) async fn follow<T>(
    work: impl Future<Output = T>,
    output: &mut Output,
    mut say: impl AsyncFnMut(Duration) -> Option<String>,
) -> T {
    if !output.at_terminal() {
        return work.await;
    }
    tokio::pin!(work);
    let began = Instant::now();
    loop {
        let told = async {
            tokio::time::sleep(TOLD_EVERY).await;
            say(began.elapsed()).await
        };
        let line = tokio::select! {
            done = &mut work => return done,
            line = told => line,
        };
        if let Some(line) = line {
            output.progress(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;
    use tokio::time::{sleep, timeout};

    use super::*;

    /// Follows work of so many milliseconds; what stderr shows by then.
    async fn shown(milliseconds: u64, at_terminal: bool) -> String {
        let (mut output, results, notes) = Output::recorded(at_terminal);
        let work = async {
            sleep(Duration::from_millis(milliseconds)).await;
            "done"
        };
        let done = follow(work, &mut output, async |passed| {
            Some(format!("at it, {} s", passed.as_secs()))
        });
        assert_eq!(done.await, "done");
        assert_eq!(results.text(), "", "a line for a person among the results");
        notes.text()
    }

    #[tokio::test(start_paused = true)]
    async fn quick_work_says_nothing() {
        assert_eq!(shown(0, true).await, "");
        assert_eq!(shown(999, true).await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn long_work_says_every_second_how_far_it_is_on_one_line() {
        let line = |second: u32| format!("\rat it, {second} s\x1b[K");
        assert_eq!(shown(1500, true).await, line(1));
        assert_eq!(
            shown(3500, true).await,
            (1..=3).map(line).collect::<String>()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_told_where_there_is_no_terminal() {
        let (mut output, results, notes) = Output::recorded(false);
        let work = sleep(Duration::from_secs(60));
        follow(work, &mut output, async |_| panic!("it was asked")).await;
        assert_eq!((results.text(), notes.text()), Default::default());
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_nothing_to_say_is_asked_again() {
        let (mut output, _, notes) = Output::recorded(true);
        let work = sleep(Duration::from_millis(2500));
        follow(work, &mut output, async |passed: Duration| {
            (passed.as_secs() > 1).then(|| "half".to_owned())
        })
        .await;
        assert_eq!(notes.text(), "\rhalf\x1b[K");
    }

    /// As with a database of one connection, which the work has.
    #[tokio::test(start_paused = true)]
    async fn the_work_goes_on_while_it_is_asked_how_far_it_is() {
        let (mut output, _, notes) = Output::recorded(true);
        let connections = Semaphore::new(1);
        let work = async {
            let _connection = connections.acquire().await;
            sleep(Duration::from_millis(3500)).await;
        };
        let followed = follow(work, &mut output, async |_| {
            let _connection = connections.acquire().await;
            Some("free".to_owned())
        });
        let ended = timeout(Duration::from_secs(60), followed).await;
        assert!(
            ended.is_ok(),
            "the work and the question wait for each other"
        );
        assert_eq!(notes.text(), "");
    }

    /// The line that was written over stays above what comes next.
    #[tokio::test(start_paused = true)]
    async fn what_comes_after_begins_a_line_of_its_own() {
        let (mut output, results, notes) = Output::recorded(true);
        let work = sleep(Duration::from_millis(1500));
        follow(work, &mut output, async |_| Some("half".to_owned())).await;
        output.result("all").unwrap();
        output.note("and more");
        assert_eq!(results.text(), "all\n");
        assert_eq!(notes.text(), "\rhalf\x1b[K\nand more\n");
    }
}
