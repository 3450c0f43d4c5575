//! `-o patch`: the differences as patches of the manifests.

use crate::cli::{Context, Exit};
use crate::load::to_yaml;
use crate::report::clean;
use crate::report::diff::{View, patch, patch_note};
use crate::usecase::CommandError;
use crate::usecase::differences::Differences;
use clap::Args;
use std::io::Write;

/// What of the differences becomes a patch.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct PatchArgs {
    /// With -o patch: take this object alone, KIND/NAMESPACE/NAME, or one field of it, KIND/NAMESPACE/NAME/PATH; may be
    /// repeated
    #[arg(long, value_name = "OBJECT")]
    only: Vec<String>,
}

impl PatchArgs {
    /// Refuses a choice for another format.
    pub fn check(&self, is_patch: bool) -> Result<(), CommandError> {
        if self.only.is_empty() || is_patch {
            return Ok(());
        }
        let error = CommandError::usage("--only chooses what becomes a patch");
        Err(error.with_hint("add -o patch, or leave --only out"))
    }

    /// Writes the patches; what they leave out is noted on stderr, for the file mostly goes elsewhere.
    pub fn show(
        &self,
        differences: &Differences,
        view: &View,
        context: &Context,
    ) -> Result<Exit, CommandError> {
        let patches = differences.patches(&self.only)?;
        let mut out = context.data();
        patch(
            &patches,
            view,
            &differences.redactor,
            &|value| to_yaml(value),
            &mut out,
        )?;
        out.flush()?;

        if let Some(note) = patch_note(&patches) {
            writeln!(context.stderr(), "note: {}", clean(&note))?;
        }
        differences.ensure_checked()?;
        Ok(Exit::from_differences(view.summary.has_differences()))
    }
}
