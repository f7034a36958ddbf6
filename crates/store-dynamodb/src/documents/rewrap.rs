use crypt_keeper_domain::model::{KeyState, Serial};
use crypt_keeper_domain::ports::{Rewrap, RewrapOutcome, StoreError};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::expression::Expression;
use crate::items::{document_key, number, numbers, wrap_attributes};
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

/// Rewraps that are under way at once: each is a transaction of its own.
const AT_ONCE: usize = 8;

#[derive(Clone, Copy, Debug)]
struct TheDocument;

impl Core {
    pub(crate) async fn rewrap(
        &self,
        rewraps: &[Rewrap],
    ) -> Result<Vec<RewrapOutcome>, StoreError> {
        let all: Vec<_> = rewraps.iter().map(|one| self.rewrap_one(one)).collect();
        stream::iter(all).buffered(AT_ONCE).try_collect().await
    }

    async fn rewrap_one(&self, rewrap: &Rewrap) -> Result<RewrapOutcome, StoreError> {
        let id = rewrap.document;
        let Some(item) = self.document_item(id).await? else {
            return Ok(RewrapOutcome::Missing);
        };
        if item.serial()? != rewrap.seen_serial {
            return Ok(RewrapOutcome::Stale);
        }
        self.ready_for(&rewrap.record).await?;
        let seen = self.clock.now();
        let left = self.pair(rewrap.seen_serial).await?;
        // Whether the document is whole is said by the pair that it leaves.
        item.wrapped_key(left.as_ref())?;
        let left_scope = left.as_ref().map(|pair| &pair.scope);
        if left_scope != Some(&rewrap.wrapped.scope)
            || !self.may_have_wrapped(&rewrap.wrapped).await?
        {
            return Ok(RewrapOutcome::KeyPairNotActive);
        }
        // A pair that is found compromised after this is met by the mark: the document keeps the
        // serials that it was ever wrapped under.
        let is_exposed = left.is_some_and(|pair| pair.state == KeyState::Compromised);
        let table = self.table_of(id);
        let committed = Transaction::new()
            .update(
                TheDocument,
                &table,
                document_key(id),
                &change(rewrap, rewrap.seen_serial, is_exposed),
            )
            .record(&self.calls.tables.audit(), &rewrap.record, 0)
            .commit(&self.calls, Some(self.pair_state_holds(seen)))
            .await?;
        Ok(match committed {
            Committed::Done => RewrapOutcome::Rewrapped,
            Committed::Refused(_) => RewrapOutcome::Stale,
        })
    }
}

fn change(rewrap: &Rewrap, seen: Serial, is_exposed: bool) -> Expression {
    let mut change = Expression::is_there()
        .and_is("key_serial", Some(number(seen.as_i64())))
        .add("former_serials", numbers([seen.as_i64()]));
    for (name, value) in wrap_attributes(&rewrap.wrapped) {
        change = change.set(&name, Some(value));
    }
    if is_exposed {
        change = change.set(
            "key_exposed",
            Some(aws_sdk_dynamodb::types::AttributeValue::Bool(true)),
        );
    }
    change
}
