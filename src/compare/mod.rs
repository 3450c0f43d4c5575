//! Pure comparison: tested, desired and live in, findings out.
//!
//! `desired` makes what a promotion would apply out of a release and an environment (`pair`, `pin`), and says how it
//! differs from what was tested (`structural`, `rules`). `object` compares live with its target (`drift`), or with what an
//! apply would leave (`fields`) where no target is at hand; `proof` says what an apply does where the server need not be
//! asked, `overlay` predicts where it cannot be.
//!
//! What it is given was read before, and what it finds is data: the same three versions give the same findings. An
//! unknown stays one: where an answer could not be had, that is a finding or an aside of its own, and never "same".

mod arrived;
mod bound;
mod computed_apply;
mod declared;
mod desired;
mod drift;
mod exported;
mod fields;
mod free_text;
mod images;
mod kind_scopes;
mod list_keys;
mod object;
mod overlay;
mod pair;
mod patch;
mod pin;
mod ran;
mod recording;
mod required;
mod requirements;
mod respelled;
mod rules;
mod since;
mod stale;
mod starts;
mod structural;
mod unowned;
mod unrecorded;
mod untested;
mod walk;

pub use arrived::{missing, with_applied_images};
pub use bound::with_bound;
pub use computed_apply::{ComputedApply, compute_apply};
pub use declared::expect_declared;
pub use desired::{Desired, DesiredInput, DesiredObject, desired};
pub use drift::{desired_holds, may_be_stamps, needs_fresh};
pub use exported::{LeftOut, leave_out_server_fields};
pub use images::{Running, RunningWorkload, name_promoted_images, running_images};
pub use object::{ObjectInputs, object, orphaned};
pub use overlay::overlay;
pub use pair::generated_stem;
pub use patch::{PatchInput, manifest_patches};
pub use pin::PinError;
pub use ran::{Ran, RanWorkload, ran};
pub use recording::{NeededImage, needed_images, record};
pub use requirements::{Needed, needed, requirements as unmet};
pub use rules::{Rules, Sides, check_expressions};
pub use since::touched;
pub use stale::stale;
pub use starts::{
    StartFacts, StartImage, StartingWorkload, is_start_reference, merge_requirements, open_targets,
    start_images, start_targets, starting_workloads, would_not_start,
};
pub use structural::differences;
pub use unowned::unexplained;
pub use unrecorded::{Unrecorded, UnrecordedImage, unrecorded_images};
