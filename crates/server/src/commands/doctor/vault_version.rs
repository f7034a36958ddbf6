//! Which versions of HashiCorp Vault and OpenBao this program is made for.

use super::finding::Finding;

const CHECK: &str = "vault version";
/// What the API that is used here takes: HashiCorp Vault counts 1.x, OpenBao 2.x.
const OLDEST: (u32, u32) = (1, 14);
/// The newest major version whose API is known to be the same.
const NEWEST_MAJOR: u32 = 2;

/// What is wrong with a version, if anything is.
pub(super) fn judge(version: &str) -> Option<Finding> {
    match parse(version) {
        Some(found) if found < OLDEST => Some(Finding::warning(
            CHECK,
            format!(
                "version {version} is older than what this crypt-keeper is made for: HashiCorp \
                 Vault 1.14, OpenBao 2.0"
            ),
            "update Vault; before, try with a copy of this service whether all works",
        )),
        Some((major, _)) if major <= NEWEST_MAJOR => None,
        _ => Some(Finding::warning(
            CHECK,
            format!("version {version:?} is none that this crypt-keeper was tried with"),
            "try with a copy of this service whether all works: uploads, downloads, `crypt-keeper \
             keys rotate`",
        )),
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']);
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_unknown_versions_are_told() {
        for fine in ["1.14.0", "1.21.1+ent", "2.0.0", "2.4.1", "v2.5.0-beta1"] {
            assert_eq!(judge(fine), None, "{fine}");
        }
        for (version, says) in [
            ("1.13.9", "older than"),
            ("0.11.6", "older than"),
            ("3.0.0", "none that"),
            ("", "none that"),
            ("dev", "none that"),
        ] {
            let finding = judge(version).unwrap();
            assert!(finding.message.contains(says), "{version}: {finding:?}");
        }
    }
}
