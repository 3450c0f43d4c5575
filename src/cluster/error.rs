//! Why a request to an API server failed.
//!
//! Callers ask two things of an error: whether the same request may succeed later, and whether a write may
//! have been done all the same. Only a `Status` is the server's own word; of what a proxy, a connection or a
//! clock ended, nothing is known but that. In doubt a write may have been done.

use crate::model::ResourceType;
use crate::model::phrase::format_seconds;
use crate::model::refusal::{Refusal, RefusedBy};
use crate::model::unreachable_webhook::UnreachableWebhook;

/// A version that only the server could convert from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server does not serve {resource}, only {served}: {why}")]
pub struct VersionNotServed {
    /// `plural.group/version`.
    pub resource: String,
    /// The versions that are served.
    pub served: String,
    /// Why it cannot be reached in one of them.
    pub why: String,
    /// What to type.
    pub hint: String,
}

impl VersionNotServed {
    /// Of a kind that is served in these versions.
    pub fn error(kind: &ResourceType, served: &[String], why: String, hint: String) -> ApiError {
        ApiError::VersionNotServed(Box::new(Self {
            resource: format!("{}/{}", kind.counted(), kind.version),
            served: served.join(", "),
            why,
            hint,
        }))
    }
}

/// Why a request failed. Messages come from the server: clean and redact them before they are shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The server answered with a `Status` of failure.
    #[error("{message}")]
    Status {
        /// HTTP status code.
        code: u16,
        /// `reason`, such as `Conflict`.
        reason: String,
        /// `message`.
        message: String,
        /// `details.causes`.
        causes: Vec<StatusCause>,
    },
    /// The path itself is not served: the CRD or the API group is missing (a 404 that names no object).
    #[error("the API server does not serve {resource}")]
    NotServed {
        /// `plural.group/version`.
        resource: String,
    },
    /// The kind is served, and not in this version, from which only the server converts.
    #[error("{0}")]
    VersionNotServed(Box<VersionNotServed>),
    /// The server answered something that is not a Status: a proxy's page, or nothing that can be read.
    #[error("the API server answered {code}: {body}")]
    Unreadable {
        /// HTTP status code.
        code: u16,
        /// The start of the body, one line.
        body: String,
    },
    /// The answer is longer than any of an API server. A write may have been done.
    #[error("the response of the API server has more than {mib} MiB")]
    TooLarge {
        /// HTTP status code.
        code: u16,
        /// The limit.
        mib: usize,
    },
    /// A list has no end: the server names one more page each time.
    #[error("the list of {resource} does not end: {why}")]
    Endless {
        /// Its plural.
        resource: String,
        /// What was seen.
        why: String,
    },
    /// No answer within the time limit. A write may have been done.
    #[error("no response within {}", format_seconds(*seconds))]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// The connection could not be made: nothing was sent.
    #[error("cannot connect to {server}: {why}")]
    Connect {
        /// URL of the server.
        server: String,
        /// Why.
        why: String,
    },
    /// The connection broke after the request was sent. A write may have been done.
    #[error("the connection broke: {why}")]
    Broken {
        /// Why.
        why: String,
    },
    /// The request waited for longer than it was allowed to: nothing was sent.
    #[error("not sent before its deadline")]
    TooLate,
    /// The credentials could not be had (an exec plugin failed, a token file is missing).
    #[error("cannot get credentials: {why}")]
    Credentials {
        /// Why.
        why: String,
    },
}

/// One entry of a Status's `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCause {
    /// `reason`, such as `FieldValueInvalid` or `FieldManagerConflict`.
    pub reason: String,
    /// `message`.
    pub message: String,
    /// `field`, such as `spec.selector`.
    pub field: String,
}

impl ApiError {
    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            // A 500 that carries a Status is final.
            // A 401 says nothing of the request: whoever logs in again can go on.
            ApiError::Status { code, .. } => matches!(code, 401 | 429 | 502..=504) || self.is_silent_store(),
            // Something between wrote it, or a success was cut off: the next answer may be the server's own.
            ApiError::Unreadable { code, .. } => *code == 429 || *code >= 500 || *code < 300,
            // Nothing here is the server's word on the request.
            // TooLate sends nothing, and the lock may be renewed.
            ApiError::Timeout { .. }
            | ApiError::Connect { .. }
            | ApiError::Broken { .. }
            | ApiError::TooLate
            | ApiError::Credentials { .. } => true,
            // A kind is served once somebody installs it, and no answer gets shorter by asking again.
            ApiError::NotServed { .. }
            | ApiError::VersionNotServed(_)
            | ApiError::TooLarge { .. }
            | ApiError::Endless { .. } => false,
        }
    }

    /// Whether the server could not ask a webhook: nothing was said of the object, and nothing was done.
    pub fn is_unasked_webhook(&self) -> bool {
        let by = self.refusal().map(|refusal| refusal.by);
        let is_unasked = matches!(by, Some(RefusedBy::UnaskedWebhook | RefusedBy::UnaskedConversion));
        // With any other code it is a quotation.
        is_unasked && self.code() == Some(500)
    }

    /// Who refuses, and for what; none where the server itself has not said anything.
    pub fn refusal(&self) -> Option<Refusal<'_>> {
        match self {
            ApiError::Status { code, message, .. } => Some(Refusal::parse(Some(*code), message)),
            _ => None,
        }
    }

    /// The webhook that the server could not ask, where it names one.
    pub fn unreachable_webhook(&self) -> Option<UnreachableWebhook> {
        UnreachableWebhook::parse(self.message()?)
    }

    /// The fields that a refusal names.
    pub fn fields(&self) -> Vec<String> {
        let ApiError::Status { causes, .. } = self else {
            return Vec::new();
        };

        let named = causes.iter().map(|cause| &cause.field);
        let mut fields: Vec<String> = named.filter(|field| !field.is_empty()).cloned().collect();
        // Several causes may name one field, one after the other.
        fields.dedup();
        fields
    }

    /// The HTTP status code, where there is one.
    pub fn code(&self) -> Option<u16> {
        match self {
            ApiError::Status { code, .. }
            | ApiError::Unreadable { code, .. }
            | ApiError::TooLarge { code, .. } => Some(*code),
            // It stands for a 404, whatever the body was.
            ApiError::NotServed { .. } => Some(404),
            _ => None,
        }
    }

    /// What a Status says.
    pub fn message(&self) -> Option<&str> {
        match self {
            ApiError::Status { message, .. } => Some(message),
            _ => None,
        }
    }

    /// 404, of an object or of its whole kind.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// 409: the resourceVersion or uid differs, a field conflict, or the object is there already.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// 403, or 401.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.code(), Some(401 | 403))
    }

    /// 410: a resourceVersion or a continue token is too old.
    pub fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// 500 of a server whose store does not answer: it is no considered answer, unlike every other 500 with a Status.
    pub fn is_silent_store(&self) -> bool {
        // etcd's errors come inside of a Status, and the message alone shows whose they are.
        match self {
            ApiError::Status {
                code: 500,
                reason,
                message,
                ..
            } => {
                // These are answers: the same request will not fit, or find room, a little later.
                let is_full = ["request is too large", "database space exceeded"];
                let is_answer = is_full.iter().any(|words| message.contains(words));
                let is_of_store = message.contains("etcdserver:") && !is_answer;
                matches!(reason.as_str(), "ServerTimeout" | "Timeout") || is_of_store
            }
            _ => false,
        }
    }

    /// What to type.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            ApiError::Status { code: 401, .. } => "kubectl auth whoami",
            ApiError::Status { code: 403, .. } => "kubectl auth can-i --list",
            ApiError::NotServed { .. } => "kubectl api-resources",
            ApiError::VersionNotServed(version) => version.hint.as_str(),
            ApiError::Unreadable { .. } | ApiError::TooLarge { .. } | ApiError::Endless { .. } => {
                "to check the address: kubectl cluster-info"
            }
            ApiError::Timeout { .. } | ApiError::Connect { .. } | ApiError::Broken { .. } => {
                "to check the connection: kubectl cluster-info"
            }
            ApiError::Credentials { .. } => "kubectl auth whoami",
            // A Status says itself what is wrong, and TooLate is a matter of this run's own lock.
            ApiError::Status { .. } | ApiError::TooLate => return Vec::new(),
        };
        vec![hint.into()]
    }

    /// Whether a write that ended so may have been done all the same.
    pub fn may_have_been_done(&self) -> bool {
        match self {
            // The request may have left this machine, and how far it came nobody can say.
            ApiError::Timeout { .. } | ApiError::Broken { .. } => true,
            // A Status of a failing server, too: a store that timed out may have written all the same.
            ApiError::Status { code, .. } => *code >= 500,
            // A success whose body cannot be read is a success.
            ApiError::Unreadable { code, .. } | ApiError::TooLarge { code, .. } => {
                *code >= 500 || *code < 300
            }
            // Refused by its path, or never sent.
            ApiError::NotServed { .. }
            | ApiError::VersionNotServed(_)
            | ApiError::Endless { .. }
            | ApiError::Connect { .. }
            | ApiError::Credentials { .. }
            | ApiError::TooLate => false,
        }
    }
}
