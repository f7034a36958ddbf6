use std::time::Duration;

use crypt_keeper_domain::model::{
    DocumentId, DocumentState, KeyState, PageLimit, PageRequest, RetentionClass,
};
use crypt_keeper_domain::ports::DocumentChange;
use crypt_keeper_domain::usecase::{MarkExposed, Which};

use crate::house::{House, refusal, user_name};

#[tokio::test]
async fn an_operator_sees_documents_page_by_page_with_their_owners() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let mut uploaded = Vec::new();
    for who in [&alice, &bob, &alice, &alice, &bob] {
        house.clock.advance(Duration::from_millis(1));
        uploaded.push(house.uploaded(who).await);
    }
    let operator = house.operator();
    let mut page = PageRequest {
        after: None,
        limit: PageLimit::clamped(2),
    };
    let (mut seen, mut owners) = (Vec::new(), Vec::new());
    loop {
        let answer = house.inspect().list(&operator, Which::All, &page).await;
        let (documents, names) = answer.unwrap();
        for document in &documents.items {
            seen.push(document.id);
            owners.push(names[&document.owner].to_string());
        }
        match documents.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, uploaded);
    assert_eq!(owners, ["alice", "bob", "alice", "alice", "bob"]);

    let name = user_name("bob");
    let whole = PageRequest::default();
    let answer = house
        .inspect()
        .list(&operator, Which::OwnedBy(&name), &whole)
        .await;
    let (documents, _) = answer.unwrap();
    let ids: Vec<_> = documents.items.iter().map(|document| document.id).collect();
    assert_eq!(ids, [uploaded[4], uploaded[1]], "the newest first");
    let nobody = user_name("nobody");
    let answer = house
        .inspect()
        .list(&operator, Which::OwnedBy(&nobody), &whole)
        .await;
    assert_eq!(refusal(answer), "NoSuchUser");
}

#[tokio::test]
async fn one_document_is_shown_with_its_people_whatever_its_state() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    house.person("bob").await;
    let id = house.uploaded(&alice).await;
    house.share(&alice, id, "bob").await.unwrap();
    let gone = DocumentChange::State(DocumentState::Deleted);
    house.change_document(id, gone).await;
    let past = DocumentChange::ExpiresAt(Some(house.now()));
    house.change_document(id, past).await;
    house.set_pair_state(KeyState::Compromised).await;

    let details = house.inspect().show(&house.operator(), id).await.unwrap();
    assert_eq!(details.document.id, id);
    assert_eq!(details.document.state, DocumentState::Deleted);
    assert_eq!(details.key_state, KeyState::Compromised);
    assert_eq!(details.entries.len(), 2);
    let mut names: Vec<_> = details.names.values().map(ToString::to_string).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "bob"]);

    let never = DocumentId::new(RetentionClass::DEFAULT, house.now(), [9; 10]);
    let answer = house.inspect().show(&house.operator(), never).await;
    assert_eq!(refusal(answer), "NoSuchDocument");
}

#[tokio::test]
async fn users_do_not_inspect_not_even_their_own() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let id = house.uploaded(&alice).await;
    let context = house.of(&alice);
    let inspect = house.inspect();
    let page = PageRequest::default();
    let listed = inspect.list(&context, Which::All, &page).await;
    assert_eq!(refusal(listed), "Forbidden");
    assert_eq!(refusal(inspect.show(&context, id).await), "Forbidden");
}

#[tokio::test]
async fn exposed_documents_are_shown_owner_by_owner() {
    let house = House::new().await;
    let (bob, alice) = (house.person("bob").await, house.person("alice").await);
    let mut exposed = Vec::new();
    for _ in 0..5 {
        exposed.push(house.uploaded(&alice).await);
        house.clock.advance(Duration::from_millis(1));
    }
    let bobs = house.uploaded(&bob).await;
    let serial = house.active_pair().await.serial;
    house.set_pair_state(KeyState::Compromised).await;
    house.rotate().await.unwrap();
    for _ in 0..3 {
        house.uploaded(&alice).await;
    }
    let mark = MarkExposed {
        registry: house.store.clone(),
        store: house.store.clone(),
    };
    let operator = house.operator();
    assert_eq!(mark.run(&operator, serial).await.unwrap(), 6);

    let inspect = house.inspect();
    let owners = inspect.exposed_owners(&operator).await.unwrap();
    let owners: Vec<_> = owners
        .iter()
        .map(|one| (one.name.as_ref().unwrap().as_str(), one.documents))
        .collect();
    assert_eq!(owners, [("alice", 5), ("bob", 1)]);
    let page_of = async |name: &str, after, limit| {
        let limit = PageLimit::clamped(limit);
        let name = user_name(name);
        let which = Which::KeyExposedOf(&name);
        let page = PageRequest { after, limit };
        let page = inspect.list(&operator, which, &page).await;
        let (page, _) = page.unwrap();
        let ids: Vec<_> = page.items.iter().map(|document| document.id).collect();
        (ids, page.next)
    };
    let mut found = Vec::new();
    let mut after = None;
    for expected in [2, 2, 1] {
        let (ids, next) = page_of("alice", after, 2).await;
        assert_eq!(ids.len(), expected);
        found.extend(ids);
        after = next;
    }
    exposed.reverse();
    assert_eq!((found, after), (exposed, None), "the newest first");
    assert_eq!(page_of("bob", None, 1).await, (vec![bobs], None));
    let answer = inspect.exposed_owners(&house.of(&alice)).await;
    assert_eq!(refusal(answer), "Forbidden");
}
