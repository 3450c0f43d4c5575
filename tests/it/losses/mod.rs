//! Nothing is lost in silence: what goes is named before, what stays is named with its reason, and what a revert says was
//! looked at.

mod addresses;
mod claims;
mod deleted;
mod immutable;
mod keep_marks;
mod older_revisions;
mod on_failure;
mod requirements;
mod reverts;
mod roles;
mod unhealthy;
