//! What is shown of a revert before anything is changed: a dry run's plan on stdout, else the plan on stderr, above the
//! question.

use crate::commands::console::{Console, OutputMode};
use crate::model::rollback_plan::RollbackPlan;
use crate::report::{self, Redactor, RollbackStyle, RollbackView};
use crate::usecase::CommandError;
use crate::usecase::system::random_key;
use std::io::Write;

/// Shows the plan, without a value of a Secret.
pub(super) fn show_plan(
    plan: &RollbackPlan,
    is_dry_run: bool,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    let mut redactor = Redactor::new(random_key()?);
    let objects = plan.steps.iter().flat_map(|step| [&step.live, &step.restored]);
    objects.flatten().for_each(|object| redactor.learn(object));
    let view = RollbackView::new(plan, &redactor);

    let context = console.context;
    if is_dry_run && console.mode == OutputMode::Json {
        let mut out = context.stdout();
        report::json(&view, &mut out)?;
        return Ok(out.flush()?);
    }
    let stream = console.plan_stream(is_dry_run);
    let mut out = context.stream(stream);
    let style = RollbackStyle {
        color: context.color(stream),
        width: context.width(stream),
    };
    report::rollback_plan(&view, style, &mut out)?;
    Ok(out.flush()?)
}
