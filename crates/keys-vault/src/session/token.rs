use std::fmt;
use std::time::Duration;

use crypt_keeper_secret::Zeroize as _;
use tokio::time::Instant;
use vaultrs::client::VaultClient;

/// A token of Vault's in a client that asks with it.
pub(crate) struct Token {
    client: VaultClient,
    /// When it was logged in for; renewals leave it.
    pub(super) since: Instant,
    pub(super) lease: Option<Lease>,
}

/// For how long a token is good; one without a lease does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) from: Instant,
    pub(super) length: Duration,
    pub(super) is_renewable: bool,
}

impl Lease {
    /// A lease that was asked for at a moment: it began no sooner, and so ends no sooner than is
    /// thought here, however late the answer came. Vault says 0 for a token that does not end.
    pub(super) fn new(asked_at: Instant, seconds: u64, is_renewable: bool) -> Option<Self> {
        (seconds > 0).then(|| Self {
            from: asked_at,
            length: Duration::from_secs(seconds),
            is_renewable,
        })
    }

    pub(super) fn ends(&self) -> Instant {
        self.from + self.length
    }
}

impl Token {
    pub(super) fn new(client: VaultClient, lease: Option<Lease>) -> Self {
        Self {
            client,
            since: Instant::now(),
            lease,
        }
    }

    pub(crate) const fn client(&self) -> &VaultClient {
        &self.client
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lease
            .is_some_and(|lease| lease.ends() <= Instant::now())
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.client.middle.token == other.client.middle.token
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.client.middle.token.zeroize();
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
