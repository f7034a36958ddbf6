//! The access decision, a pure function of the entries, the caller, the need and the time.

use crate::model::{Entry, Principal, Rights, Timestamp};

/// What the access list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Allowed, by this entry.
    Allow(&'a Entry),
    /// Not allowed.
    Deny,
}

/// Whether one of `entries` that is live at `at` gives one of `principals` every right of `need`.
///
/// Rights of several entries are not added up: whoever has `read` from one and `share` from
/// another has both, but a need for both at once must be met by one entry, so that the audit log
/// can name it.
#[must_use]
pub fn decide<'a>(
    entries: &'a [Entry],
    principals: &[Principal],
    need: Rights,
    at: Timestamp,
) -> Decision<'a> {
    entries
        .iter()
        .find(|entry| {
            principals.contains(&entry.principal)
                && entry.rights.contains(need)
                && entry.is_live(at)
        })
        .map_or(Decision::Deny, Decision::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DocumentId, RetentionClass, UserId};

    const AT: u64 = 1_772_366_400_000;

    fn entry(user: u8, rights: Rights, expires_at: Option<Timestamp>) -> Entry {
        let at = Timestamp::from_millis(AT);
        let user = UserId::new(at, [user; 10]);
        Entry {
            document: DocumentId::new(RetentionClass::DEFAULT, at, [0; 10]),
            principal: Principal::User(user),
            rights,
            granted_by: user,
            granted_at: at,
            expires_at,
        }
    }

    #[test]
    fn an_entry_allows_its_principal_its_rights_while_it_lives() {
        let at = Timestamp::from_millis(AT);
        let alice = entry(1, Rights::OWNER, None);
        let bob = entry(2, Rights::V1_SHARE, Some(Timestamp::from_millis(AT + 1)));
        let entries = [alice.clone(), bob.clone()];
        let decide = |who: &Entry, need, at| decide(&entries, &[who.principal], need, at);

        assert_eq!(decide(&alice, Rights::SHARE, at), Decision::Allow(&alice));
        assert_eq!(decide(&bob, Rights::READ, at), Decision::Allow(&bob));
        assert_eq!(decide(&bob, Rights::SHARE, at), Decision::Deny);
        assert_eq!(
            decide(&bob, Rights::READ, Timestamp::from_millis(AT + 1)),
            Decision::Deny
        );
        assert_eq!(
            decide(&entry(3, Rights::OWNER, None), Rights::READ, at),
            Decision::Deny
        );
    }

    #[test]
    fn nobody_is_allowed_nothing() {
        let alice = entry(1, Rights::OWNER, None);
        let entries = [alice];
        let at = Timestamp::from_millis(AT);
        assert_eq!(decide(&entries, &[], Rights::NONE, at), Decision::Deny);
    }
}
