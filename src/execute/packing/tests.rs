//! What a new head holds of the promotion before it.

use super::*;
use crate::model::Sha256Digest;
use crate::model::bundle::unpack;
use crate::model::state_key::StateKey;
use serde_json::json;

fn key() -> BoundKey {
    StateKey::new([1; 32]).bind(crate::model::Uid::parse("u").as_ref(), "shop")
}

fn named_bundle(name: &str) -> PartBundle {
    PartBundle::named(name, true)
}

/// A journal with one part, or with none: one that was put back keeps none.
fn journal(id: &str, ending: &str, parts: &[&str]) -> Journal {
    let digest = Sha256Digest::compute(b"2");
    let parts: Vec<_> = parts.iter().map(|name| named_bundle(name)).collect();
    serde_json::from_value(json!({"id": id, "serial": 3, "release": {"name": "shop", "version": "1", "digest": digest},
        "namespace": "shop", "revision": 1, "actor": "me", "startedAt": "2026-01-01T00:00:00Z", "phase": "closed",
        "ending": ending, "message": "", "holder": "me", "parts": parts, "record": [], "steps": []}))
    .unwrap()
}

fn begun(current: Journal, previous: Option<Previous>) -> NewHead {
    let value = Head::new(current, previous);
    let old = Stored {
        value,
        uid: "u".into(),
        resource_version: "1".into(),
    };

    new_head(journal("new", "promoted", &["new"]), Some(old), &key()).unwrap()
}

#[test]
fn what_was_promoted_goes_into_a_bundle_that_the_head_names() {
    let mut promoted = journal("p1", "promoted", &["before p1"]);
    promoted.forget = vec![named_bundle("left over")];
    let new = begun(promoted.clone(), None);
    assert_eq!(new.head.current.forget, [named_bundle("left over")]);
    // What was left over is for the new journal to delete: the old one says nothing of it any more.
    promoted.forget.clear();

    let (bundle, parts) = new.earlier.unwrap();
    assert_eq!(
        unpack::<Journal>(&bundle, &parts, Some(&key())).unwrap(),
        promoted
    );

    assert!(
        !bundle.secret && bundle.names[0].starts_with("delivery-shop-last-"),
        "{:?}",
        bundle.names
    );

    let previous = new.head.previous.unwrap();
    assert_eq!(
        (previous.bundle, previous.parts),
        (Some(bundle), vec![named_bundle("before p1")])
    );
}

#[test]
fn after_a_failed_promotion_the_one_before_it_stays_where_it_is() {
    let previous = Previous {
        bundle: Some(named_bundle("last")),
        parts: vec![named_bundle("before p1")],
        journal: None,
    };
    // A failed one that was wholly put back keeps no parts: there is nothing to revert of it.
    let new = begun(journal("p2", "reverted", &[]), Some(previous.clone()));

    assert_eq!((new.head.previous, new.earlier.is_none()), (Some(previous), true));
}

#[test]
fn a_journal_that_lies_in_the_head_itself_moves_into_a_bundle() {
    let inside = Previous {
        bundle: None,
        parts: vec![named_bundle("before p1")],
        journal: Some(Box::new(journal("p1", "promoted", &["before p1"]))),
    };

    let new = begun(journal("p2", "reverted", &[]), Some(inside));

    let named = new.head.previous.and_then(|previous| previous.bundle);
    assert_eq!(named, new.earlier.map(|(bundle, _)| bundle));
    assert!(named.is_some());
}

#[test]
fn what_is_older_than_a_promotion_that_was_not_wholly_put_back_is_forgotten() {
    let previous = Previous {
        bundle: Some(named_bundle("last")),
        parts: vec![named_bundle("before p1")],
        journal: None,
    };
    // What is left of it needs its own pre-images, and nothing can be put back past it.
    let new = begun(journal("p2", "notFullyReverted", &["before p2"]), Some(previous));
    assert_eq!(
        new.head.current.forget,
        [named_bundle("before p1"), named_bundle("last")]
    );
    assert_eq!(new.head.previous.unwrap().parts, [named_bundle("before p2")]);
}
