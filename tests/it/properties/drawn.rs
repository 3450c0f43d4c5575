//! Random objects: each of a shape, with a pick for each of its fields, so that two of them differ in known fields and
//! a failing one is made small by taking picks away.

use crate::proof::random::Random;
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::{Gvk, ResourceType};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// Where objects stand.
pub struct Place {
    pub namespace: String,
}

impl Place {
    /// The API group of the two kinds that are no built-in ones.
    pub fn group(&self) -> String {
        format!("{}.example.com", self.namespace)
    }
}

/// A kind of objects: what they all hold, and the fields that vary.
pub struct Shape {
    pub kind: String,
    api_version: Option<String>,
    /// How many of them a release holds at most.
    count: usize,
    /// Whether it is cluster-scoped.
    pub wide: bool,
    /// Whether its objects never leave a release.
    pub stays: bool,
    base: Value,
    fields: Vec<(String, Vec<Value>)>,
}

/// All shapes.
pub fn shapes() -> &'static [Shape] {
    static SHAPES: OnceLock<Vec<Shape>> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let table: Value = serde_yaml::from_str(include_str!("kinds.yaml")).unwrap();
        let kinds = table["kinds"].as_array().unwrap();
        kinds.iter().map(|kind| Shape::read(kind, &table)).collect()
    })
}

fn options(fields: &Value, prefix: &str) -> Vec<(String, Vec<Value>)> {
    let fields = fields.as_object().into_iter().flatten();
    fields
        .map(|(at, values)| (format!("{prefix}{at}"), values.as_array().unwrap().clone()))
        .collect()
}

impl Shape {
    fn read(kind: &Value, table: &Value) -> Self {
        let base = kind["base"].clone();
        let mut fields = options(&table["any"], "");
        if let Some(prefix) = kind["pod"].as_str() {
            fields.extend(options(&table["pod"], prefix));
        }
        // What keeps pods from nodes stays.
        fields.retain(|(at, _)| !at.ends_with("nodeSelector") || base.pointer(at).is_none());
        fields.extend(options(&kind["fields"], ""));
        Self {
            kind: kind["kind"].as_str().unwrap().into(),
            api_version: kind["apiVersion"].as_str().map(Into::into),
            count: kind["count"].as_u64().unwrap() as usize,
            wide: kind["wide"] == true,
            stays: kind["stays"] == true,
            base,
            fields,
        }
    }

    pub fn resource(&self, place: &Place) -> ResourceType {
        match &self.api_version {
            Some(version) => {
                well_known(&Gvk::new(version, &self.kind)).unwrap_or_else(|| self.unlisted(version))
            }
            None => ResourceType {
                group: place.group(),
                version: "v1".into(),
                kind: self.kind.clone(),
                plural: format!("{}s", self.kind.to_lowercase()),
                namespaced: true,
            },
        }
    }

    fn unlisted(&self, version: &str) -> ResourceType {
        panic!("{version} {} is not in the table of built-in kinds", self.kind)
    }
}

/// One object, as its picks: 0 leaves a field as the base has it.
#[derive(Clone, PartialEq)]
pub struct Drawn {
    shape: usize,
    slot: usize,
    pub picks: Vec<usize>,
}

impl Drawn {
    fn any(random: &mut Random, shape: usize, slot: usize) -> Self {
        let count = shapes()[shape].fields.len();
        let mut drawn = Self {
            shape,
            slot,
            picks: vec![0; count],
        };
        for _ in 0..random.below(7) {
            drawn.pick(random);
        }
        drawn
    }

    pub fn shape(&self) -> &'static Shape {
        &shapes()[self.shape]
    }

    fn pick(&mut self, random: &mut Random) {
        let fields = &self.shape().fields;
        let at = random.below(fields.len());
        self.picks[at] = 1 + random.below(fields[at].1.len());
    }

    /// Another version of it: a few fields come, leave or take another value.
    pub fn changed(&self, random: &mut Random) -> Self {
        let mut other = self.clone();
        for _ in 0..1 + random.below(3) {
            let set: Vec<usize> = (0..other.picks.len()).filter(|at| other.picks[*at] > 0).collect();
            if set.is_empty() || random.chance(50) {
                other.pick(random);
            } else {
                let at = set[random.below(set.len())];
                other.picks[at] = random.below(self.shape().fields[at].1.len() + 1);
            }
        }
        other
    }

    /// The same with one field fewer.
    pub fn plainer(&self, random: &mut Random) -> Self {
        let mut other = self.clone();
        let set: Vec<usize> = (0..other.picks.len()).filter(|at| other.picks[*at] > 0).collect();
        if !set.is_empty() {
            other.picks[set[random.below(set.len())]] = 0;
        }
        other
    }

    /// Gives one field of the object another value, or takes it out.
    pub fn by_hand(&self, random: &mut Random, live: &mut Value) {
        let (at, values) = &self.shape().fields[random.below(self.shape().fields.len())];
        match random.below(values.len() + 1) {
            0 => remove(live, at),
            pick => put(live, at, values[pick - 1].clone()),
        }
    }

    pub fn name(&self, place: &Place) -> String {
        let own = format!("{}-{}", self.shape().kind.to_lowercase(), self.slot);
        if self.shape().wide {
            format!("{}-{own}", place.namespace)
        } else {
            own
        }
    }

    /// `Kind/name`.
    pub fn id(&self, place: &Place) -> String {
        format!("{}/{}", self.shape().kind, self.name(place))
    }

    pub fn object(&self, place: &Place) -> Value {
        let shape = self.shape();
        let version = shape.resource(place).api_version();
        let mut object =
            json!({"apiVersion": version, "kind": shape.kind, "metadata": {"name": self.name(place)}});
        if !shape.wide {
            object["metadata"]["namespace"] = place.namespace.as_str().into();
        }
        if let Value::Object(base) = shape.base.clone() {
            object.as_object_mut().unwrap().extend(base);
        }
        for ((at, values), pick) in shape.fields.iter().zip(&self.picks) {
            if *pick > 0 {
                put(&mut object, at, values[pick - 1].clone());
            }
        }
        serde_json::from_str(&object.to_string().replace("NAMESPACE", &place.namespace)).unwrap()
    }
}

/// Puts a value where a pointer says; maps above it are made, a list gets one item more at most.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    for step in pointer.split('/').skip(1) {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        at = match at {
            Value::Array(items) => {
                let index: usize = step.parse().unwrap();
                if index >= items.len() {
                    items.push(Value::Null);
                }
                let last = items.len() - 1;
                &mut items[index.min(last)]
            }
            Value::Object(map) => map.entry(step).or_insert(Value::Null),
            _ => return,
        };
    }
    *at = value;
}

fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        return;
    };
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.shift_remove(last)),
        Some(Value::Array(items)) if last.parse::<usize>().is_ok_and(|at| at < items.len()) => {
            items.remove(last.parse().unwrap());
        }
        _ => {}
    }
}

/// A release's objects: a slot may be empty.
pub fn release(random: &mut Random) -> Vec<Drawn> {
    let mut found = Vec::new();
    for (shape, one) in shapes().iter().enumerate() {
        for slot in 0..one.count {
            if one.stays || random.chance(80) {
                found.push(Drawn::any(random, shape, slot));
            }
        }
    }
    found
}

/// The release after it: objects change, come and leave.
pub fn next(random: &mut Random, before: &[Drawn]) -> Vec<Drawn> {
    let mut found = Vec::new();
    for (shape, one) in shapes().iter().enumerate() {
        for slot in 0..one.count {
            match before
                .iter()
                .find(|drawn| drawn.shape == shape && drawn.slot == slot)
            {
                Some(_) if !one.stays && random.chance(6) => {}
                Some(old) if random.chance(70) => found.push(old.changed(random)),
                Some(old) => found.push(old.clone()),
                None if random.chance(40) => found.push(Drawn::any(random, shape, slot)),
                None => {}
            }
        }
    }
    found
}
