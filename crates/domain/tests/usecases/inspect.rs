use std::time::Duration;

use crypt_keeper_domain::model::{
    DocumentId, DocumentState, KeyState, PageLimit, PageRequest, RetentionClass,
};
use crypt_keeper_domain::ports::DocumentChange;
use crypt_keeper_domain::usecase::Which;

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
    assert_eq!(ids, [uploaded[1], uploaded[4]]);
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
