//! What a promotion would apply: the environment's own manifests, or else the release's objects, pinned to the release's
//! digests; and how that differs from what was tested.
//!
//! The order: namespaces first, since pairing goes by them; then what is external goes, so that it is paired with
//! nothing; then pairs, and by them pins, since a tested container may decide which image is meant. Differences come
//! last, of both sides pinned: form (names, namespaces, registries) is none by then. No cluster is asked: which kinds
//! live in namespaces is an answer that comes in.

use super::pair::{Pairing, id_here, is_same_text, pair};
use super::pin::{PinError, Pins};
use super::required::{Naming, required_here};
use super::rules::{Rules, Sides};
use super::structural::{Difference, differences, split_towards};
use crate::model::environment::{Environment, External};
use crate::model::finding::{RuleFinding, UntestedChange};
use crate::model::image::ImageReference;
use crate::model::k8s::kinds;
use crate::model::k8s::pod_spec::images;
use crate::model::names::{APPLYSET_PART_OF_LABEL, KUBECTL_RESTART_ANNOTATION, RESTART_ANNOTATION};
use crate::model::release::{Release, Requirement};
use crate::model::{FieldPath, Gvk, Object, ObjectId};
use jiff::civil::Date;
use serde_json::Value;
use std::borrow::Cow;
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
    let spec = &input.release.spec;
    let namespaces = &input.environment.spec.namespaces;
    let scopes = Scopes::of(
        input.tested.iter().chain(input.manifests.iter().flatten()),
        input.is_namespaced,
    );

    // Only tested objects are mapped: the environment's own manifests say where they belong.
    let place = |object: &Object, map: bool| {
        let own = object
            .namespace()
            .map(|name| namespaces.get(name).filter(|_| map).map_or(name, String::as_str));
        scopes
            .is_namespaced(&object.gvk())
            .then(|| own.unwrap_or(input.home).to_owned())
    };

    let put = |mut object: Object, map: bool| {
        let namespace = place(&object, map);
        object.set_namespace(namespace.as_deref());
        object
    };

    let tested: Vec<Object> = input.tested.into_iter().map(|object| put(object, true)).collect();
    let wanted: Vec<Object> = match input.manifests {
        Some(manifests) => manifests.into_iter().map(|object| put(object, false)).collect(),
        None => tested.clone(),
    };

    let is_external = |object: &Object| {
        input
            .environment
            .spec
            .external
            .iter()
            .any(|external| is(external, object, input.home))
    };
    let wanted: Vec<Object> = wanted.into_iter().filter(|object| !is_external(object)).collect();

    let ids = |objects: &[Object]| -> Vec<ObjectId> {
        objects
            .iter()
            .map(|object| id_here(object, object.namespace()))
            .collect()
    };
    // An overlay renames what is only referred to along with the rest: its name
    // here is found by the same prefix.
    let required: Vec<ObjectId> = spec
        .requires
        .iter()
        .map(|need| ObjectId::new("", &need.kind, Some(input.home), &need.name))
        .collect();

    let pairing = pair(&ids(&tested), &ids(&wanted), &required, namespaces);
    let names = Naming {
        renamed: &pairing.renamed,
        namespaces,
        home: input.home,
    };
    let required = required_here(&spec.requires, &tested, &wanted, &names);

    let rules = Rules::new(input.environment, input.today);
    let pins = Pins {
        images: &spec.images,
        paths: &spec.image_paths,
        registries: &input.environment.spec.registries,
    };

    let maker = Maker {
        pins,
        pairing: &pairing,
        rules: &rules,
        release: input.release,
    };
    let made = maker.objects(wanted, &tested)?;

    // Remarks come after every difference was asked about: only then is a rule known to be unused.
    let dropped = dropped(&tested, &pairing, namespaces, &rules, &is_external);
    let all: Vec<ObjectId> = made.iter().map(|made| made.object.id()).collect();
    Ok(Desired {
        objects: made,
        dropped,
        required,
        remarks: rules.remarks(&all),
    })
}

struct Maker<'m> {
    pins: Pins<'m>,
    pairing: &'m Pairing,
    rules: &'m Rules,
    release: &'m Release,
}

impl Maker<'_> {
    fn objects(&self, wanted: Vec<Object>, tested: &[Object]) -> Result<Vec<DesiredObject>, Vec<PinError>> {
        let mut errors = Vec::new();

        // All errors are gathered: a person corrects every ambiguous image at once.
        let mut made = Vec::new();
        for (mut object, index) in wanted.into_iter().zip(&self.pairing.tested) {
            let mut paired = index.and_then(|index| tested.get(index)).cloned();

            let pinned = self.pins.pin(&mut object, paired.as_ref());
            // The tested side is pinned too, or each digest would be a difference. What is
            // ambiguous here as well is told once.
            if let Some(tested) = &mut paired {
                errors.extend(self.pins.pin(tested, None).err().filter(|_| pinned.is_ok()));
            }

            errors.extend(pinned.err());
            let untested = self.untested(&object, paired.as_ref());
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

    fn untested(&self, desired: &Object, tested: Option<&Object>) -> Vec<UntestedChange> {
        let id = desired.id();

        // Nothing was tested under this name: the whole object is one difference, which a rule may allow.
        let Some(tested) = tested else {
            let whole = Difference {
                path: FieldPath::root(),
                left: None,
                right: Some(desired.value().clone()),
            };
            return vec![self.change(&id, whole)];
        };

        let desired = &*without_ours(desired, tested);
        if tested == desired {
            return Vec::new();
        }

        let image_paths: Vec<FieldPath> = images(desired, &self.release.spec.image_paths)
            .into_iter()
            .map(|image| image.path)
            .collect();

        let same = |path: &FieldPath, one: &Value, other: &Value| match (one, other) {
            (Value::String(one), Value::String(other)) => {
                is_same_text(self.pairing, one, other)
                    || (image_paths.contains(path) && is_same_image(one, other))
            }
            _ => false,
        };

        let mut found = differences(tested.value(), desired.value(), &same);
        // A map that one side lacks is one difference: split as far as a rule speaks of a field in it.
        for path in self.rules.paths_for(&id) {
            found = found
                .into_iter()
                .flat_map(|difference| split_towards(difference, path))
                .collect();
        }

        // What the pairing has already read as the same object.
        let names = ["/metadata/name", "/metadata/namespace"];
        let is_form = |difference: &Difference| names.contains(&&*difference.path.to_string());
        found
            .into_iter()
            .filter(|difference| !is_form(difference))
            .map(|difference| self.change(&id, difference))
            .collect()
    }

    fn change(&self, id: &ObjectId, difference: Difference) -> UntestedChange {
        untested(self.rules, id, difference)
    }
}

/// The rules of an aggregated role are its controller's: whoever applied them would take them away from it.
fn drop_aggregated(object: &mut Object) {
    if object.kind() == "ClusterRole" && object.at("/aggregationRule").is_some_and(Value::is_object) {
        FieldPath::root().field("rules").remove(object.value_mut());
    }
}

/// Without what a promotion adds to every object, which what was last promoted holds: when pods were restarted is no
/// difference from what was tested.
fn without_ours<'a>(desired: &'a Object, tested: &Object) -> Cow<'a, Object> {
    let restarts = [RESTART_ANNOTATION, KUBECTL_RESTART_ANNOTATION];
    let restart = |object: &Object, key: &str| {
        let annotations = object.at("/spec/template/metadata/annotations")?;
        annotations.get(key).cloned()
    };

    // kubectl's may stand in a manifest too: it was carried over from live
    // only where it is not the tested one.
    let is_carried = |key: &&&str| {
        restart(desired, key).is_some()
            && (**key == RESTART_ANNOTATION || restart(desired, key) != restart(tested, key))
    };

    let carried: Vec<&&str> = restarts.iter().filter(is_carried).collect();
    if desired.label(APPLYSET_PART_OF_LABEL).is_none() && carried.is_empty() {
        return Cow::Borrowed(desired);
    }

    let mut bare = desired.clone();
    for key in carried {
        match restart(tested, key) {
            // As tested: there the annotation stood in the manifest.
            Some(value) => bare.value_mut()["spec"]["template"]["metadata"]["annotations"][*key] = value,
            None => remove(bare.value_mut().pointer_mut("/spec/template"), "annotations", key),
        }
    }
    remove(Some(bare.value_mut()), "labels", APPLYSET_PART_OF_LABEL);
    Cow::Owned(bare)
}

/// Removes a key of a map of `metadata`, and the map where it holds nothing more.
fn remove(of: Option<&mut Value>, map: &str, key: &str) {
    let metadata = of
        .and_then(|of| of.get_mut("metadata"))
        .and_then(Value::as_object_mut);
    let Some(metadata) = metadata else { return };
    let Some(inner) = metadata.get_mut(map).and_then(Value::as_object_mut) else {
        return;
    };

    inner.shift_remove(key);
    if inner.is_empty() {
        metadata.shift_remove(map);
    }
}

fn untested(rules: &Rules, id: &ObjectId, difference: Difference) -> UntestedChange {
    let sides = Sides {
        tested: difference.left.as_ref(),
        desired: difference.right.as_ref(),
        live: None,
    };
    // Tested beside desired is the same in every cluster, and `compare` asks without any.
    let answer = rules.answer(id, &difference.path, sides);

    UntestedChange {
        path: difference.path,
        tested: difference.left,
        desired: difference.right,
        allowed_by: answer.allowed_by,
        rule_note: answer.note,
    }
}

fn dropped(
    tested: &[Object],
    pairing: &Pairing,
    namespaces: &BTreeMap<String, String>,
    rules: &Rules,
    is_external: &dyn Fn(&Object) -> bool,
) -> Vec<(Object, UntestedChange)> {
    // The test's own namespace is form, not substance.
    let is_mapped = |object: &Object| object.kind() == "Namespace" && namespaces.contains_key(object.name());
    tested
        .iter()
        .enumerate()
        .filter(|(index, object)| {
            !pairing.tested.contains(&Some(*index)) && !is_mapped(object) && !is_external(object)
        })
        .map(|(_, object)| {
            let whole = Difference {
                path: FieldPath::root(),
                left: Some(object.value().clone()),
                right: None,
            };
            (object.clone(), untested(rules, &object.id(), whole))
        })
        .collect()
}

/// The same content, whatever registry it comes from.
fn is_same_image(one: &str, other: &str) -> bool {
    let digest = |text: &str| text.parse::<ImageReference>().ok().and_then(|image| image.digest);

    // Two tags prove nothing of each other, however they look alike.
    digest(one).is_some_and(|one| digest(other) == Some(one))
}

fn is(external: &External, object: &Object, home: &str) -> bool {
    let gvk = object.gvk();
    external.group == gvk.group
        && external.kind == gvk.kind
        && external.name == object.name()
        && object
            .namespace()
            // A cluster-scoped object has no namespace that could differ.
            .is_none_or(|namespace| namespace == external.namespace.as_deref().unwrap_or(home))
}

/// Whether kinds live in namespaces: the built-in ones, those of CRDs among the objects, and what discovery says.
struct Scopes<'s> {
    defined: BTreeMap<(String, String), bool>,
    asked: &'s dyn Fn(&Gvk) -> Option<bool>,
}

impl<'s> Scopes<'s> {
    fn of<'o>(objects: impl Iterator<Item = &'o Object>, asked: &'s dyn Fn(&Gvk) -> Option<bool>) -> Self {
        // A CRD that this release brings may not be served yet: discovery cannot tell of its kind.
        let defined = objects
            .filter(|object| object.kind() == "CustomResourceDefinition")
            .map(|crd| {
                let key = (
                    crd.text("/spec/group").to_owned(),
                    crd.text("/spec/names/kind").to_owned(),
                );
                (key, crd.text("/spec/scope") == "Namespaced")
            })
            .collect();
        Self { defined, asked }
    }

    /// An unknown kind is taken for namespaced, as most are; the server says so if it is not.
    fn is_namespaced(&self, gvk: &Gvk) -> bool {
        let built_in = kinds::well_known(gvk).map(|kind| kind.namespaced);
        let defined = || self.defined.get(&(gvk.group.clone(), gvk.kind.clone())).copied();

        built_in
            .or_else(defined)
            .or_else(|| (self.asked)(gvk))
            .unwrap_or(true)
    }
}
