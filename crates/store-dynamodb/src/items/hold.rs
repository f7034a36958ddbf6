use crypt_keeper_domain::model::{DocumentId, Hold, HoldReason};
use crypt_keeper_domain::ports::StoreError;

use super::document::document_id;
use super::{Item, Reader, Writer, class_name, key};

/// The collection of all holds. They are few, and placed one by one.
pub(crate) const HOLDS: &str = "holds";
/// Set on a hold that is being taken off, entry after entry of its copy.
pub(crate) const ENDING: &str = "ending";

/// The sort key of a document's hold: in order of class and id.
pub(crate) fn hold_sort(id: DocumentId) -> String {
    format!("{}#{id}", class_name(id.class()))
}

pub(crate) fn hold_key(id: DocumentId) -> Item {
    key(HOLDS, hold_sort(id))
}

pub(crate) fn hold_item(hold: &Hold) -> Item {
    let mut item = hold_key(hold.document);
    item.extend(
        Writer::default()
            .uuid("document_id", hold.document.uuid())
            .text("reason", hold.reason.as_str())
            .time("placed_at", hold.placed_at)
            .maybe(hold.completed_at, |item, at| item.time("completed_at", at))
            .done(),
    );
    item
}

/// A hold, and whether it is being taken off.
#[derive(Clone, Debug)]
pub(crate) struct HoldItem {
    pub(crate) hold: Hold,
    pub(crate) is_ending: bool,
}

impl HoldItem {
    pub(crate) fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new("a hold", item);
        let reason = HoldReason::parse(reader.text("reason")?);
        Ok(Self {
            hold: Hold {
                document: document_id(reader.text("document_id")?)?,
                reason: reason.map_err(StoreError::corrupt)?,
                placed_at: reader.time("placed_at")?,
                completed_at: reader.maybe_time("completed_at")?,
            },
            is_ending: item.contains_key(ENDING),
        })
    }
}
