use std::error::Error;

use diesel_async::sync_connection_wrapper::SpawnBlocking;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// The blocking threads of the store's runtime. diesel-async's own wrapper takes whichever runtime
/// polls it, and waits in `drop` in a way that panics on runtimes of one thread.
#[derive(Clone, Debug)]
pub(super) struct Blocking(pub(super) Handle);

impl SpawnBlocking for Blocking {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        let task = self.0.spawn_blocking(task);
        async move { task.await.map_err(Into::into) }.boxed()
    }

    fn get_runtime() -> Self {
        Self(Handle::current())
    }
}
