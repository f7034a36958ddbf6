//! An OpenBao of the flow's own, which has the private halves, and a proxy before it.

use crypt_keeper_test_services::{FaultProxy, OpenBao, OpenBaoOptions, require_or_skip};
use crypt_keeper_tests::{Engine, Installation, KeysInVault, Parts};
use serde_json::Value;

use crate::Known;

/// The roles of a service and its operator.
const ROLES: [&str; 3] = ["serve", "rotate", "destroy"];

pub(crate) struct InVault {
    // Fields drop in this order.
    pub(crate) proxy: FaultProxy,
    pub(crate) bao: OpenBao,
    pub(crate) keys: KeysInVault,
}

impl InVault {
    /// `None` if there is no OpenBao and tests may be skipped.
    pub(crate) fn start(engine: Engine) -> Option<Self> {
        // Its own: it is sealed and stopped.
        let bao = OpenBao::start(&OpenBaoOptions::default());
        let bao = require_or_skip("OpenBao", bao)?;
        Some(Self {
            proxy: FaultProxy::start(bao.access().socket().unwrap()).unwrap(),
            keys: KeysInVault::create(engine, bao.access()),
            bao,
        })
    }

    /// A new installation, not set up, with its private halves here.
    pub(crate) fn configure(&self, parts: &Parts, known: &mut Known) -> Installation {
        let mut installation = self.keys.configure(parts);
        let through = format!("http://{}", self.proxy.address());
        installation.set("KEYS__VAULT__ADDRESS", &through);
        self.hand_token(&mut installation, known, "Vault token", &ROLES);
        installation
    }

    /// Gives the installation another token, for all that it does.
    pub(crate) fn hand_good_token(&self, installation: &mut Installation, known: &mut Known) {
        self.hand_token(installation, known, "later Vault token", &ROLES);
    }

    /// Gives the installation a token of these roles, which is a secret from then on.
    pub(crate) fn hand_token(
        &self,
        installation: &mut Installation,
        known: &mut Known,
        what: &str,
        roles: &[&str],
    ) {
        let file = self.keys.hand_token(installation, roles);
        known.word_in_file(what, &file);
    }

    /// Asks OpenBao itself, as its administrator.
    pub(crate) fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        self.bao.access().must(method, path, body).unwrap()
    }
}
