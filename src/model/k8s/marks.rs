//! Labels and annotations that others write into objects which a release declares: one table, in which a column says
//! whose they are.
//!
//! What a *controller* writes belongs to it for as long as it runs: it is no drift, no promotion sends or removes it, and
//! adopting the controller's fields does not take it along. What an *installer* writes says who installed the object: it is
//! told in one line and is no drift, and goes only where the caller adopts the installer.
//!
//! A key counts on the kinds that its writer writes it on, and nowhere else. A field that desired holds is compared whatever
//! stands here.

mod table;

use self::Installer::ArgoCd;
use self::List::{Annotations, Labels};
use self::table::MARKS;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// Whose mark it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    Controller,
    Installer(Installer),
}

/// A tool that installs and promotes as this one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Installer {
    /// Argo CD.
    ArgoCd,
    /// Flux.
    Flux,
    /// Helm.
    Helm,
    /// kapp.
    Kapp,
    /// Fleet.
    Fleet,
}

impl Installer {
    /// Its name, as its makers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ArgoCd => "Argo CD",
            Self::Flux => "Flux",
            Self::Helm => "Helm",
            Self::Kapp => "kapp",
            Self::Fleet => "Fleet",
        }
    }

    /// What `--adopt` calls it.
    pub fn adopt_name(self) -> &'static str {
        match self {
            Self::ArgoCd => "argocd",
            Self::Flux => "flux",
            Self::Helm => "helm",
            Self::Kapp => "kapp",
            Self::Fleet => "fleet",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Labels,
    Annotations,
}

/// One row.
#[derive(Clone, Copy)]
struct Mark {
    writer: Writer,
    /// The kinds that carry it, as `Kind` or `Kind.group`; any where none is named.
    kinds: &'static [&'static str],
    list: List,
    /// The key, or its prefix up to the slash.
    key: &'static str,
    /// The only value that counts, where others use the same key.
    value: Option<&'static str>,
    /// How the name of the manager begins that wrote it, where others use the same key with values of their own.
    manager: Option<&'static str>,
    /// What its value names, where that is what the tool calls an installation.
    names: Option<&'static str>,
}

/// What Argo Rollouts writes on what it switches between revisions.
pub(super) const MANAGED_BY_ROLLOUTS: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";

/// Lists, by Rollout, the annotations of an Ingress that Argo Rollouts writes.
pub(super) const MANAGED_ALB_ANNOTATIONS: &str = "rollouts.argoproj.io/managed-alb-annotations";

impl Mark {
    fn is_at(&self, list: List, key: &str) -> bool {
        let is_key = if self.key.ends_with('/') {
            key.starts_with(self.key)
        } else {
            key == self.key
        };
        self.list == list && is_key
    }

    fn is_on(&self, object: &Object) -> bool {
        let gvk = object.gvk();
        let is_kind = |known: &&str| match known.split_once('.') {
            Some((kind, group)) => *gvk.kind == *kind && *gvk.group == *group,
            None => *gvk.kind == **known && gvk.group.is_empty(),
        };
        self.kinds.is_empty() || self.kinds.iter().any(is_kind)
    }
}

/// Whether an annotation belongs to a controller: it is no content, and a revert leaves it as it is.
pub fn is_controllers_annotation(key: &str) -> bool {
    MARKS
        .iter()
        .any(|mark| mark.writer == Writer::Controller && mark.is_at(Annotations, key))
}

/// Whether the label or annotation is one that a controller writes on such an object.
pub(super) fn is_controllers_mark(object: &Object, path: &FieldPath) -> bool {
    let Some((list, key)) = mark_place(path) else {
        return false;
    };
    MARKS
        .iter()
        .any(|mark| mark.writer == Writer::Controller && mark.is_at(list, key) && mark.is_on(object))
}

/// The installer whose mark the field is. `value` is what live holds there, `manager` who owns it.
pub fn installer_of(path: &FieldPath, value: Option<&Value>, manager: Option<&str>) -> Option<Installer> {
    let (list, key) = mark_place(path)?;
    MARKS.iter().find_map(|mark| match mark.writer {
        Writer::Installer(installer) if mark.is_at(list, key) => {
            let is_value = mark
                .value
                .is_none_or(|only| value.is_some_and(|value| value == only));
            let is_by = mark
                .manager
                .is_none_or(|name| manager.is_some_and(|manager| manager.starts_with(name)));
            (is_value && is_by).then_some(installer)
        }
        _ => None,
    })
}

/// Labels and annotations of the object itself: those of a pod template lie deeper, and decide what pods there are.
fn mark_place(path: &FieldPath) -> Option<(List, &str)> {
    let [Step::Field(metadata), Step::Field(list), Step::Field(key)] = path.steps() else {
        return None;
    };
    match (metadata.as_str(), list.as_str()) {
        ("metadata", "labels") => Some((Labels, key)),
        ("metadata", "annotations") => Some((Annotations, key)),
        _ => None,
    }
}

/// An installer, and what it calls the installation that an object is a part of: `release web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The tool.
    pub installer: Installer,
    /// The installation.
    pub name: String,
}

/// The installation that the object's marks name; of several tools the one that runs the others.
pub fn installation(object: &Object) -> Option<Installation> {
    MARKS.iter().find_map(|mark| installation_named(mark, object))
}

/// The installation of that tool.
pub fn installation_of(installer: Installer, object: &Object) -> Option<Installation> {
    let of_tool = |mark: &&Mark| mark.writer == Writer::Installer(installer);
    MARKS
        .iter()
        .filter(of_tool)
        .find_map(|mark| installation_named(mark, object))
}

fn installation_named(mark: &Mark, object: &Object) -> Option<Installation> {
    let (Writer::Installer(installer), Some(names)) = (mark.writer, mark.names) else {
        return None;
    };
    let value = match mark.list {
        Labels => object.label(mark.key)?,
        Annotations => object.annotation(mark.key)?,
    };

    // Argo CD's names the application first, and then the object.
    let value = match installer {
        ArgoCd => value.split(':').next().unwrap_or(value),
        _ => value,
    };
    let name = format!("{names} {value}");
    Some(Installation { installer, name })
}

#[cfg(test)]
mod tests {
    use super::Installer::{Fleet, Flux, Helm, Kapp};
    use super::*;
    use serde_json::json;

    fn object(api_version: &str, kind: &str, metadata: &Value) -> Object {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}});
        for (key, value) in metadata.as_object().unwrap() {
            object["metadata"][key] = value.clone();
        }
        Object::new(object).unwrap()
    }

    fn is_controllers_at(api_version: &str, kind: &str, path: &str) -> bool {
        is_controllers_mark(&object(api_version, kind, &json!({})), &path.parse().unwrap())
    }

    #[test]
    fn a_controllers_mark_counts_on_the_kinds_that_it_writes_it_on() {
        let revision = "/metadata/annotations/rollout.argoproj.io~1revision";
        let neg = "/metadata/annotations/cloud.google.com~1neg-status";
        for (api_version, kind, path, expected) in [
            ("argoproj.io/v1alpha1", "Rollout", revision, true),
            ("apps/v1", "Deployment", revision, false),
            ("example.com/v1", "Rollout", revision, false),
            ("v1", "Service", neg, true),
            ("serving.knative.dev/v1", "Service", neg, false),
            // What asks for it is the user's.
            (
                "v1",
                "Service",
                "/metadata/annotations/cloud.google.com~1neg",
                false,
            ),
            (
                "keda.sh/v1alpha1",
                "ScaledObject",
                "/metadata/labels/scaledobject.keda.sh~1name",
                true,
            ),
            (
                "keda.sh/v1alpha1",
                "ScaledObject",
                "/metadata/annotations/autoscaling.keda.sh~1paused",
                false,
            ),
            (
                "apps/v1",
                "Deployment",
                "/metadata/annotations/deployment.kubernetes.io~1revision",
                true,
            ),
            // Deeper, it decides what pods there are.
            (
                "argoproj.io/v1alpha1",
                "Rollout",
                "/spec/template/metadata/annotations/rollout.argoproj.io~1revision",
                false,
            ),
        ] {
            assert_eq!(
                is_controllers_at(api_version, kind, path),
                expected,
                "{kind} {path}"
            );
        }
    }

    #[test]
    fn a_mark_is_its_tools_and_a_label_that_others_use_is_helms_by_its_value() {
        let tool = |path: &str, value: &str| installer_of(&path.parse().unwrap(), Some(&json!(value)), None);

        for (path, value, expected) in [
            (
                "/metadata/annotations/meta.helm.sh~1release-name",
                "web",
                Some(Helm),
            ),
            (
                "/metadata/labels/app.kubernetes.io~1managed-by",
                "Helm",
                Some(Helm),
            ),
            ("/metadata/labels/app.kubernetes.io~1managed-by", "me", None),
            (
                "/metadata/labels/kustomize.toolkit.fluxcd.io~1name",
                "apps",
                Some(Flux),
            ),
            (
                "/metadata/annotations/objectset.rio.cattle.io~1id",
                "x",
                Some(Fleet),
            ),
            ("/metadata/labels/kapp.k14s.io~1app", "1", Some(Kapp)),
            // kapp's selector: it decides what pods there are.
            ("/spec/template/metadata/labels/kapp.k14s.io~1app", "1", None),
            ("/spec/selector/matchLabels/kapp.k14s.io~1app", "1", None),
            ("/metadata/annotations/rollout.argoproj.io~1revision", "1", None),
        ] {
            assert_eq!(tool(path, value), expected, "{path}");
        }

        let instance = "/metadata/labels/app.kubernetes.io~1instance".parse().unwrap();
        let by = |manager: &str| installer_of(&instance, Some(&json!("shop")), Some(manager));
        assert_eq!(by("argocd-controller"), Some(ArgoCd));
        assert_eq!(by("kubectl-label"), None, "charts set the same label");
    }

    #[test]
    fn an_installation_is_named_as_its_tool_names_it_and_flux_comes_before_the_helm_that_it_runs() {
        let named = |metadata: Value| {
            let found = installation(&object("v1", "ConfigMap", &metadata))?;
            Some(format!("{} ({})", found.installer.name(), found.name))
        };
        let helm = json!({"meta.helm.sh/release-name": "web"});

        assert_eq!(named(json!({"annotations": helm})).unwrap(), "Helm (release web)");
        let both = json!({"annotations": helm, "labels": {"helm.toolkit.fluxcd.io/name": "shop"}});
        assert_eq!(named(both).unwrap(), "Flux (HelmRelease shop)");
        let tracked = json!({"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"});
        assert_eq!(
            named(json!({"annotations": tracked})).unwrap(),
            "Argo CD (application shop)"
        );
        assert_eq!(named(json!({"labels": {"kapp.k14s.io/app": "1"}})), None);
    }
}
