//! URL paths and queries. A name from a file must not reach another object than the one it names.
//!
//! Every name goes through `segment`, which refuses what has a meaning in a path and encodes the rest. The
//! server would refuse most of such names as well, but only those that still arrive as names.

use crate::cluster::ApiError;
use crate::model::{ResourceType, Target};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use std::fmt::Write;

/// `deployments.apps/v1`, for errors.
pub(super) fn resource_name(resource: &ResourceType) -> String {
    let group = if resource.group.is_empty() {
        String::new()
    } else {
        format!(".{}", resource.group)
    };
    format!("{}{group}/{}", resource.plural, resource.version)
}

/// The path of one object.
pub(super) fn object(target: &Target) -> Result<String, ApiError> {
    Ok(format!(
        "{}/{}",
        collection(&target.resource, target.namespace.as_deref())?,
        segment(&target.name)?
    ))
}

/// The path of a collection.
pub(super) fn collection(resource: &ResourceType, namespace: Option<&str>) -> Result<String, ApiError> {
    // A line of an inventory says these, too: they are trusted no more than names.
    for part in [&resource.group, &resource.version, &resource.plural] {
        if !part.is_empty() {
            segment(part)?;
        }
    }

    if let Some(namespace) = namespace {
        segment(namespace)?;
    }
    Ok(resource.collection_path(namespace))
}

/// A name as a path segment; what would leave its place is refused, as the server refuses it as a name.
pub(super) fn segment(name: &str) -> Result<String, ApiError> {
    // Encoded, a slash would still be one for whatever decodes the path before the server does.
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '%', '?', '#']) {
        return Err(ApiError::Status {
            code: 422,
            reason: "Invalid".into(),
            message: format!("expected a name that can be part of a URL path, found {name:?}"),
            causes: Vec::new(),
        });
    }
    Ok(encode(name).to_string())
}

/// `path?name=value&…`, without the parameters that are empty.
pub(super) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    let mut separator = '?';

    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a String cannot fail.
        write!(text, "{separator}{name}={}", encode(value)).ok();
        separator = '&';
    }

    text
}

/// What RFC 3986 calls unreserved, and the colon of RBAC names, are written as they are.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        let maps = built_in("", "ConfigMap").unwrap();
        // The last one is decoded to a slash by a server that decodes once more.
        for name in ["../secrets/db", "..", "", "a/b", "a?watch=true", "a%2fb"] {
            assert!(object(&Target::new(&maps, Some("shop"), name)).is_err(), "{name}");
            assert!(object(&Target::new(&maps, Some(name), "a")).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_of_rbac_with_colons_and_spaces_is_encoded() {
        let roles = built_in("rbac.authorization.k8s.io", "ClusterRole").unwrap();
        let path = object(&Target::new(&roles, None, "system:a b")).unwrap();
        assert_eq!(
            path,
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:a%20b"
        );
    }

    #[test]
    fn empty_parameters_are_left_out_and_others_encoded() {
        let query = with_query(
            "/api",
            &[
                ("labelSelector", "app in (a,b)"),
                ("continue", ""),
                ("limit", "5"),
            ],
        );
        assert_eq!(query, "/api?labelSelector=app%20in%20%28a%2Cb%29&limit=5");
    }
}
