//! What a server's error says of a request that was sent dry: refused, or not known and why.

use crate::cluster::ApiError;
use crate::model::preflight::{DryRunResult, Missing};
use crate::model::refusal::{RefusalCause, RefusedBy};
use crate::model::unknown::Unknown;

/// What an error says of a dry request. What is not there yet may be created by this very promotion.
pub(super) fn answer_of(error: &ApiError) -> DryRunResult {
    match error {
        ApiError::NotServed { resource } => DryRunResult::Unknown {
            why: Unknown::new(format_args!("{resource} is not served yet")),
            missing: Some(Missing::Kind),
        },
        ApiError::Status {
            code: 404, message, ..
        } => DryRunResult::Unknown {
            why: Unknown::new(message),
            missing: is_for(error, RefusalCause::MissingNamespace).then_some(Missing::Namespace),
        },
        // A webhook with side effects: only the real request will tell.
        ApiError::Status { message, .. } if is_by(error, RefusedBy::WebhookWithEffects) => {
            DryRunResult::Unknown {
                why: Unknown::new(message),
                missing: None,
            }
        }
        // A refusal can be waived by the field that it is about.
        ApiError::Status { code, message, .. } => DryRunResult::Refused {
            code: *code,
            message: message.clone(),
            fields: error.fields(),
            webhook: error.unreachable_webhook(),
            only_as_change: false,
        },
        // No answer at all, or none of the server's own: it refuses nothing.
        other => DryRunResult::Unknown {
            why: Unknown::new(other),
            missing: None,
        },
    }
}

fn is_by(error: &ApiError, by: RefusedBy) -> bool {
    error.refusal().is_some_and(|refusal| refusal.by == by)
}

fn is_for(error: &ApiError, cause: RefusalCause<'_>) -> bool {
    error.refusal().is_some_and(|refusal| refusal.cause == cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_by_what_it_is() {
        let of = |error: ApiError| match answer_of(&error) {
            DryRunResult::Unknown { missing, .. } => missing,
            other => panic!("expected an unknown answer, found {other:?}"),
        };
        let not_found = |message: &str| ApiError::Status {
            code: 404,
            reason: "NotFound".into(),
            message: message.into(),
            causes: Vec::new(),
        };

        assert_eq!(
            of(not_found("namespaces \"shop\" not found")),
            Some(Missing::Namespace)
        );
        assert_eq!(of(not_found("serviceaccounts \"web\" not found")), None);
        assert_eq!(
            of(ApiError::NotServed {
                resource: "widgets.shop.example/v1".into()
            }),
            Some(Missing::Kind)
        );
        assert_eq!(of(ApiError::Timeout { seconds: 5 }), None);
    }
}
