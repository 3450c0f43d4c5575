//! What a promotion may do: flags become a policy.

use crate::commands::consent_args::ConsentArgs;
use crate::model::moves::RELEASE_PREFIX;
use crate::plan::PlanPolicy;
use crate::usecase::promote::parse_adopt;
use clap::Args as ClapArgs;

/// What a promotion does only where it is allowed to.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Policy")]
pub(in crate::commands) struct Allow {
    /// Overwrite fields that were changed manually
    #[arg(long)]
    overwrite: bool,
    /// Take ownership of the fields of this field manager; `kubectl`, `helm`, `argocd` and `flux` name those tools.
    /// `release:[NAMESPACE/]NAME` moves objects of this release from the inventory of another one
    #[arg(long, value_name = "MANAGER", value_parser = parse_adopt)]
    adopt: Vec<String>,
    /// Prune more than a third of the inventory at once
    #[arg(long)]
    allow_prune: bool,
    #[command(flatten)]
    pub(in crate::commands) consent: ConsentArgs,
}

impl Allow {
    /// Whether anything else is allowed.
    pub(in crate::commands) fn is_given_besides_data_loss(&self) -> bool {
        self.overwrite
            || self.allow_prune
            || !self.adopt.is_empty()
            || self.consent.is_given_besides_data_loss()
    }
}

/// The release that a value of `--adopt` names, where it names one and no field manager.
fn release_of(name: &str) -> Option<&str> {
    name.strip_prefix(RELEASE_PREFIX)
}

impl Allow {
    /// What the flags allow.
    pub(in crate::commands) fn policy(&self) -> PlanPolicy {
        PlanPolicy {
            overwrite: self.overwrite,
            adopt: self
                .adopt
                .iter()
                .filter(|name| release_of(name).is_none())
                .cloned()
                .collect(),
            adopt_releases: self
                .adopt
                .iter()
                .filter_map(|name| release_of(name))
                .map(str::to_owned)
                .collect(),
            allow_prune: self.allow_prune,
            ..self.consent.policy()
        }
    }
}
