//! Whom servers run as. PostgreSQL refuses root; as root it runs as `postgres`, else `nobody`.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::error::{Error, Result};

/// A user of this machine other than the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnixUser {
    uid: u32,
    gid: u32,
}

impl UnixUser {
    /// The user that takes root's place; `None` if the caller is not root.
    pub(crate) fn instead_of_root() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let path = Path::new("/etc/passwd");
        let users = fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find(&users, name))
            .map(Some)
            .ok_or_else(|| Error::Other("neither user `postgres` nor `nobody` exists: PostgreSQL refuses to run as root".into()))
    }

    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(|source| Error::file("change the owner of", path, source))
    }

    pub(crate) fn setpriv_arguments(&self) -> impl Iterator<Item = String> {
        [
            format!("--reuid={}", self.uid),
            format!("--regid={}", self.gid),
            "--clear-groups".to_owned(),
        ]
        .into_iter()
    }
}

fn find(users: &str, name: &str) -> Option<UnixUser> {
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [found, _, uid, gid, ..] if found == name => Some(UnixUser {
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
            }),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104::/:\n";
        assert_eq!(
            find(users, "postgres"),
            Some(UnixUser { uid: 101, gid: 104 })
        );
        assert_eq!(find(users, "nobody"), None);
    }
}
