//! OpenBao, the open fork of HashiCorp Vault: KV v2, Transit, AppRole, policies, namespaces.

use std::path::PathBuf;

use super::go_main::GoMain;
use crate::cache::Cache;
use crate::error::Result;
use crate::workspace::workspace;

/// `go install` does not take it, for its module replaces others: so a `main` of our own calls its
/// command, and go.mod and go.sum pin the version.
const OPENBAO: GoMain = GoMain {
    place: "services",
    // It answers with it; vaultrs and the tests do not depend on it.
    variables: &[("github.com/openbao/openbao/version.fullVersion", "2.4.0")],
    patience: "once, 4 to 9 minutes",
};

pub(crate) fn program(cache: &Cache) -> Result<PathBuf> {
    let folder = workspace()?.join("crates/test-services/openbao");
    OPENBAO.program(cache, &folder)
}
