//! The permissions that a plan and its undo need.
//!
//! All of them are asked for before anything is touched: one that is missing in the middle is a rollback, and one that the
//! undo lacks is a rollback that stops half-way. What a promotion can do without is asked for as well, and only told.

use crate::model::ResourceType;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::k8s::images::images;
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::k8s::ownership::{kind_between, pod_namespaces, release_namespaces};
use crate::model::plan::{Action, Expect, Plan, PlanStep, Undo};
use crate::model::preflight::{Permission, PermissionUse};
use crate::model::release::ImagePath;
use crate::model::verb::Verb;
use std::collections::{BTreeMap, BTreeSet};

/// All that making an object again can take.
const MANAGE: &[Verb] = &[Verb::Get, Verb::Create, Verb::Update, Verb::Patch, Verb::Delete];

/// Permissions, with what each is needed for.
pub(super) fn needed(
    plan: &Plan,
    comparison: &Comparison,
    paths: &[ImagePath],
) -> BTreeMap<Permission, PermissionUse> {
    let mut permissions = Permissions::default();
    permissions.add_steps(plan);
    permissions.add_state_storage(plan);
    permissions.add_watches(plan);
    permissions.add_verification(plan, comparison, paths);
    permissions.0
}

/// What a step needs of its object: the object's name, verbs, and what they are for.
type Use<'a> = (&'a str, &'static [Verb], &'static str);

fn step_uses(step: &PlanStep) -> Vec<Use<'_>> {
    let name = step.target.name.as_str();
    let (verbs, purpose): (&[Verb], _) = match &step.action {
        // A server-side apply that creates is authorized as both.
        Action::Create { .. } => (&[Verb::Get, Verb::Create, Verb::Patch], "to create"),
        Action::Apply { .. } => (&[Verb::Get, Verb::Patch], "to update"),
        Action::Recreate { .. } => (
            &[Verb::Get, Verb::Delete, Verb::Create, Verb::Patch],
            "to replace",
        ),
        Action::Delete { .. } => (&[Verb::Get, Verb::Delete], "to delete"),
    };

    let undo: &[Verb] = match &step.undo {
        // Whether the old Job has finished when it comes to that is not known yet.
        _ if matches!(step.action, Action::Recreate { .. }) => MANAGE,
        Undo::Delete => &[Verb::Get, Verb::Delete],
        // What was deleted by somebody meanwhile is created again.
        Undo::Restore => &[Verb::Get, Verb::Update, Verb::Patch, Verb::Create],
        Undo::Run { .. } | Undo::CreateAgain | Undo::Replace => MANAGE,
        // Nobody puts it back: nobody has to be able to.
        Undo::Impossible { .. } => &[],
    };

    let mut uses = vec![(name, verbs, purpose), (name, undo, "to roll it back")];
    if let Undo::Run { job } = &step.undo {
        uses.push((
            job.name(),
            &[Verb::Get, Verb::Create, Verb::Patch, Verb::Delete],
            "to run its undo Job",
        ));
    }
    uses
}

#[derive(Default)]
struct Permissions(BTreeMap<Permission, PermissionUse>);

impl Permissions {
    /// Kind by kind and namespace by namespace: a thousand steps need a few rights.
    fn add_steps(&mut self, plan: &Plan) {
        let mut alike: BTreeMap<_, Vec<(&PlanStep, &str)>> = BTreeMap::new();
        for step in plan.steps.iter().chain(&plan.prune) {
            let place = (&step.target.resource, step.target.namespace.as_deref());
            for (name, verbs, purpose) in step_uses(step) {
                alike
                    .entry((purpose, place, verbs))
                    .or_default()
                    .push((step, name));
            }
        }

        for ((purpose, (resource, namespace), verbs), steps) in alike {
            let Some((first, _)) = steps.first() else { continue };
            let purpose = format!("{purpose} ({})", first.target.id());
            for &verb in verbs {
                let need = self.entry(resource, namespace, verb, &purpose);
                // Creations cannot be restricted by name: a Role that lists names allows none.
                if verb != Verb::Create {
                    need.names
                        .extend(steps.iter().map(|(_, name)| (*name).to_owned()));
                }
            }
        }
    }

    /// The lock, the inventory, the journal, the history and the pre-images.
    fn add_state_storage(&mut self, plan: &Plan) {
        let home = plan.namespace.as_str();
        self.add_kind(
            "",
            "ConfigMap",
            home,
            MANAGE,
            "to store inventory, journal and history",
        );
        self.add_kind(
            "coordination.k8s.io",
            "Lease",
            home,
            &[Verb::Get, Verb::Create, Verb::Update, Verb::Delete],
            "to hold the lock",
        );

        // Their inventories are changed under their locks; the journal of the move lies here.
        for one in &plan.moves {
            let (namespace, purpose) = (
                one.from.namespace.as_str(),
                format!("to move objects of release {}", one.from.name),
            );
            self.add_kind("", "ConfigMap", namespace, &[Verb::Get, Verb::Update], &purpose);
            let verbs = [Verb::Get, Verb::Create, Verb::Update, Verb::Delete];
            self.add_kind("coordination.k8s.io", "Lease", namespace, &verbs, &purpose);
        }

        self.add_kind(
            "",
            "Secret",
            home,
            &[Verb::Get, Verb::Create, Verb::Update],
            "to seal the stored state",
        );
        self.add_own_namespace(home);

        // A pre-image lies beside what it copies, and that of a cluster-scoped object at home.
        let copied = plan.steps.iter().chain(&plan.prune);
        let copied = copied.filter(|step| matches!(step.expect, Expect::Present { .. }));
        let namespaces: BTreeSet<&str> = copied
            .map(|step| step.target.namespace.as_deref().unwrap_or(home))
            .collect();
        for namespace in namespaces {
            self.add_kind(
                "",
                "Secret",
                namespace,
                &[Verb::Get, Verb::Create, Verb::Delete],
                "to store pre-images",
            );
        }
    }

    /// Workloads and their pods, for the verdicts.
    fn add_watches(&mut self, plan: &Plan) {
        for step in plan.steps.iter().filter(|step| is_watched(&step.target.resource)) {
            self.add_resource(
                &step.target.resource,
                step.target.namespace.as_deref(),
                &[Verb::List, Verb::Watch],
                "to watch its rollout",
            );

            let Some(namespace) = step.target.namespace.as_deref() else {
                continue;
            };
            let read = [Verb::Get, Verb::List, Verb::Watch];
            self.add_kind("", "Pod", namespace, &read, "to watch the rollout");
            self.add_kind("apps", "ReplicaSet", namespace, &read, "to watch the rollout");
            self.add_kind(
                "apps",
                "ControllerRevision",
                namespace,
                &read,
                "to watch the rollout",
            );

            // The verdict needs no log: it only says why a container failed.
            let logs = Permission {
                subresource: "log".into(),
                ..permission(&KnownKind::Pod.resource(), Some(namespace), Verb::Get)
            };
            self.add_optional(logs, "to show the log of a failed container");
        }
    }

    /// The pods of objects that name images and of which no rule of their kind tells the pods, and what commonly owns
    /// these. Without them what runs stays unknown, which fails nothing. Other owners are known by their pods alone.
    fn add_verification(&mut self, plan: &Plan, comparison: &Comparison, paths: &[ImagePath]) {
        let is_desired = |one: &&ObjectComparison| one.desired.is_some();
        let objects = || comparison.objects.iter().filter(is_desired);
        let release = release_namespaces(objects().map(|one| &one.target), &plan.namespace);

        for one in objects() {
            let is_meant = has_chained_pods(&one.target.resource)
                && one
                    .desired
                    .as_ref()
                    .is_some_and(|object| !images(object, paths).is_empty());
            if !is_meant {
                continue;
            }

            let purpose = format!("to verify the images of the pods of {}", one.id());
            for namespace in pod_namespaces(&one.target, &release) {
                for kind in [KnownKind::Pod, kind_between(&one.target.resource.kind)] {
                    for verb in [Verb::List, Verb::Watch] {
                        self.add_optional(permission(&kind.resource(), Some(&namespace), verb), &purpose);
                    }
                }
            }
        }
    }

    /// What a promotion can do without; not where it is needed anyway.
    fn add_optional(&mut self, right: Permission, purpose: &str) {
        self.0.entry(right).or_insert_with(|| PermissionUse {
            purpose: purpose.into(),
            optional: true,
            ..PermissionUse::default()
        });
    }

    fn add_resource(
        &mut self,
        resource: &ResourceType,
        namespace: Option<&str>,
        verbs: &[Verb],
        purpose: &str,
    ) {
        for &verb in verbs {
            self.entry(resource, namespace, verb, purpose);
        }
    }

    /// A Role of the namespace gives this right, too.
    fn add_own_namespace(&mut self, home: &str) {
        let right = Permission {
            group: String::new(),
            resource: "namespaces".into(),
            subresource: String::new(),
            namespace: Some(home.into()),
            verb: Verb::Get,
        };

        let purpose = "to seal the stored state".to_owned();
        let need = self.0.entry(right).or_insert_with(|| PermissionUse {
            purpose,
            ..PermissionUse::default()
        });
        need.names.insert(home.into());
    }

    fn add_kind(&mut self, group: &str, kind: &str, namespace: &str, verbs: &[Verb], purpose: &str) {
        let Some(resource) = built_in(group, kind) else {
            return;
        };
        for &verb in verbs {
            // Any name: those of the tool's own objects are not known to whoever writes a Role.
            self.entry(&resource, Some(namespace), verb, purpose)
                .names
                .clear();
        }
    }

    fn entry(
        &mut self,
        resource: &ResourceType,
        namespace: Option<&str>,
        verb: Verb,
        purpose: &str,
    ) -> &mut PermissionUse {
        let right = permission(resource, namespace, verb);
        self.0.entry(right).or_insert_with(|| PermissionUse {
            purpose: purpose.into(),
            ..PermissionUse::default()
        })
    }
}

fn permission(resource: &ResourceType, namespace: Option<&str>, verb: Verb) -> Permission {
    Permission {
        group: resource.group.clone(),
        resource: resource.plural.clone(),
        subresource: String::new(),
        // A cluster-scoped kind is asked about without a namespace, whatever the step names.
        namespace: namespace.filter(|_| resource.namespaced).map(Into::into),
        verb,
    }
}

/// Whether a kind's rollout is followed through its pods.
fn is_watched(resource: &ResourceType) -> bool {
    matches!(
        (&*resource.group, &*resource.kind),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch", "Job")
    )
}

/// Whether pods of a kind are found by the chains of their owners: of a CronJob, and of kinds that are not built in.
fn has_chained_pods(resource: &ResourceType) -> bool {
    let is_cron_job = (&*resource.group, &*resource.kind) == ("batch", "CronJob");
    is_cron_job || built_in(&resource.group, &resource.kind).is_none()
}
