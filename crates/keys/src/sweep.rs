use std::time::Duration;

use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;

impl<H: PrivateHalves> LocalVault<H> {
    /// Takes private halves out of memory that have no business there any more: those as old as the
    /// hard TTL, whether or not anyone asks for them, and those of pairs whose state allows no
    /// release. Of a compromised pair one may come back for a rewrap, until the next sweep.
    pub async fn sweep(&self) {
        for serial in self.opened.sweep() {
            // Without an answer of the registry it stays: its age ends it.
            if let Ok(pair) = self.pairs.find(serial).await
                && !pair.state.may_release()
            {
                self.opened.forget(serial);
            }
        }
    }

    /// Sweeps again and again, until it is dropped.
    pub async fn keep_swept(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            self.sweep().await;
        }
    }
}
