//! One item that cannot be read hides no other.

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::model::{
    AuditAction, DocumentId, KeyState, PageLimit, PageRequest, Scope,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, DocumentFilter, MetadataStore as _, StoreError, Sweeps as _, WalkStep,
};

use crate::support::Site;

const TABLE: &str = "documents-000-20260301";

async fn lose(site: &Site, id: DocumentId, attribute: &str) {
    let update = site.client().update_item();
    update
        .table_name(format!("{}{TABLE}", site.prefix))
        .key("id", AttributeValue::S(id.to_string()))
        .key("item", AttributeValue::S("document".into()))
        .update_expression("REMOVE #lost")
        .expression_attribute_names("#lost", attribute)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_cannot_be_read_hides_no_other() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    for attribute in ["key_serial", "wrapped_key", "state", "owner", "version"] {
        let alice = scene.user("alice").await;
        let scope = Scope::Customer(alice.id);
        let pair = scene.pair(scope, KeyState::Active).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let id = scene.document(alice.id, &pair).await.id;
            let change = DocumentChange::ExpiresAt(Some(scene.make.at()));
            let record = scene.make.record_on(AuditAction::DocumentChanged, id);
            let changed = scene.store.change(id, 1, &change, &record).await;
            assert_eq!(changed.unwrap(), Change::Changed);
            ids.push(id);
        }
        ids.sort();
        lose(&site, ids[1], attribute).await;

        let owned = DocumentFilter::OwnedBy(alice.id);
        let page = scene.page(&owned, None, 10).await;
        let shown: Vec<_> = page.items.iter().map(|one| one.id).collect();
        assert_eq!(
            (shown, page.next),
            (vec![ids[2]], Some(ids[2])),
            "{attribute}"
        );
        for (filter, after) in [(owned.clone(), ids[2]), (DocumentFilter::Every, ids[0])] {
            let after = Some(after);
            let limit = PageLimit::clamped(10);
            let refused = site
                .store
                .list(&filter, &PageRequest { after, limit })
                .await;
            let is_corrupt = matches!(refused, Err(StoreError::Corrupt(_)));
            assert!(is_corrupt, "{attribute}: {refused:?}");
        }
        // Behind it.
        let page = scene.page(&owned, Some(ids[1]), 10).await;
        let shown: Vec<_> = page.items.iter().map(|one| one.id).collect();
        assert_eq!((shown, page.next), (vec![ids[0]], None), "{attribute}");

        // A walk gives a wrap or says in its place that it cannot; the count errs on the safe side.
        let step = WalkStep::default();
        let wraps = site.store.wraps_under(pair.serial, &step).await.unwrap();
        let found: Vec<_> = wraps
            .found
            .iter()
            .map(|(id, wrap)| (*id, wrap.is_ok()))
            .collect();
        let is_whole = matches!(attribute, "state" | "owner" | "version");
        assert_eq!(
            found,
            [(ids[0], true), (ids[1], is_whole), (ids[2], true)],
            "{attribute}"
        );
        let counted = site
            .store
            .count_wrapped_by(pair.serial, &step)
            .await
            .unwrap();
        assert_eq!(counted.count, 3, "{attribute}");
        let marked = site.store.mark_exposed(pair.serial, &step).await.unwrap();
        assert_eq!(marked.count, 3, "{attribute}");

        let page = PageRequest::default();
        let swept = site.store.expired_early(scene.make.at(), &page).await;
        let swept = swept.unwrap().items;
        let swept: Vec<_> = ids
            .iter()
            .filter(|id| swept.iter().any(|one| one.id == **id))
            .collect();
        assert!(
            swept.contains(&&ids[0]) && swept.contains(&&ids[2]),
            "{attribute}: {swept:?}"
        );
        // Out of the way of the next attribute.
        let delete = site.client().delete_item();
        delete
            .table_name(format!("{}{TABLE}", site.prefix))
            .key("id", AttributeValue::S(ids[1].to_string()))
            .key("item", AttributeValue::S("document".into()))
            .send()
            .await
            .unwrap();
        for id in [ids[0], ids[2]] {
            let record = scene.make.record_on(AuditAction::DocumentExpired, id);
            let removed = site.store.remove_document(id, 2, &record).await;
            assert_eq!(removed.unwrap(), Change::Changed);
        }
    }
    site.remove().await;
}
