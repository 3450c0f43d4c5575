//! The objects that a promotion would apply, as text for a GitOps repository: without a cluster, and without values of
//! Secrets.

use super::inputs::Inputs;
use super::system::today;
use super::{CommandError, ErrorKind};
use crate::compare::{self, DesiredInput};
use crate::load::to_yaml;

/// Renders them; the namespace wins over the environment's.
///
/// # Errors
///
/// The release does not fit its environment, or a Secret would be written with its values.
pub fn render(mut inputs: Inputs, namespace: Option<String>) -> Result<String, CommandError> {
    let tested = std::mem::take(&mut inputs.release.release.spec.objects);
    let environment = &inputs.environment.environment;
    let home = namespace
        .or_else(|| environment.spec.namespace.clone())
        .unwrap_or_else(|| "default".into());
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
    let objects = desired.objects.iter();
    let documents: Vec<String> = objects.map(|one| to_yaml(one.object.value())).collect();
    Ok(documents.join("---\n"))
}
