//! What an API server's refusal means: who refuses, and for what.
//!
//! The API has no codes for most of it. Quota, admission and a missing permission are all a 403, and a webhook
//! that cannot be asked is a 500 like any fault. So the message decides, and this is the one place that reads
//! it; the code is asked only for what words leave open. Events quote the same messages without a code, so
//! that the reading is pure. Errors of a request bring theirs by `ApiError::refusal`. What is in no list is
//! [`RefusedBy::Server`] for [`RefusalCause::Other`], and the message itself is always told.

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// A webhook that was asked.
    Webhook,
    /// A webhook that has effects beside its answer, and is not asked in a dry run.
    WebhookWithEffects,
    /// A webhook could not be asked: nothing was said of the object.
    UnaskedWebhook,
    /// The webhook that converts the kind between its versions could not be asked.
    UnaskedConversion,
    /// An admission plugin of the server.
    AdmissionPlugin,
    /// A policy, such as a ValidatingAdmissionPolicy.
    Policy,
    /// Authentication or authorization.
    Authorization,
    /// Validation, storage, or anything else.
    Server,
}

/// For what a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCause<'m> {
    /// The `test` of a JSON patch failed.
    FailedTest,
    /// Another request was counted in the quota at the same moment.
    BusyQuota,
    /// The namespace is not there.
    MissingNamespace,
    /// The namespace is going.
    TerminatingNamespace,
    /// A field never changes.
    ImmutableField,
    /// A field does not change once it is set.
    SetOnceField,
    /// The quota has no room.
    ExceededQuota,
    /// The pod leaves an amount open that the quota counts.
    UncountableQuota,
    /// The ServiceAccount is not there.
    MissingServiceAccount,
    /// The PriorityClass or the RuntimeClass is not there.
    MissingClass,
    /// The address or the port is another's.
    Allocated,
    /// The user may not do it.
    MissingPermission {
        /// Such as `create`.
        verb: &'m str,
        /// Plural, with the subresource.
        resource: &'m str,
    },
    /// Anything else.
    Other,
}

/// Who refuses a request, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'m> {
    /// Who.
    pub by: RefusedBy,
    /// For what.
    pub cause: RefusalCause<'m>,
}

impl<'m> Refusal<'m> {
    /// From the message of a Status, with its code; an Event quotes the message alone.
    pub fn parse(code: Option<u16>, message: &'m str) -> Self {
        Self {
            by: RefusedBy::parse(code, message),
            cause: RefusalCause::parse(code, message),
        }
    }
}

impl RefusedBy {
    fn parse(code: Option<u16>, message: &str) -> Self {
        let holds = |words: &str| message.contains(words);
        let lower = message.to_lowercase();
        let is_denial = holds("admission") || holds("denied the request");
        let is_policy = lower.contains("admission") || lower.contains("denied");

        // First: a 403 that admission does not explain is the authorizer's, whatever else it quotes.
        if matches!(code, Some(401 | 403)) && !is_denial {
            return if is_policy {
                Self::Policy
            } else {
                Self::Authorization
            };
        }

        // Of a webhook that was not asked, the words may quote its address, which can hold any of those below.
        if holds("does not support dry run") {
            Self::WebhookWithEffects
        } else if holds("failed calling webhook") {
            Self::UnaskedWebhook
        } else if is_failed_conversion(message) {
            Self::UnaskedConversion
        } else if holds("admission webhook") && holds("denied the request") {
            Self::Webhook
        } else if is_denial {
            Self::AdmissionPlugin
        } else if is_policy {
            Self::Policy
        } else {
            Self::Server
        }
    }
}

fn is_failed_conversion(message: &str) -> bool {
    message
        .split_once("conversion webhook for ")
        .is_some_and(|(_, rest)| rest.contains(" failed: "))
}

impl<'m> RefusalCause<'m> {
    fn parse(code: Option<u16>, message: &'m str) -> Self {
        let lower = message.to_lowercase();
        let holds = |words: &str| message.contains(words);

        // The server gives a failed test no reason of its own: both are texts of its patch handler.
        let is_test = holds("due to an error in our request") || holds("testing value");

        // From the most telling word on: a message may quote others.
        if code == Some(422) && is_test {
            Self::FailedTest
        } else if holds("Operation cannot be fulfilled on resourcequotas") {
            Self::BusyQuota
        } else if code == Some(404) && holds("namespaces \"") && holds("not found") {
            Self::MissingNamespace
        } else if lower.contains("because it is being terminated") {
            Self::TerminatingNamespace
        } else if holds("immutable") {
            Self::ImmutableField
        } else if lower.contains("immutable") || lower.contains("may not change once set") {
            Self::SetOnceField
        } else if lower.contains("exceeded quota") {
            Self::ExceededQuota
        } else if holds("failed quota") {
            Self::UncountableQuota
        } else if holds("error looking up service account") {
            Self::MissingServiceAccount
        } else if holds("no PriorityClass with name ") || holds("pod rejected: RuntimeClass \"") {
            Self::MissingClass
        } else if holds("already allocated") {
            Self::Allocated
        } else {
            Self::missing_permission(message).unwrap_or(Self::Other)
        }
    }

    /// `User "jane" cannot create resource "pods" in API group "" in the namespace "shop"`.
    fn missing_permission(message: &'m str) -> Option<Self> {
        // Each of them: a user's name may hold the word.
        message.split("cannot ").skip(1).find_map(|rest| {
            let (verb, rest) = rest.split_once(" resource \"")?;
            let (resource, _) = rest.split_once('"')?;
            Some(Self::MissingPermission { verb, resource })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NO_RIGHT: &str = r#"pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "shop""#;

    #[rstest]
    #[case::webhook(400, r#"admission webhook "a" denied the request: no"#, RefusedBy::Webhook)]
    #[case::with_effects(
        400,
        r#"admission webhook "a" does not support dry run"#,
        RefusedBy::WebhookWithEffects
    )]
    // Its address holds a word of admission, and nobody has said anything.
    #[case::unasked(
        500,
        r#"Internal error occurred: failed calling webhook "a": Post "https://admission.shop.svc": denied"#,
        RefusedBy::UnaskedWebhook
    )]
    #[case::unasked_conversion(
        500,
        r#"conversion webhook for a.example/v1, Kind=A failed: Post "https://a": EOF"#,
        RefusedBy::UnaskedConversion
    )]
    #[case::policy(
        422,
        r#"deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no"#,
        RefusedBy::Policy
    )]
    #[case::authorization(403, NO_RIGHT, RefusedBy::Authorization)]
    #[case::quota(
        403,
        r#"pods "a" is forbidden: exceeded quota: small"#,
        RefusedBy::Authorization
    )]
    #[case::validation(422, "spec.replicas: Invalid value: -1", RefusedBy::Server)]
    fn who_refuses_is_told_by_the_message_first(
        #[case] code: u16,
        #[case] message: &str,
        #[case] by: RefusedBy,
    ) {
        assert_eq!(Refusal::parse(Some(code), message).by, by);
    }

    #[rstest]
    #[case(
        r#"unable to create new content in namespace shop because it is being terminated"#,
        RefusalCause::TerminatingNamespace
    )]
    #[case(
        "spec.selector: Invalid value: field is immutable",
        RefusalCause::ImmutableField
    )]
    #[case(
        "spec.clusterIPs[0]: Invalid value: may not change once set",
        RefusalCause::SetOnceField
    )]
    #[case("exceeded quota: small, requested: pods=1", RefusalCause::ExceededQuota)]
    #[case(
        "failed quota: small: must specify cpu for: web",
        RefusalCause::UncountableQuota
    )]
    #[case("provided port is already allocated", RefusalCause::Allocated)]
    #[case(NO_RIGHT, RefusalCause::MissingPermission { verb: "create", resource: "pods" })]
    #[case("no", RefusalCause::Other)]
    fn what_for_is_told_by_the_most_telling_word(#[case] message: &str, #[case] cause: RefusalCause<'_>) {
        assert_eq!(Refusal::parse(None, message).cause, cause);
    }

    #[test]
    fn a_failed_test_is_one_whatever_its_path_is_called() {
        // A ConfigMap has a field of this name.
        let message = "testing value /immutable failed: test failed";
        assert_eq!(Refusal::parse(Some(422), message).cause, RefusalCause::FailedTest);
    }
}
