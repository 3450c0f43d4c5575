//! Which tested object is which desired one, whatever an overlay did to namespaces and names: kustomize's prefixes, suffixes
//! and the hashes of generated ConfigMaps and Secrets.
//!
//! Equal names are paired before anything is derived, and what could be one of two tested objects is paired with none:
//! an object without a pair is told as untested as a whole, a wrong pair would hide what differs. The renames that
//! pairs show are also how texts that mention an object are read.

use crate::model::{Object, ObjectId};
use std::collections::{BTreeMap, HashMap};

/// How tested objects are called here.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairing {
    /// Index of the tested object of each desired one.
    pub tested: Vec<Option<usize>>,
    /// Names and namespaces as tested → as here, where they differ.
    pub renamed: BTreeMap<String, Vec<String>>,
}

/// Pairs each desired object with at most one tested one. Both carry their namespaces; tested's are already mapped.
/// `required` are names of what tested needs and does not hold; overlays rename it with the rest.
pub(super) fn pair(
    tested: &[ObjectId],
    desired: &[ObjectId],
    required: &[ObjectId],
    namespaces: &BTreeMap<String, String>,
) -> Pairing {
    let mut pairing = Pairing {
        tested: vec![None; desired.len()],
        renamed: BTreeMap::new(),
    };
    // Host names and arguments mention namespaces as well.
    for (from, to) in namespaces {
        pairing.add_name(from, to);
    }

    let mut free = vec![true; tested.len()];
    pairing.pair_equal(tested, desired, &mut free);

    let (tested, desired) = (Side::new(tested), Side::new(desired));
    // No object has this name, so that no pair can tell how it is called here.
    for id in required {
        let here = desired.affixes.around(&tested.affixes.stem(id).name);
        pairing.add_name(&id.name, &here);
    }
    pairing.pair_by_stem(&tested, &desired, &mut free);

    pairing
}

impl Pairing {
    fn add_name(&mut self, tested: &str, here: &str) {
        if tested != here {
            let names = self.renamed.entry(tested.to_owned()).or_default();
            names.push(here.to_owned());
        }
    }

    /// Namespaces are mapped already, so that an equal identity means the same object.
    fn pair_equal(&mut self, tested: &[ObjectId], desired: &[ObjectId], free: &mut [bool]) {
        let by_id: HashMap<&ObjectId, usize> = tested.iter().zip(0..).collect();

        for (slot, id) in self.tested.iter_mut().zip(desired) {
            if let Some(index) = by_id.get(id) {
                *slot = Some(*index);
                free[*index] = false;
            }
        }
    }

    /// Pairs what is left by what its name is without an overlay's additions.
    fn pair_by_stem(&mut self, tested: &Side<'_>, desired: &Side<'_>, free: &mut [bool]) {
        let mut by_stem: BTreeMap<ObjectId, Vec<usize>> = BTreeMap::new();
        for (index, id) in tested.ids.iter().enumerate().filter(|(index, _)| free[*index]) {
            by_stem.entry(tested.affixes.stem(id)).or_default().push(index);
        }

        for (slot, id) in desired.ids.iter().enumerate() {
            // Two of the same stem cannot be told apart: neither is paired.
            let Some([index]) = by_stem.get(&desired.affixes.stem(id)).map(Vec::as_slice) else {
                continue;
            };
            // The first in desired's order takes it: a second one of the same stem is told as untested.
            if self.tested[slot].is_none() && free[*index] {
                self.tested[slot] = Some(*index);
                free[*index] = false;
                self.add_name(&tested.ids[*index].name, &id.name);
            }
        }
    }
}

/// The objects of one side, and what its overlay adds to their names.
struct Side<'a> {
    ids: &'a [ObjectId],
    affixes: Affixes,
}

impl<'a> Side<'a> {
    fn new(ids: &'a [ObjectId]) -> Self {
        let affixes = Affixes::new(ids);
        Self { ids, affixes }
    }
}

/// The overlay's prefix and suffix: what all names have in common, to the dash.
struct Affixes {
    prefix: String,
    suffix: String,
}

/// Kinds whose names kustomize leaves alone.
fn is_prefixed(id: &ObjectId) -> bool {
    !matches!(
        id.kind.as_str(),
        "Namespace" | "CustomResourceDefinition" | "APIService"
    )
}

impl Affixes {
    fn new(ids: &[ObjectId]) -> Self {
        let names: Vec<&str> = ids
            .iter()
            .filter(|id| is_prefixed(id))
            .map(without_hash)
            .collect();

        // A suffix is a prefix of what is read backwards, up to the same dash.
        let prefix = common(&names, |name| name.to_owned());
        let reversed = common(&names, |name| name.chars().rev().collect());
        Self {
            prefix,
            suffix: reversed.chars().rev().collect(),
        }
    }

    /// A stem as it is called with them.
    fn around(&self, stem: &str) -> String {
        format!("{}{stem}{}", self.prefix, self.suffix)
    }

    fn stem(&self, id: &ObjectId) -> ObjectId {
        let name = without_hash(id);

        let name = if is_prefixed(id) {
            name.strip_prefix(self.prefix.as_str()).unwrap_or(name)
        } else {
            name
        };
        let name = if is_prefixed(id) {
            name.strip_suffix(self.suffix.as_str()).unwrap_or(name)
        } else {
            name
        };
        ObjectId {
            name: name.to_owned(),
            ..id.clone()
        }
    }
}

/// The longest beginning that all names share and that ends in a dash.
fn common(names: &[&str], turn: impl Fn(&str) -> String) -> String {
    let mut names = names.iter().map(|name| turn(name));
    let Some(mut shared) = names.next() else {
        return String::new();
    };

    for name in names {
        let length = shared
            .chars()
            .zip(name.chars())
            .take_while(|(a, b)| a == b)
            .count();
        shared.truncate(
            shared
                .char_indices()
                .nth(length)
                .map_or(shared.len(), |(at, _)| at),
        );
    }

    // Cut at a dash: names that begin alike by chance (`web`, `worker`) share no prefix.
    shared
        .rfind('-')
        .map_or_else(String::new, |at| shared[..=at].to_owned())
}

/// The name without the hash that kustomize's generators append: ten characters of its own alphabet.
pub(super) fn without_hash(id: &ObjectId) -> &str {
    // Only these have generators: elsewhere ten such characters are part of a name.
    let is_generated = id.group.is_empty() && matches!(id.kind.as_str(), "ConfigMap" | "Secret");
    match id.name.rsplit_once('-') {
        Some((stem, hash)) if is_generated && is_hash(hash) => stem,
        _ => &id.name,
    }
}

/// What two names share that are new at each rendering: all but the hash of a generator, or a last part with a digit (a
/// version, a revision, a checksum). None where the name has no such part.
pub fn generated_stem(id: &ObjectId) -> Option<&str> {
    let (stem, last) = id.name.rsplit_once('-')?;
    // Wider than `without_hash`: renderers other than kustomize append versions and checksums of their own.
    (is_hash(last) || last.chars().any(|c| c.is_ascii_digit())).then_some(stem)
}

/// kustomize encodes hashes in hex with vowel-like and confusable characters replaced.
fn is_hash(text: &str) -> bool {
    text.len() == 10 && text.chars().all(|c| "2456789bcdfghkmt".contains(c))
}

/// Whether a tested text is the desired one, names and namespaces read as they are called here.
pub(super) fn is_same_text(pairing: &Pairing, tested: &str, desired: &str) -> bool {
    // Whole names only: `web` in `webhook` is another word.
    let is_part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let split = |text: &str| -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut in_name = None;
        for c in text.chars() {
            let is_name = is_part_of_name(c);
            match parts.last_mut() {
                Some(last) if in_name == Some(is_name) => last.push(c),
                _ => parts.push(c.to_string()),
            }
            in_name = Some(is_name);
        }
        parts
    };

    let (one, other) = (split(tested), split(desired));
    let is_called = |a: &String, b: &String| pairing.renamed.get(a).is_some_and(|names| names.contains(b));
    one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a == b || is_called(a, b))
}

/// The identity of an object in the namespace it has here.
pub(super) fn id_here(object: &Object, namespace: Option<&str>) -> ObjectId {
    ObjectId {
        namespace: namespace.map(Into::into),
        ..object.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[(&str, &str)]) -> Vec<ObjectId> {
        names
            .iter()
            .map(|(kind, name)| ObjectId::new("", kind, Some("shop"), name))
            .collect()
    }

    #[test]
    fn an_overlays_prefix_and_hashes_do_not_keep_objects_apart() {
        let tested = ids(&[
            ("Service", "ci-web"),
            ("Service", "ci-api"),
            ("ConfigMap", "ci-shop-gc9b58gmbc"),
        ]);
        let desired = ids(&[
            ("ConfigMap", "shop-2fk9ht7m4b"),
            ("Service", "api"),
            ("Service", "web"),
            ("Service", "new"),
        ]);
        let pairing = pair(&tested, &desired, &[], &BTreeMap::new());

        assert_eq!(pairing.tested, [Some(2), Some(1), Some(0), None]);
        assert!(is_same_text(&pairing, "ci-shop-gc9b58gmbc", "shop-2fk9ht7m4b"));
        assert!(is_same_text(&pairing, "http://ci-api:80/x", "http://api:80/x"));
        // A name that is called otherwise here does not stand for any other.
        assert!(!is_same_text(&pairing, "http://ci-api:80/x", "http://web:80/x"));
    }

    #[test]
    fn equal_names_are_paired_before_any_stem() {
        let tested = ids(&[("Service", "a-web"), ("Service", "web")]);
        let desired = ids(&[("Service", "web"), ("Service", "a-web")]);
        assert_eq!(
            pair(&tested, &desired, &[], &BTreeMap::new()).tested,
            [Some(1), Some(0)]
        );
    }

    #[test]
    fn two_objects_of_one_stem_are_not_guessed_apart() {
        let tested = ids(&[("ConfigMap", "shop-gc9b58gmbc"), ("ConfigMap", "shop-2fk9ht7m4b")]);
        let desired = ids(&[("ConfigMap", "shop-k8f2g5h9mt")]);
        assert_eq!(pair(&tested, &desired, &[], &BTreeMap::new()).tested, [None]);
    }

    #[test]
    fn a_namespace_inside_a_host_name_is_read_as_it_is_called_here() {
        let namespaces = BTreeMap::from([("shop-ci".to_owned(), "shop".to_owned())]);
        let pairing = pair(&[], &[], &[], &namespaces);
        assert!(is_same_text(
            &pairing,
            "http://api.shop-ci.svc",
            "http://api.shop.svc"
        ));
        assert!(!is_same_text(
            &pairing,
            "http://stub.shop-ci.svc",
            "https://api.example.com"
        ));
    }
}
