//! Why a container waits: the kubelet's reasons, what each is blamed on, and for how long it may last.
//!
//! The reasons stand in one list, [`StartFailure::parse`]: the rules read it for pods that should come up, and
//! `attribution.rs` for those that never did. A reason that is not in it says nothing and is left to the
//! deadline. CrashLoopBackOff is not in it on purpose, for the exits behind it are counted (`signals.rs`).

use super::failure_signal::{Explanation, SignalContext};
use super::pod_text::describe;
use super::pull;
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::verdict::CauseKind;

/// What runtimes write where the image or the container's own command is what is wrong.
const OWN_FAULT: &[&str] = &[
    "executable file not found",
    "no such file or directory",
    "permission denied",
    "exec format error",
    "not a directory",
    "is a directory",
    "no command specified",
    "unable to find user",
    "no matching entries in passwd file",
];

/// What keeps a container from being started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartFailure {
    /// The image's name is none.
    InvalidImageName,
    /// The image is not on the node, and may not be pulled.
    NeverPulled,
    /// The image cannot be pulled.
    Pull,
    /// What the container refers to is missing, or refused for what the image is.
    Configuration,
    /// The runtime fails: its words say whose fault that is.
    Runtime,
    /// A hook of the container, or the signature of its image.
    Refused,
}

impl StartFailure {
    /// From the `reason` of a waiting state; none where it says nothing (every pod passes through ContainerCreating).
    pub fn parse(reason: &str) -> Option<Self> {
        Some(match reason {
            "InvalidImageName" => Self::InvalidImageName,
            "ErrImageNeverPull" => Self::NeverPulled,
            "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => Self::Pull,
            "CreateContainerConfigError" => Self::Configuration,
            "CreateContainerError" | "RunContainerError" | "ContainerCannotRun" | "ImageInspectError" => {
                Self::Runtime
            }
            "PostStartHookError" | "PreStartHookError" | "SignatureValidationFailed" => Self::Refused,
            _ => return None,
        })
    }

    /// What it is blamed on where the pod never began and is gone for good; none where that is the container itself.
    pub fn external_cause(self, container: &ContainerFacts, message: &str) -> Option<CauseKind> {
        match self {
            Self::NeverPulled => Some(CauseKind::ImageUnavailable),
            // Without a reason the registry is taken for away: nobody has said that the image is not there.
            Self::Pull => {
                Some(pull::classify(message, &container.image).unwrap_or(CauseKind::ImageUnavailable))
            }
            // Anything else is refused for what the image is (`runAsNonRoot`): that is its own fault.
            Self::Configuration => {
                is_missing_configuration(message).then_some(CauseKind::MissingConfiguration)
            }
            Self::Runtime => Some(cannot_start(message)),
            Self::InvalidImageName | Self::Refused => None,
        }
    }
}

/// Whose fault it is that a container cannot be started, by the runtime's words.
pub(super) fn cannot_start(message: &str) -> CauseKind {
    let text = message.to_lowercase();
    if OWN_FAULT.iter().any(|words| text.contains(words)) {
        CauseKind::CannotStart
    } else {
        CauseKind::NodeError
    }
}

/// What a container that waits for this reason fails of; none where the reason says nothing.
pub(super) fn explain_waiting(
    pod: &PodFacts,
    container: &ContainerFacts,
    (reason, message): (&str, &str),
    context: &SignalContext<'_>,
) -> Option<Explanation> {
    let graces = &context.policy.graces;
    let (what, image) = (describe(pod, container), &container.image);
    let words = or(message, reason);

    let (kind, grace, message) = match StartFailure::parse(reason)? {
        // The kubelet finds this one and the next out by itself, with no registry that may be slow: no grace.
        StartFailure::InvalidImageName => (
            CauseKind::InvalidImageName,
            0,
            format!("{what} has an invalid image name: {image:?}"),
        ),
        StartFailure::NeverPulled => (
            CauseKind::ImageUnavailable,
            0,
            format!("{what}: image {image} is not on its node (imagePullPolicy: Never)"),
        ),
        StartFailure::Pull => {
            let failed = explain_pull(pod, container, message, context);
            let message = format!("{what} cannot pull {image}: {}", failed.message);
            (failed.kind, failed.grace, message)
        }
        StartFailure::Configuration => {
            // What is not missing is refused for what the image is (root, under `runAsNonRoot`).
            let kind = if is_missing_configuration(message) {
                CauseKind::MissingConfiguration
            } else {
                CauseKind::CannotStart
            };
            let message = format!("{what} cannot be created: {words}");
            (kind, graces.configuration, message)
        }
        StartFailure::Runtime => {
            let kind = cannot_start(message);
            (kind, graces.start, format!("{what} cannot start: {words}"))
        }
        StartFailure::Refused => {
            let kind = CauseKind::CannotStart;
            (kind, graces.start, format!("{what} cannot start: {words}"))
        }
    };

    Some(Explanation { kind, grace, message })
}

/// Why an image cannot be pulled, without the container and the image.
fn explain_pull(
    pod: &PodFacts,
    container: &ContainerFacts,
    message: &str,
    context: &SignalContext<'_>,
) -> Explanation {
    let graces = &context.policy.graces;

    // Older kubelets say why in an Event only.
    let events = context
        .occurrences
        .iter()
        .filter(|one| one.about == pod.uid && one.reason == "Failed");
    let texts = [message]
        .into_iter()
        .chain(events.map(|one| one.message.as_str()));
    let classified = texts
        .filter_map(|text| Some((pull::classify(text, &container.image)?, text)))
        .next();

    let (kind, grace, message) = match classified {
        // The preflight saw it in its registry: that it is missing now is not the doing of the release.
        Some((CauseKind::ImageNotFound, _)) if context.subject.seen_images.contains(&container.image) => (
            CauseKind::ImageUnavailable,
            graces.seen_image,
            "not found in its registry, where it existed before the promotion".into(),
        ),
        // The image is there, and has no part for this node: no wait changes that either.
        Some((kind @ CauseKind::ImageNotFound, text)) if pull::lacks_platform(text) => {
            (kind, 0, "no image for the platform of the node".into())
        }
        Some((kind @ CauseKind::ImageNotFound, _)) => (kind, 0, "not found in its registry".into()),
        Some((kind @ CauseKind::ImageUnauthorized, text)) => (
            kind,
            0,
            format!("the registry denies access: {}", last_words(text)),
        ),
        Some((_, text)) => (CauseKind::ImageUnavailable, graces.registry, last_words(text)),
        // A back-off that quotes no reason: the registry may merely be slow.
        None => (
            CauseKind::ImageUnavailable,
            graces.registry,
            or(message, "no reason given").to_owned(),
        ),
    };

    Explanation { kind, grace, message }
}

/// The end of a chain of wrapped errors, which is where the reason stands.
fn last_words(text: &str) -> String {
    let parts: Vec<&str> = text.split(": ").collect();
    parts[parts.len().saturating_sub(3)..].join(": ")
}

/// Whether a kubelet's message says that what a container or a volume refers to is missing.
pub(super) fn is_missing_configuration(message: &str) -> bool {
    // The kubelet's words for an object that is missing, a key of it, and a key of a volume.
    ["not found", "couldn't find key", "non-existent"]
        .iter()
        .any(|word| message.contains(word))
}

fn or<'t>(text: &'t str, other: &'t str) -> &'t str {
    if text.is_empty() { other } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        r#"OCI runtime create failed: runc create failed: unable to start container process: exec: "/no/such": stat /no/such: no such file or directory"#,
        CauseKind::CannotStart
    )]
    #[case(r#"exec: "web": executable file not found in $PATH"#, CauseKind::CannotStart)]
    #[case("exec /web: exec format error", CauseKind::CannotStart)]
    // Whatever is in the image: these are between the runtime and its node.
    #[case("failed to reserve container name: name is reserved", CauseKind::NodeError)]
    #[case("failed to create shim task: no space left on device", CauseKind::NodeError)]
    #[case("context deadline exceeded", CauseKind::NodeError)]
    fn a_command_that_is_not_in_the_image_is_its_own_fault_and_a_runtime_that_fails_is_not(
        #[case] message: &str,
        #[case] kind: CauseKind,
    ) {
        assert_eq!(cannot_start(message), kind);
    }
}
