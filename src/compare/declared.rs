//! Containers that the environment declares: their images were not tested, and that is expected.
//!
//! An untested image is a finding even where the difference that brings it is allowed. Here the two are brought
//! together, after both were found: a rule speaks of manifests, and what runs is known only from the pods.

use crate::model::finding::{ImageFinding, ImageState, ObjectComparison};
use crate::model::image::ImageReference;
use crate::model::k8s::images::images;

/// Marks as expected what runs in a container that a rule allows, as far as it is what the environment names. `reason`
/// gives the rule's reason.
pub fn expect_declared(
    findings: &mut [ImageFinding],
    objects: &[ObjectComparison],
    reason: &dyn Fn(usize) -> Option<String>,
) {
    // A tested image is held against its digest alone, and what an `injected` rule allows has its reason.
    let unknown = |finding: &&mut ImageFinding| {
        finding.state == ImageState::OtherImage && finding.tested.is_none() && finding.allowed.is_none()
    };
    for finding in findings.iter_mut().filter(unknown) {
        let Some(object) = objects.iter().find(|object| object.id() == finding.workload) else {
            continue;
        };

        // By what the environment writes for this container: a rule about another one says nothing of it.
        let named = object.desired.iter().flat_map(|desired| images(desired, &[]));
        let mut named =
            named.filter(|one| one.role == Some(finding.role) && one.container == finding.container);
        let Some(named) = named.next() else { continue };

        let rule = object
            .untested
            .iter()
            .filter(|change| named.path.starts_with(&change.path))
            .find_map(|change| change.allowed_by);

        let pinned = named
            .reference
            .parse::<ImageReference>()
            .ok()
            .and_then(|image| image.digest);

        // A manifest without a digest leaves open what its tag leads to: then the rule covers whatever runs.
        let is_named = finding
            .running
            .iter()
            .filter(|one| !one.old_revision)
            .all(|one| pinned.is_none() || one.digest == pinned);

        finding.allowed = rule.filter(|_| is_named).and_then(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Certainty, ContainerRole, ObjectStatus, RunningImage, UntestedChange};
    use crate::model::k8s::kinds::built_in;
    use crate::model::snapshot::Observed;
    use crate::model::{Object, Sha256Digest, Target};
    use serde_json::json;

    fn allowed(reference: &str, path: &str, allowed_by: Option<usize>) -> Option<String> {
        let desired = Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": [{"name": "metrics", "image": reference}]}}}}))
        .unwrap();

        let change = UntestedChange {
            path: path.parse().unwrap(),
            tested: None,
            desired: None,
            allowed_by,
            rule_note: None,
        };

        let object = ObjectComparison {
            untested: vec![change],
            ..ObjectComparison::new(
                Target::new(&built_in("apps", "Deployment").unwrap(), Some("shop"), "web"),
                Some(desired.clone()),
                Observed::Present(desired),
                ObjectStatus::Same,
                Certainty::DryRun,
            )
        };

        let mut finding = ImageFinding {
            workload: object.id(),
            container: "metrics".into(),
            role: ContainerRole::Main,
            tested: None,
            reference: reference.into(),
            written: String::new(),
            promoted: None,
            cause: None,
            state: ImageState::OtherImage,
            running: vec![RunningImage {
                digest: Some(Sha256Digest::compute(b"metrics")),
                pods: Vec::new(),
                old_revision: false,
            }],
            allowed: None,
        };

        expect_declared(std::slice::from_mut(&mut finding), &[object], &|rule| {
            Some(format!("rule {rule}"))
        });
        finding.allowed
    }

    #[test]
    fn a_container_that_a_rule_allows_may_run_the_image_that_the_environment_names() {
        let container = "/spec/template/spec/containers/[name=metrics]";
        let right = format!("a.example/metrics@{}", Sha256Digest::compute(b"metrics"));
        let other = format!("a.example/metrics@{}", Sha256Digest::compute(b"other"));
        let rule = || Some("rule 3".to_owned());

        // The rule may speak of the container, or of its image alone.
        assert_eq!(allowed("a.example/metrics:1", container, Some(3)), rule());
        assert_eq!(
            allowed("a.example/metrics:1", &format!("{container}/image"), Some(3)),
            rule()
        );

        // A digest in the manifest is what the environment's reviewers agreed to.
        assert_eq!(allowed(&right, container, Some(3)), rule());
        assert_eq!(
            allowed(&other, container, Some(3)),
            None,
            "it runs something else than is named"
        );
        assert_eq!(
            allowed("a.example/metrics:1", container, None),
            None,
            "no rule allows it"
        );
        assert_eq!(
            allowed("a.example/metrics:1", "/spec/replicas", Some(3)),
            None,
            "another path"
        );
    }
}
