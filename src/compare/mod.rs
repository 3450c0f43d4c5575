//! Pure comparison: tested, desired and live in, findings out.

mod fields;
mod managed_fields;
mod object;

pub use fields::changes;
pub use managed_fields::{Owners, class_of};
pub use object::{Looked, object};
