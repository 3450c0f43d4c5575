//! What a promotion would apply: the environment's own manifests, or else the release's objects, pinned to the release's
//! digests; and how that differs from what was tested.
//!
//! The order: namespaces first, since pairing goes by them; then what is external goes, so that it is paired with
//! nothing; then pairs, and by them pins, since a tested container may decide which image is meant. Differences come
//! last, of both sides pinned: form (names, namespaces, registries) is none by then. No cluster is asked: which kinds
//! live in namespaces is an answer that comes in.

use super::kind_scopes::KindScopes;
use super::pair::{id_here, pair};
use super::pin::{PinError, Pins};
use super::required::{Naming, required_here};
use super::rules::Rules;
use super::untested::UntestedComparer;
use crate::model::environment::{Environment, External};
use crate::model::finding::{RuleFinding, UntestedChange};
use crate::model::release::{Release, Requirement};
use crate::model::{FieldPath, Gvk, Object, ObjectId};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeMap;

/// What desired is made of. Objects come as values: those that nobody else holds are changed in place.
pub struct DesiredInput<'a> {
    /// What CI tested: images and requirements.
    pub release: &'a Release,
    /// The objects that CI tested.
    pub tested: Vec<Object>,
    /// The environment's own manifests; none where desired is the release's own objects.
    pub manifests: Option<Vec<Object>>,
    /// How this environment may differ.
    pub environment: &'a Environment,
    /// The namespace of objects that name none.
    pub home: &'a str,
    /// Whether kinds that are neither built in nor defined by the manifests live in namespaces; discovery's answer.
    pub is_namespaced: &'a dyn Fn(&Gvk) -> Option<bool>,
    /// Today (UTC), for rules that expire.
    pub today: Date,
}

/// What a promotion would apply.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The objects, in their order, without what the environment declares as external.
    pub objects: Vec<DesiredObject>,
    /// Tested objects that this environment does not apply, with what its rules say of that.
    pub dropped: Vec<(Object, UntestedChange)>,
    /// What the release requires, as it is called here, but for what the objects hold or refer to themselves.
    pub required: Vec<Requirement>,
    /// Remarks on the rules, as far as untested differences go.
    pub remarks: Vec<RuleFinding>,
}

/// One object of desired.
#[derive(Clone, Debug)]
pub struct DesiredObject {
    /// As it would be applied: with its namespace, pinned.
    pub object: Object,
    /// The tested object it is paired with, as it would be called here, pinned; none where nothing of it differs.
    pub tested: Option<Object>,
    /// Tested → desired.
    pub untested: Vec<UntestedChange>,
}

/// Makes desired. Fails where an image could be several of the release's.
pub fn desired(input: DesiredInput<'_>) -> Result<Desired, Vec<PinError>> {
    let (home, environment) = (input.home, &input.environment.spec);
    let (spec, namespaces) = (&input.release.spec, &environment.namespaces);

    let all = input.tested.iter().chain(input.manifests.iter().flatten());
    let scopes = KindScopes::new(all, input.is_namespaced);
    // Only tested objects are mapped: the environment's own manifests say where they belong.
    let tested = scopes.place(input.tested, home, namespaces);
    let mut wanted = match input.manifests {
        Some(manifests) => scopes.place(manifests, home, &BTreeMap::new()),
        None => tested.clone(),
    };

    let is_external = |object: &Object| {
        let mut external = environment.external.iter();
        external.any(|external| is_the_external(external, object, home))
    };
    wanted.retain(|object| !is_external(object));

    // An overlay renames what is only referred to along with the rest: its name
    // here is found by the same prefix.
    let required = spec.requires.iter();
    let required: Vec<ObjectId> = required
        .map(|need| ObjectId::new("", &need.kind, Some(home), &need.name))
        .collect();
    let pairing = pair(&ids_here(&tested), &ids_here(&wanted), &required, namespaces);

    let names = Naming {
        renamed: &pairing.renamed,
        namespaces,
        home,
    };
    let required = required_here(&spec.requires, &tested, &wanted, &names);

    let rules = Rules::new(input.environment, input.today);
    let comparer = UntestedComparer {
        pairing: &pairing,
        rules: &rules,
        image_paths: &spec.image_paths,
    };
    let pins = Pins {
        images: &spec.images,
        paths: &spec.image_paths,
        registries: &environment.registries,
    };
    let objects = pinned_objects(wanted, &tested, &pins, &comparer)?;

    // The test's own namespace is form, not substance.
    let is_mapped = |object: &Object| object.kind() == "Namespace" && namespaces.contains_key(object.name());
    let dropped = comparer.find_dropped(&tested, &|object| is_mapped(object) || is_external(object));
    // Remarks come after every difference was asked about: only then is a rule known to be unused.
    let ids: Vec<ObjectId> = objects.iter().map(|made| made.object.id()).collect();
    Ok(Desired {
        objects,
        dropped,
        required,
        remarks: rules.remarks(&ids),
    })
}

/// Desired objects, pinned, with how each differs from the one that it is paired with.
fn pinned_objects(
    wanted: Vec<Object>,
    tested: &[Object],
    pins: &Pins<'_>,
    comparer: &UntestedComparer<'_>,
) -> Result<Vec<DesiredObject>, Vec<PinError>> {
    // All errors are gathered: a person corrects every ambiguous image at once.
    let (mut made, mut errors) = (Vec::new(), Vec::new());

    for (mut object, index) in wanted.into_iter().zip(&comparer.pairing.tested) {
        let mut paired = index.and_then(|index| tested.get(index)).cloned();

        let pinned = pins.pin(&mut object, paired.as_ref());
        // The tested side is pinned too, or each digest would be a difference.
        if let Some(tested) = &mut paired {
            pins.pin_tested(tested);
        }
        errors.extend(pinned.err());

        let untested = comparer.find_changes(&object, paired.as_ref());
        let tested = paired.filter(|_| !untested.is_empty());
        // After the comparison: tested objects still hold these rules, which
        // would all be told as differences.
        drop_aggregated(&mut object);
        made.push(DesiredObject {
            object,
            tested,
            untested,
        });
    }

    if errors.is_empty() { Ok(made) } else { Err(errors) }
}

fn ids_here(objects: &[Object]) -> Vec<ObjectId> {
    objects
        .iter()
        .map(|object| id_here(object, object.namespace()))
        .collect()
}

/// The rules of an aggregated role are its controller's: whoever applied them would take them away from it.
fn drop_aggregated(object: &mut Object) {
    if object.kind() == "ClusterRole" && object.at("/aggregationRule").is_some_and(Value::is_object) {
        FieldPath::root().field("rules").remove(object.value_mut());
    }
}

fn is_the_external(external: &External, object: &Object, home: &str) -> bool {
    let gvk = object.gvk();
    external.group == gvk.group
        && external.kind == gvk.kind
        && external.name == object.name()
        && object
            .namespace()
            // A cluster-scoped object has no namespace that could differ.
            .is_none_or(|namespace| namespace == external.namespace.as_deref().unwrap_or(home))
}
