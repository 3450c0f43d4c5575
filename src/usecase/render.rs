//! The objects that a promotion would apply, as text for a GitOps repository: without a cluster, and without values of
//! Secrets.

use super::inputs::Inputs;
use super::system::today;
use super::{CommandError, ErrorKind};
use crate::compare::{self, DesiredInput};
use crate::load::to_yaml;
use crate::model::{Gvk, Object};
use std::collections::HashSet;

/// Renders them; the namespace wins over the environment's. Without either, objects that name none stay so.
///
/// # Errors
///
/// The release does not fit its environment, or a Secret would be written with its values.
pub fn render(mut inputs: Inputs, namespace: Option<String>) -> Result<String, CommandError> {
    let tested = std::mem::take(&mut inputs.release.release.spec.objects);
    let environment = &inputs.environment.environment;
    let home = namespace.or_else(|| environment.spec.namespace.clone());
    // Where nobody names one, whoever applies the text decides.
    let open = match home {
        Some(_) => HashSet::new(),
        None => without_namespace(inputs.manifests.as_ref().unwrap_or(&tested)),
    };
    let home = home.unwrap_or_else(|| "default".into());
    let desired = compare::desired(DesiredInput {
        release: &inputs.release.release,
        tested,
        manifests: inputs.manifests.take(),
        environment,
        home: &home,
        is_namespaced: &|_| None,
        today: today(),
    })
    .map_err(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        CommandError::new(ErrorKind::Usage, messages.join("\n"))
    })?;

    if let Some(secret) = desired.objects.iter().find(|one| one.object.is_secret()) {
        let message = format!("{} would be written with its values", secret.object.id());
        let hint = "declare it under external in the environment, or produce it there (ExternalSecret, SealedSecret)";
        return Err(CommandError::usage(message).with_hint(hint));
    }
    let documents = desired.objects.into_iter().map(|one| {
        let mut object = one.object;
        if open.contains(&key(&object)) {
            object.set_namespace(None);
        }
        to_yaml(object.value())
    });
    Ok(documents.collect::<Vec<_>>().join("---\n"))
}

/// The objects that name no namespace.
fn without_namespace(objects: &[Object]) -> HashSet<(Gvk, String)> {
    let open = objects.iter().filter(|object| object.namespace().is_none());
    open.map(key).collect()
}

fn key(object: &Object) -> (Gvk, String) {
    (object.gvk(), object.name().to_owned())
}
