//! The Job that undoes an irreversible one, as the release names it: where it lies, what is created, and what
//! is said of its end.
//!
//! Pure. It stays, with its log, until the next one takes its place.

use crate::model::journal::{StepPart, UndoState};
use crate::model::k8s::kinds::built_in;
use crate::model::names::PROMOTION_ANNOTATION;
use crate::model::{Object, Target};
use serde_json::{Value, json};

/// The Job that undoes a step.
pub(super) struct UndoJob<'a> {
    /// As the release has it.
    pub job: &'a Object,
    pub target: Target,
    /// The promotion that it undoes something of.
    pub promotion: &'a str,
}

/// Where the Job lies that undoes a step of this object: whatever that is, it is a Job.
pub(super) fn undo_target(job: &Object, of: &Target) -> Target {
    let resource = built_in("batch", "Job").unwrap_or_else(|| of.resource.clone());
    Target {
        resource,
        namespace: of.namespace.clone(),
        name: job.name().into(),
    }
}

impl<'a> UndoJob<'a> {
    /// For a step of that promotion.
    pub(super) fn new(job: &'a Object, part: &StepPart, promotion: &'a str) -> Self {
        Self {
            job,
            target: undo_target(job, &part.step.target),
            promotion,
        }
    }

    /// What is created: suspended, marked, and never gone by itself.
    pub(super) fn body(&self) -> Value {
        let mut body = self.job.value().clone();

        if body["metadata"]["annotations"].is_null() {
            body["metadata"]["annotations"] = json!({});
        }
        // By this mark every later run knows whose it is, and which promotion it undoes something of.
        body["metadata"]["annotations"][PROMOTION_ANNOTATION] = self.promotion.into();
        body["spec"]["suspend"] = true.into();
        // Were it deleted by its TTL, nothing would say any more that the other Job had run.
        if let Some(spec) = body["spec"].as_object_mut() {
            spec.shift_remove("ttlSecondsAfterFinished");
        }

        body
    }

    /// That it failed, with what to type.
    pub(super) fn failed(&self, why: &str) -> UndoState {
        let job = self.target.id();
        let name = job.kubectl_name();
        let namespace = job
            .namespace
            .map(|namespace| format!(" -n {namespace}"))
            .unwrap_or_default();

        UndoState::Left {
            why: format!("{} has not undone it: {why}", self.target),
            by_hand: vec![
                format!("kubectl logs {name}{namespace}"),
                format!("kubectl delete {name}{namespace}   # the next revert runs it again"),
            ],
        }
    }

    /// That it has undone the step.
    pub(super) fn undone_by_job(&self) -> UndoState {
        UndoState::done("", vec![format!("undone by {}", self.target)])
    }
}
