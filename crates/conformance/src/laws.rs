use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;

use crate::Harness;

/// Runs a law on a harness, and tears the harness down whether the law holds or not. Without a
/// harness there is nothing to run; whoever did not build it has said why.
///
/// # Panics
/// If the law does not hold.
pub async fn uphold<H: Harness>(harness: Option<H>, law: impl AsyncFnOnce(&H)) {
    let Some(harness) = harness else {
        return;
    };
    let outcome = AssertUnwindSafe(law(&harness)).catch_unwind().await;
    harness.teardown().await;
    if let Err(broken) = outcome {
        resume_unwind(broken);
    }
}

/// One test for each law of a module.
#[doc(hidden)]
#[macro_export]
macro_rules! laws {
    ($port:ident, $harness:expr, [$($law:ident),+ $(,)?]) => {
        mod $port {
            #[allow(unused_imports, reason = "the harness may be named by its whole path")]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $law() {
                    $crate::uphold($harness.await, async |harness| {
                        $crate::$port::$law(harness).await;
                    })
                    .await;
                }
            )+
        }
    };
}
