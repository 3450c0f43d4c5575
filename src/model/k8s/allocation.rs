//! What the API server hands out of a pool of its own: node ports and addresses of Services. Each write of a Service that
//! does not name them is given others, a dry run too.
//!
//! What a manifest names is content. What it leaves open differs between any two answers of the server and
//! between any two clusters: it is left out before two versions are compared.

use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// Fields of a Service's spec that are allocated.
// The families are chosen together with the addresses, and come with them.
const OF_SPEC: &[&str] = &["clusterIP", "clusterIPs", "ipFamilies", "healthCheckNodePort"];

/// Whether the field is one that the server allocates where nobody names it.
pub fn is_allocated(object: &Object, path: &FieldPath) -> bool {
    if !is_service(object) {
        return false;
    }
    match path.steps() {
        // With what lies below: `clusterIPs` and `ipFamilies` are lists.
        [Step::Field(spec), Step::Field(field), ..]
            if spec == "spec" && OF_SPEC.contains(&field.as_str()) =>
        {
            true
        }
        // However the port is addressed: by its key, or by its place.
        [Step::Field(spec), Step::Field(ports), _, Step::Field(field)] => {
            spec == "spec" && ports == "ports" && field == "nodePort"
        }
        _ => false,
    }
}

/// A copy without what the server allocated: what `sent`, the object as it was sent, does not name.
pub fn without_allocated(object: &Object, sent: &Object) -> Object {
    let mut copy = object.clone();

    // A port of the answer is found in what was sent by its key, whatever the order there.
    for path in allocated(object)
        .iter()
        .filter(|path| path.get(sent.value()).is_none())
    {
        path.remove(copy.value_mut());
    }

    copy
}

/// Takes out what only one object in the cluster can hold. That a Service has no address at all is content.
pub fn drop_allocated(object: &mut Object) {
    // "None" is asked for, and comes out of no pool.
    let is_headless = object.text("/spec/clusterIP") == "None";
    let is_address = |path: &FieldPath| path.to_string().starts_with("/spec/clusterIP");

    for path in allocated(object)
        .iter()
        .filter(|path| !(is_headless && is_address(path)))
    {
        path.remove(object.value_mut());
    }
}

/// Where a Service may hold what is allocated.
fn allocated(object: &Object) -> Vec<FieldPath> {
    if !is_service(object) {
        return Vec::new();
    }
    let root = FieldPath::root().field("spec");

    let mut paths: Vec<FieldPath> = OF_SPEC.iter().map(|field| root.field(field)).collect();
    let ports = object
        .at("/spec/ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();

    paths.extend(ports.map(|port| {
        // By as much of the key as is there: a manifest leaves the protocol out.
        let key = ["port", "protocol"]
            .into_iter()
            .filter_map(|name| Some((name, port.get(name)?)));
        root.field("ports").with(Step::key(key)).field("nodePort")
    }));

    paths
}

fn is_service(object: &Object) -> bool {
    let gvk = object.gvk();
    gvk.group.is_empty() && gvk.kind == "Service"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(spec: &Value) -> Object {
        Object::new(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec}))
            .unwrap()
    }

    #[test]
    fn a_port_that_was_not_named_is_allocated_and_one_that_was_is_content() {
        // The server chooses for the second port alone.
        let sent = service(&json!({"ports": [{"port": 80, "nodePort": 30001}, {"port": 81}]}));
        let answer = service(&json!({"clusterIP": "10.0.0.1", "ports": [
            {"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 81, "protocol": "TCP", "nodePort": 30777}]}));

        let left = without_allocated(&answer, &sent);
        let expected = json!({"ports": [
            {"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 81, "protocol": "TCP"}]});
        assert_eq!(left.at("/spec"), Some(&expected));

        assert!(is_allocated(
            &answer,
            &"/spec/ports/[port=81,protocol=TCP]/nodePort".parse().unwrap()
        ));
        assert!(!is_allocated(
            &answer,
            &"/spec/ports/[port=81,protocol=TCP]/port".parse().unwrap()
        ));
    }
}
