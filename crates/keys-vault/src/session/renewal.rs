use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::token::{Lease, Token};
use super::{LOGIN_LIMIT, Shared};
use crate::classify::Failure;
use crate::config::AuthMethod;

/// Between attempts while Vault is away; a quarter of what is left of the lease, in these bounds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Renews the session's token at two thirds of each lease, until it is aborted.
pub(super) async fn keep_renewed(shared: Arc<Shared>) {
    loop {
        let current = shared.current();
        let lease = current.as_ref().and_then(|token| token.lease);
        let (Some(token), Some(lease)) = (current, lease) else {
            shared.changed.notified().await;
            continue;
        };
        let mut due = two_thirds(lease);
        loop {
            tokio::select! {
                () = sleep_until(due) => {}
                () = shared.changed.notified() => break,
            }
            if shared.renew(&token, lease).await {
                break;
            }
            let left = lease.ends().saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Whoever needs a token next logs in.
                shared.changed.notified().await;
                break;
            }
            due = Instant::now() + (left / 4).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        }
    }
}

fn two_thirds(lease: Lease) -> Instant {
    lease.from + lease.length / 3 * 2
}

impl Shared {
    /// Whether there is a new lease or a new token.
    async fn renew(self: &Arc<Self>, token: &Arc<Token>, lease: Lease) -> bool {
        if lease.is_renewable {
            let renewal = timeout(LOGIN_LIMIT, self.connection.renew(token)).await;
            match renewal.unwrap_or(Err(Failure::TimedOut)) {
                Ok(renewed) if self.is_worth_it(&renewed, lease) => {
                    self.install_if_current(token, renewed);
                    return true;
                }
                // Near the end of its longest life a token is given ever shorter leases.
                Ok(_) | Err(Failure::Denied | Failure::Status(400)) => {}
                Err(_) => return false,
            }
        }
        self.log_in(Some(Arc::clone(token))).await.is_ok()
    }

    fn is_worth_it(&self, renewed: &Token, lease: Lease) -> bool {
        match self.config.auth.method {
            // There is no other way to a token but the file, which is read when this one ends.
            AuthMethod::Token { .. } => true,
            _ => renewed
                .lease
                .is_none_or(|renewed| renewed.length >= lease.length / 2),
        }
    }

    fn install_if_current(&self, old: &Arc<Token>, new: Token) {
        if self.current().is_some_and(|now| Arc::ptr_eq(&now, old)) {
            self.install(new);
        }
    }
}
