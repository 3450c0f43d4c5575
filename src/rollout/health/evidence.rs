//! What speaks for and against an object, and how much it weighs.

/// How much a piece of evidence weighs, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// A failure that stays.
    FailedForGood,
    /// A failure.
    Failed,
    /// It stands still because it is meant to.
    Still,
    /// It is on its way.
    Moving,
    /// It is not ready, and nothing says why.
    MayHaveFailed,
    /// A part is not ready.
    PartMoving,
    /// What would tell is of an older spec.
    Outdated,
    /// Its state is a word that is not known.
    Unclear,
    /// It says that it is ready.
    Ready,
    /// All of its parts say so, and it says nothing itself.
    PartsReady,
    /// As many are ready as there should be.
    Counted,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    pub level: Level,
    pub message: String,
}

impl Evidence {
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            message: message.into(),
        }
    }

    /// The same of a part of the object.
    pub fn of_part(self) -> Self {
        let level = match self.level {
            Level::Ready | Level::Counted => Level::PartsReady,
            Level::Moving | Level::Unclear => Level::PartMoving,
            level => level,
        };
        Self { level, ..self }
    }
}
