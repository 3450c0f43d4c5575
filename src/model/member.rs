//! What a member's line, or any other text, may claim of an object: a kind under the plural that serves it, and names that
//! an API server takes.
//!
//! Such texts come out of the cluster, where others may write: what they name becomes URLs, and decides what
//! is hidden as a Secret. A line that no server could serve is refused as a whole, and never repaired.

use super::identity::Target;
use super::k8s::kinds::{ResourceType, is_served_so};

/// A member as its line names it; none where a server serves no such kind or takes no such name.
pub fn checked(target: Target) -> Option<Target> {
    let ResourceType {
        group,
        version,
        kind,
        plural,
        ..
    } = &target.resource;

    // Kinds have capital letters: they are no DNS labels.
    let is_kind = kind
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');

    let is_right = (group.is_empty() || is_subdomain(group))
        && is_label(version)
        && is_label(plural)
        && is_kind
        && !kind.is_empty()
        && is_served_so(&target.resource)
        && target.namespace.as_deref().is_none_or(is_label)
        && is_name(group, &target.name);
    is_right.then_some(target)
}

/// The core group's names are DNS names; those of others (RBAC, aggregated APIs) any segment of a path that can be seen.
fn is_name(group: &str, name: &str) -> bool {
    if group.is_empty() {
        return is_subdomain(name);
    }
    // What the server refuses in a segment of a path, and what a URL or a terminal takes for something else.
    let is_seen = |byte: u8| byte.is_ascii_graphic() && !b"/%?#\\".contains(&byte);
    !matches!(name, "" | "." | "..") && name.len() <= 253 && name.bytes().all(is_seen)
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_outer = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');

    let bytes = text.as_bytes();
    text.len() <= 253
        && bytes.iter().copied().all(is_inner)
        && is_outer(bytes.first())
        && is_outer(bytes.last())
}

#[cfg(test)]
mod tests {
    use crate::model::inventory::Inventory;
    use rstest::rstest;

    #[rstest]
    #[case::built_in("v1 secrets Secret shop db", true)]
    #[case::with_dots("apps/v1 deployments Deployment shop web.v1", true)]
    #[case::cluster_scoped("rbac.authorization.k8s.io/v1 clusterroles ClusterRole - system:a_B", true)]
    #[case::custom("example.com/v1beta1 widgets Widget shop a", true)]
    #[case::another_version(
        "autoscaling/v2beta2 horizontalpodautoscalers HorizontalPodAutoscaler shop a",
        true
    )]
    #[case::aggregated("image.openshift.io/v1 imagestreamtags ImageStreamTag shop web:1", true)]
    #[case::a_secret_as_a_map("v1 secrets ConfigMap shop db", false)]
    #[case::a_secret_of_another_version("v2 secrets Thing shop db", false)]
    #[case::a_map_as_a_secret("v1 configmaps Secret shop db", false)]
    #[case::a_kind_without_its_namespace("v1 secrets Secret - db", false)]
    #[case::a_path_as_a_plural("v1 secrets/db Thing shop x", false)]
    #[case::upper_case("v1 Secrets Thing shop x", false)]
    #[case::a_path_as_a_name("v1 configmaps ConfigMap shop ../secrets/db", false)]
    #[case::a_path_as_a_namespace("v1 configmaps ConfigMap shop/secrets db", false)]
    #[case::an_escape("v1 configmaps ConfigMap shop a\u{1b}[2J", false)]
    #[case::an_override("apps/v1 deployments Deployment shop a\u{202e}b", false)]
    #[case::an_escape_in_a_kind("example.com/v1 widgets Wid\u{9b}get shop a", false)]
    #[case::no_name("v1 configmaps ConfigMap shop ", false)]
    fn a_members_line_is_taken_where_a_server_serves_such_an_object(
        #[case] line: &str,
        #[case] is_taken: bool,
    ) {
        assert_eq!(Inventory::parse_members(line).is_ok(), is_taken);
    }

    #[test]
    fn a_kind_that_does_not_go_with_its_plural_cannot_be_read_from_any_text() {
        // Plans and journals name kinds, too: it is the type that refuses, whatever is read.
        let resource = |kind: &str| {
            let text = format!(
                r#"{{"group":"","version":"v1","kind":"{kind}","plural":"secrets","namespaced":true}}"#
            );
            serde_json::from_str::<crate::model::ResourceType>(&text)
        };

        assert!(resource("Secret").is_ok());
        let error = resource("ConfigMap").unwrap_err().to_string();
        assert!(error.contains("ConfigMap is not served as secrets"), "{error}");
    }
}
