//! What a run that deletes objects does only where a user names it.

use crate::execute::Confirmed;
use crate::model::check::Check;
use crate::model::plan::Waiver;
use crate::plan::PlanPolicy;
use clap::Args as ClapArgs;
use std::collections::BTreeSet;

/// What is deleted, or done in spite of a finding, only where it is named.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Policy")]
pub(super) struct ConsentArgs {
    /// Prune this object too, which is left in place by default: a Namespace, PersistentVolumeClaim or CRD, an object that
    /// the environment declares as external, or one annotated to be kept, such as with helm.sh/resource-policy: keep
    #[arg(long, value_name = "KIND/NAME")]
    prune_kept: Vec<String>,
    /// Delete the data of this PersistentVolumeClaim or PersistentVolume, which no revert restores; the plan names the data
    #[arg(long, value_name = "KIND/NAMESPACE/NAME")]
    allow_data_loss: Vec<String>,
    /// Allow this change although only the stored state asks for it: outside of the release namespace, cluster-wide, or of a
    /// permission or quota
    #[arg(long, value_name = "KIND/[NAMESPACE/]NAME")]
    allow_unconfirmed: Vec<String>,
    /// Ignore this error of a check, named by its object, `Kind/[namespace/]name[/path]`, or its image; the history records
    /// it. `quarantine` and `signature` stand alone
    #[arg(long, value_name = "CHECK=ITEM", value_parser = Check::parse_waiver)]
    waive: Vec<(Check, Option<String>)>,
    /// Reason of the waiver
    #[arg(long, value_name = "TEXT", requires = "waive")]
    reason: Option<String>,
}

impl ConsentArgs {
    /// What the flags allow.
    pub(super) fn policy(&self) -> PlanPolicy {
        let waiver = |(check, item): &(Check, Option<String>)| Waiver {
            check: check.name().into(),
            item: item.clone(),
            reason: self.reason.clone(),
            ..Waiver::default()
        };
        PlanPolicy {
            prune_kept: self.prune_kept.iter().cloned().collect(),
            allow_data_loss: self.data_loss(),
            waivers: self.waive.iter().map(waiver).collect(),
            ..PlanPolicy::default()
        }
    }

    /// Claims and volumes whose data may be deleted.
    pub(super) fn data_loss(&self) -> BTreeSet<String> {
        self.allow_data_loss.iter().cloned().collect()
    }

    /// What confirms what only the stored state says.
    pub(super) fn confirmed(&self) -> Confirmed {
        Confirmed {
            allowed: self.allow_unconfirmed.iter().cloned().collect(),
            ..Confirmed::default()
        }
    }

    /// Whether a check is waived, or something that is kept is to be pruned.
    pub(super) fn is_given_besides_data_loss(&self) -> bool {
        !self.prune_kept.is_empty() || !self.waive.is_empty()
    }
}
