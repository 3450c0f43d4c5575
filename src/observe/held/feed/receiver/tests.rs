use super::*;
use crate::model::k8s::known_kind::KnownKind;

fn not_served() -> ApiError {
    ApiError::NotServed {
        resource: "replicasets.apps/v1".into(),
    }
}

fn watched() -> (Arc<Receiver>, Collection) {
    let receiver = Arc::new(Receiver::new(Arc::default(), |_| 0));
    let collection = Collection::new(&KnownKind::ReplicaSet.resource(), Some("shop"));
    receiver.begin(&collection);
    (receiver, collection)
}

#[test]
fn of_a_kind_that_the_server_never_knew_nothing_is_missed() {
    let (receiver, collection) = watched();
    receiver.failed(&collection, Some(Instant::now()), not_served());
    assert!(receiver.has_answered(&collection) && receiver.follows(&collection));
    assert!(receiver.take_news().watches.is_empty() && receiver.errors().is_empty());
}

#[test]
fn a_kind_that_the_server_does_not_know_any_more_is_an_error_until_it_is_back() {
    let (receiver, collection) = watched();
    let listed = || receiver.listed(&collection, &BTreeSet::new(), "1", Instant::now());
    listed();
    receiver.failed(&collection, Some(Instant::now()), not_served());
    assert!(!receiver.follows(&collection));
    assert_eq!(receiver.errors().into_values().collect::<Vec<_>>(), [1]);
    listed();
    let news = receiver.take_news().watches;
    let errors: Vec<_> = news.into_iter().map(|change| change.error).collect();
    assert_eq!(errors, [Some(not_served()), None]);
}
