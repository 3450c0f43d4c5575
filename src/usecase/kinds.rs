//! Where an object is reached: what the cluster serves of its kind.

use super::{CommandError, ErrorKind};
use crate::model::{Gvk, Object, ResourceType, Target};
use std::collections::BTreeMap;

/// An object's target; `home` is the namespace of one that names none.
pub fn target(
    kinds: &BTreeMap<Gvk, ResourceType>,
    object: &Object,
    home: Option<&str>,
) -> Result<Target, CommandError> {
    let gvk = object.gvk();
    let kind = kinds.get(&gvk).ok_or_else(|| {
        let message = format!(
            "expected a kind that the cluster serves, found {} {}",
            gvk.api_version(),
            gvk.kind
        );
        CommandError::new(ErrorKind::Refused, message)
            .with_hint("install its CustomResourceDefinition, or add it to the release")
    })?;
    Ok(Target::new(kind, object.namespace().or(home), object.name()))
}
