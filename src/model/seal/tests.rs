//! States of head, inventory, seal and key, and what is said of them.

use super::*;
use crate::model::state_key::{KEY_BYTES, StateKey};
use serde_json::json;

fn key(byte: u8) -> BoundKey {
    StateKey::new([byte; KEY_BYTES]).bind(crate::model::Uid::parse("u").as_ref(), "shop")
}

fn map(text: &str) -> Object {
    Object::new(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": text}}),
    )
    .unwrap()
}

/// A head and an inventory under one key, as they lie there after a write.
struct State {
    head: Option<Object>,
    inventory: Option<Object>,
    seal: Option<Seal>,
    keys: Vec<BoundKey>,
    has_key: bool,
    outside: bool,
}

impl State {
    fn sealed() -> Self {
        let (head, inventory) = (map("head 1"), map("inventory 1"));
        let current = sealed(1, Some(&head), Some(&inventory));
        let seal = Seal {
            format_version: FormatVersion::default(),
            current,
            next: None,
        };
        Self {
            head: Some(head),
            inventory: Some(inventory),
            seal: Some(seal),
            keys: vec![key(1)],
            has_key: true,
            outside: false,
        }
    }

    fn check_integrity(&self) -> (Integrity, Option<Sealed>) {
        check_integrity(&Found {
            head: self.head.as_ref(),
            inventory: self.inventory.as_ref(),
            seal: self.seal.as_ref(),
            has_key: self.has_key,
            keys: &self.keys,
            outside: self.outside,
        })
    }

    fn altered(&self) -> String {
        match self.check_integrity() {
            (Integrity::Altered(why), None) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn sealed(sequence: u64, head: Option<&Object>, inventory: Option<&Object>) -> Sealed {
    let mac = |role, object: Option<&Object>| object.map(|object| seal_of(&key(1), role, object.value()));
    Sealed::new(
        &key(1),
        false,
        sequence,
        mac(Role::Head, head),
        mac(Role::Inventory, inventory),
    )
}

#[test]
fn a_state_fits_what_is_current_or_what_is_being_written_and_no_mixture() {
    let mut state = State::sealed();
    assert_eq!(state.check_integrity().0, Integrity::Sealed);
    let inventory = state.inventory.clone();

    // Sealed first, and not written yet.
    let next = sealed(2, Some(&map("head 2")), inventory.as_ref());

    state.seal.as_mut().unwrap().next = Some(next);
    assert_eq!(state.check_integrity().1.map(|state| state.sequence), Some(1));

    // Written, and the seal of it still to come.
    state.head = Some(map("head 2"));

    assert_eq!(state.check_integrity().1.map(|state| state.sequence), Some(2));

    // Neither of the two.
    state.head = Some(map("head 0"));
    assert_eq!(state.altered(), "its journal was changed");
}

type Change = fn(&mut State);

#[test]
fn whatever_is_gone_or_changed_is_altered_and_never_a_first_promotion() {
    let gone: [(Change, &str); 9] = [
        (|state| state.head = None, "its journal was deleted"),
        (|state| state.inventory = None, "its inventory was deleted"),
        // Both at once must not look like a beginning.
        (
            |state| (state.head, state.inventory) = (None, None),
            "its journal was deleted",
        ),
        (|state| state.seal = None, "its seal was deleted"),
        // The key alone is left.
        (
            |state| (state.head, state.inventory, state.seal) = (None, None, None),
            "its seal was deleted",
        ),
        (
            |state| state.inventory = Some(map("inventory 2")),
            "its inventory was changed",
        ),
        // Each under the name of the other.
        (
            |state| std::mem::swap(&mut state.head, &mut state.inventory),
            "its journal was changed",
        ),
        // Counted on by hand.
        (
            |state| state.seal.as_mut().unwrap().current.sequence = 9,
            "its seal belongs to another namespace or another program",
        ),
        // Cut down to what lies there by hand.
        (
            |state| state.seal.as_mut().unwrap().current.head = None,
            "its seal belongs to another namespace or another program",
        ),
    ];
    for (change, why) in gone {
        let mut state = State::sealed();
        change(&mut state);
        assert_eq!(state.altered(), why);
    }

    let mut state = State::sealed();
    (state.keys, state.has_key) = (Vec::new(), false);
    assert_eq!(state.altered(), format!("its key {} was deleted", key(1).id()));
}

#[test]
fn a_state_without_seal_and_key_is_unsealed_and_none_is_none() {
    let mut state = State::sealed();
    (state.seal, state.keys, state.has_key) = (None, Vec::new(), false);

    assert_eq!(state.check_integrity().0, Integrity::Unsealed);

    (state.head, state.inventory) = (None, None);
    assert_eq!(state.check_integrity().0, Integrity::None);
}

#[test]
fn a_run_that_was_killed_before_its_first_write_left_no_state() {
    let seal = Seal {
        format_version: FormatVersion::default(),
        current: sealed(0, None, None),
        next: None,
    };
    let mut state = State {
        seal: Some(seal),
        head: None,
        inventory: None,
        ..State::sealed()
    };

    // A seal and a key, and nothing under them.
    assert_eq!(state.check_integrity().0, Integrity::None);
    // It did not get to the key either.
    (state.keys, state.has_key) = (Vec::new(), false);
    assert_eq!(state.check_integrity().0, Integrity::None);

    // An object without the key to its seal is no first promotion.
    state.head = Some(map("head 1"));
    assert_eq!(state.altered(), format!("its key {} was deleted", key(1).id()));
}

#[test]
fn a_key_outside_is_neither_replaced_by_one_in_the_cluster_nor_guessed() {
    let mut state = State::sealed();
    // Given one from outside, while a key of the cluster has sealed it.
    state.outside = true;
    assert_eq!(
        state.altered(),
        "sealed with a key in the cluster, not with the given one"
    );

    let (head, inventory) = (state.head.clone().unwrap(), state.inventory.clone().unwrap());
    let current = Sealed::new(
        &key(1),
        true,
        1,
        Some(seal_of(&key(1), Role::Head, head.value())),
        Some(seal_of(&key(1), Role::Inventory, inventory.value())),
    );

    state.seal = Some(Seal {
        format_version: FormatVersion::default(),
        current,
        next: None,
    });
    assert_eq!(state.check_integrity().0, Integrity::Sealed);

    // Another one from outside.
    state.keys = vec![key(2)];
    assert!(state.altered().contains("not with the given one"));

    // None: nothing is guessed, and nothing is called altered.
    state.outside = false;
    assert!(matches!(state.check_integrity().0, Integrity::NotVerified(why) if why.contains("--state-key")));
}

#[test]
fn what_is_only_there_for_people_is_sealed_too_and_the_order_of_keys_is_not() {
    let of = |body: Value| seal_of(&key(1), Role::Head, &body);
    let one = of(json!({"data": {"a": "1", "b": "2"}, "binaryData": {"journal": "eA=="}}));

    // The server gives keys back in an order of its own.
    assert_eq!(
        one,
        of(json!({"binaryData": {"journal": "eA=="}, "data": {"b": "2", "a": "1"}}))
    );

    for other in [
        json!({"data": {"a": "1", "b": "3"}, "binaryData": {"journal": "eA=="}}),
        // A text that has changed its section.
        json!({"data": {"a": "1"}, "binaryData": {"b": "2", "journal": "eA=="}}),
        // The same bytes, cut elsewhere between key and value.
        json!({"data": {"a1": "", "b": "2"}, "binaryData": {"journal": "eA=="}}),
        json!({"data": {"a": "1", "b": "2"}}),
    ] {
        assert_ne!(one, of(other.clone()), "{other}");
    }
}
