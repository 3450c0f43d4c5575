//! What of a release a comparison may be unable to look at: it decides which findings are left open, and what is counted.

use super::finding::DriftKind;

/// What of a release could not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coverage {
    /// All of the object itself.
    Object,
    /// Images that run, and configuration that pods have read.
    Pods,
    /// Whether what is used is there. What it comes to is a remark of a comparison, and no error.
    Requirement,
    /// Whether a workload would start again; a remark as well.
    Starts,
}

impl Coverage {
    /// Each of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Object, Self::Pods, Self::Requirement, Self::Starts];

    /// As labels of metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Object => "objects",
            Self::Pods => "pods",
            Self::Requirement => "requirements",
            Self::Starts => "starts",
        }
    }

    /// Whether it is unknown then whether the release is in sync.
    pub fn decides_sync(self) -> bool {
        matches!(self, Self::Object | Self::Pods)
    }

    /// Whether findings of that kind are among those that were not looked at.
    pub fn covers(self, kind: DriftKind) -> bool {
        use DriftKind::{
            DifferentImage, MixedImages, Requirement, StaleConfiguration, TagMoved, UnexpectedContainer,
            Unknown, WouldNotStart,
        };
        match kind {
            DifferentImage | MixedImages | TagMoved | UnexpectedContainer | StaleConfiguration => {
                self == Self::Pods
            }
            Requirement => self == Self::Requirement,
            WouldNotStart => self == Self::Starts,
            Unknown => false,
            _ => self == Self::Object,
        }
    }
}
