//! What was observed: objects, what could not be read, and when. Unknown is not absent.
//!
//! Each answer that a server can give has a variant of its own, and so has its silence: who may not read,
//! what is not served, and what nobody has asked lead to different words and to different ways on.

use super::identity::ObjectId;
use super::object::Object;
use super::path::FieldPath;
use super::unknown::Unknown;
use super::unreachable_webhook::UnreachableWebhook;
use std::collections::BTreeMap;

/// The live objects that a comparison asked for.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// One entry for each object asked for.
    // What is missing here was not asked for: an object that is not there has an entry.
    pub objects: BTreeMap<ObjectId, Observed>,
}

/// What a read of one object gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// It is there.
    Present(Object),
    /// It is not there.
    Absent(Absence),
    /// It could not be read: nothing is known.
    Unreadable {
        /// The error, cleaned and redacted.
        error: String,
        /// Whether rights are missing (403).
        // A missing right does not pass by itself; other errors may.
        forbidden: bool,
        /// The webhook that the server could not ask, where it fails for that.
        webhook: Option<UnreachableWebhook>,
    },
}

/// Why an object is not there.
// A namespace or a kind may come with the release itself: what it means is not said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Its namespace and its kind are.
    Object,
    /// Its namespace is not there either.
    Namespace,
    /// Its namespace is being deleted, and takes no new objects.
    NamespaceGoing,
    /// Its kind is not served (its CRD is missing).
    Kind,
}

impl Observed {
    /// The object, where it is there.
    pub fn object(&self) -> Option<&Object> {
        match self {
            Observed::Present(object) => Some(object),
            // Absent or unread: whoever has to know looks at the variant.
            _ => None,
        }
    }
}

/// What an apply of desired onto live would give.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// Live as it provably will be: the server need not be asked.
    Will(Box<Object>),
    /// What live would be if only desired had ever been said: the server's answer to a dry-run replacement.
    Target {
        /// That answer.
        object: Box<Object>,
        /// Fields that the server lets no update change and that desired leaves open: taken from live.
        // Such as the volume of a bound claim: no promotion gets there.
        bound: Vec<FieldPath>,
    },
    /// Live as an apply would leave it, by the server's answer to a dry-run apply.
    // Less than the target: what nobody owns and desired does not hold stays in it.
    Would(Box<Object>),
    /// It refuses desired.
    Refused {
        /// What it says.
        why: String,
        /// The fields it names.
        fields: Vec<String>,
    },
    /// Whoever asks may not apply, not even dry.
    Forbidden,
    /// It could not be asked: a webhook denies dry-runs.
    NotVerified {
        /// What it says.
        why: String,
    },
    /// It did not answer.
    NotChecked {
        /// Why.
        why: String,
    },
}

/// What the server would make of desired where nothing is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fresh {
    /// It was not asked: nothing hangs on it.
    #[default]
    NotAsked,
    /// Its answer to a dry-run create under another name.
    Object(Box<Object>),
    /// It gave none.
    Unknown(Unknown),
}

impl Fresh {
    /// The answer, where there is one.
    pub fn object(&self) -> Option<&Object> {
        match self {
            Fresh::Object(object) => Some(object),
            // Not asked and not answered alike: nothing is explained by it.
            Fresh::NotAsked | Fresh::Unknown(_) => None,
        }
    }
}

/// Something besides the objects that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFailure {
    /// What a waiver names, as `Kind/namespace`; none where nothing can be done without it.
    pub subject: Option<String>,
    /// What it is, and what the server said.
    pub why: String,
}

impl From<String> for ReadFailure {
    fn from(why: String) -> Self {
        // A text alone names nothing that a waiver could.
        Self { subject: None, why }
    }
}
