//! The store of the service through its own API, without HTTP, keys and presigned URLs: what a
//! request asks of it, by as many tasks as there are requests at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crypt_keeper_domain::model::{
    Actor, ApiKeyId, AuditAction, AuditEntry, CallContext, Caller, Document, DocumentId, Entry,
    ObjectKey, PageLimit, PageRequest, Principal, Record, RequestId, RetentionClass, Rights,
};
use crypt_keeper_domain::ports::{
    DocumentFilter, InsertOutcome, MetadataStore, Release, ReleaseOutcome,
};

use super::open::{Store, now, random, with_store};
use super::{Result, print};

/// As many documents are asked for as a service's cache of pages would hold anyway.
const MOST_DOCUMENTS: usize = 10_000;

pub(crate) fn run(
    database: &str,
    api_key: &str,
    kind: &str,
    concurrency: &str,
    seconds: &str,
) -> Result<()> {
    let upload = match kind {
        "download" => false,
        "upload" => true,
        _ => return Err("download or upload is needed".into()),
    };
    let concurrency: usize = concurrency.parse()?;
    let time = Duration::from_secs(seconds.parse()?);
    let api_key = ApiKeyId::parse(api_key)?;
    let rate = with_store(database, |store| {
        measure(store, api_key, upload, concurrency, time)
    })?;
    print(rate)
}

async fn measure(
    store: Arc<dyn Store>,
    api_key: ApiKeyId,
    upload: bool,
    concurrency: usize,
    time: Duration,
) -> Result<f64> {
    let (_, user) = store
        .find_api_key(api_key)
        .await?
        .ok_or("no such API key")?;
    let caller = Caller::user(user.id, api_key);
    let documents = Arc::new(documents(&*store).await?);
    let began = Instant::now();
    let tasks: Vec<_> = (0..concurrency)
        .map(|number| {
            let requests = Requests {
                store: Arc::clone(&store),
                caller: caller.clone(),
                api_key,
                documents: Arc::clone(&documents),
            };
            tokio::spawn(async move { requests.send(number, upload, began, time).await })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

/// Documents that can be released.
async fn documents(store: &dyn MetadataStore) -> Result<Vec<Document>> {
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < MOST_DOCUMENTS {
        let request = PageRequest {
            after,
            limit: PageLimit::MAX,
        };
        let page = store.list(&DocumentFilter::Every, &request).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if found.is_empty() {
        return Err("no documents".into());
    }
    Ok(found)
}

struct Requests {
    store: Arc<dyn Store>,
    caller: Caller,
    api_key: ApiKeyId,
    documents: Arc<Vec<Document>>,
}

impl Requests {
    async fn send(
        &self,
        number: usize,
        upload: bool,
        began: Instant,
        time: Duration,
    ) -> Result<u32> {
        let mut count = 0;
        // A step that shares no factor with the number of documents visits all of them.
        let mut at = number * 7919;
        while began.elapsed() < time {
            at = at.wrapping_add(104_729);
            let document = &self.documents[at % self.documents.len()];
            let context = CallContext {
                caller: self.caller.clone(),
                at: now()?,
                request_id: RequestId::from_random(random()?),
                address: Some("127.0.0.1".to_owned()),
            };
            if upload {
                self.upload(&context, document).await?;
            } else {
                self.download(&context, document).await?;
            }
            count += 1;
        }
        Ok(count)
    }

    async fn download(&self, context: &CallContext, document: &Document) -> Result<()> {
        let caller = self.store.find_api_key(self.api_key).await?;
        let (key, user) = caller.ok_or("no such API key")?;
        let principals = &context.caller.principals;
        let found = self.store.find(document.id, principals).await?;
        let document = found.ok_or("no such document")?.document;
        let mut audit = AuditEntry::new(context, AuditAction::DocumentReleased, random()?);
        audit.document = Some(document.id);
        audit.rights = Some(Rights::READ);
        audit.serial = Some(document.wrapped_key.serial);
        let release = Release {
            document: document.id,
            need: Rights::READ,
            principals: principals.clone(),
            user: user.id,
            api_key: key.id,
            at: context.at,
        };
        let record = Record::from(audit);
        match self.store.record_release(&release, &record).await? {
            ReleaseOutcome::Recorded => Ok(()),
            ReleaseOutcome::Refused => Err("a release was refused".into()),
        }
    }

    async fn upload(&self, context: &CallContext, like: &Document) -> Result<()> {
        self.store.find_api_key(self.api_key).await?;
        let Actor::User { id: owner, .. } = context.caller.actor else {
            return Err("a user is needed".into());
        };
        let id = DocumentId::new(RetentionClass::DEFAULT, context.at, random()?);
        let document = Document {
            id,
            object_key: ObjectKey::new(id, random()?),
            created_at: context.at,
            ..like.clone()
        };
        let entry = Entry {
            document: id,
            principal: Principal::User(owner),
            rights: Rights::OWNER,
            granted_by: owner,
            granted_at: context.at,
            expires_at: None,
        };
        let mut audit = AuditEntry::new(context, AuditAction::DocumentCreated, random()?);
        audit.document = Some(id);
        audit.principal = Some(entry.principal);
        audit.rights = Some(entry.rights);
        audit.serial = Some(document.wrapped_key.serial);
        let record = Record::from(audit);
        match self.store.insert(&document, &entry, &record).await? {
            InsertOutcome::Inserted => Ok(()),
            other => Err(format!("an insert was refused: {other:?}").into()),
        }
    }
}
