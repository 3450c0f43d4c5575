//! What a status says of its object.

/// In which state an object is, by its own status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CustomState {
    /// Ready.
    Ready,
    /// Its status says nothing that is understood.
    Unknown,
    /// Its controller has reported nothing yet.
    NotReported,
    /// Its controller has not come to the spec.
    NotObserved,
    /// Its controller is at work.
    Progressing,
    /// It stands still, and goes on when somebody says so.
    Paused,
    /// It is not to run, by its own spec.
    Suspended,
    /// It reports a failure, which its controller may still mend.
    Failed,
    /// It reports a failure that stays.
    FailedForGood,
}

/// The state of an object, with a phrase that says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomHealth {
    /// The state.
    pub state: CustomState,
    /// A lowercase phrase, or the controller's own message.
    pub message: String,
}

impl CustomHealth {
    /// A state and why.
    pub fn new(state: CustomState, message: impl Into<String>) -> Self {
        Self {
            state,
            message: message.into(),
        }
    }
}
