//! Pods that the API server refuses: quota, admission, a missing ServiceAccount.
//!
//! A pod that is refused does not exist and shows no sign. Only its controller knows, and says so in a
//! condition or in an Event. An Event stays for an hour, so that it counts only where it is new and pods are
//! still missing.

use super::failure_signal::FailureSignal;
use super::policy::Graces;
use super::status::KindStatus;
use super::subject::{MonitoredObject, RolloutContext};
use crate::model::occurrence::Occurrence;
use crate::model::refusal::{Refusal, RefusalCause, RefusedBy};
use crate::model::verdict::{Cause, CauseKind};
use jiff::{SignedDuration, Timestamp};

/// Event times have whole seconds, and the clocks of control planes differ a little.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// The sign that creation of the object's pods is refused.
pub(super) fn refused(
    status: &KindStatus<'_>,
    context: &RolloutContext<'_>,
    subject: &MonitoredObject,
    graces: &Graces,
) -> Option<FailureSignal> {
    // Enough are there: what was refused has been let in since.
    if status.pods.len() as u32 >= status.wanted {
        return None;
    }
    // What is going makes room in a quota.
    if context.pods.iter().any(|pod| pod.deleting) {
        return None;
    }

    // A condition is of now, while an Event may be of a try before the one that went through.
    let message = status
        .refusal
        .clone()
        .or_else(|| creation_refusal(status, context, subject))?;
    if !is_refusal(&message) {
        return None;
    }

    let (kind, grace) = classify(&message, graces);
    let missing = status.wanted as usize - status.pods.len();
    let text = format!(
        "{missing} of {} pods cannot be created: {}",
        status.wanted,
        essence(&message)
    );

    let cause = Cause {
        kind,
        message: text,
        pod: None,
        container: None,
        previous_logs: false,
    };

    Some(FailureSignal {
        key: format!("{kind:?}/"),
        grace,
        cause,
    })
}

/// What refuses the creation of an object's pods, by the last Event about it, and its words.
pub(super) fn creation(creator: &str, occurrences: &[&Occurrence]) -> Option<(CauseKind, String)> {
    // By uid, and of any age: whatever Events there are, they are of this very object.
    let of_creator = occurrences
        .iter()
        .filter(|one| one.reason == "FailedCreate" && one.about == creator);
    let last = of_creator.max_by_key(|one| one.last)?;

    let text = format!("its pods cannot be created: {}", essence(&last.message));
    Some((classify(&last.message, &Graces::default()).0, text))
}

fn creation_refusal(
    status: &KindStatus<'_>,
    context: &RolloutContext<'_>,
    subject: &MonitoredObject,
) -> Option<String> {
    let since: Option<Timestamp> = subject.started_at.checked_sub(SLACK).ok();
    // A baseline that was taken before the Events were read knows none of them: there the time alone tells.
    let news = context.occurrences.iter().filter(|one| {
        one.reason == "FailedCreate"
            && status.creators.contains(&one.about)
            && subject.baseline.is_new(one)
            && (one.last.is_none() || one.last >= since)
    });
    news.max_by_key(|one| one.last).map(|one| one.message.clone())
}

/// Whether somebody has refused the pod, or a claim of it. Whatever else a controller says is of its own request, which got
/// no answer, or one that says nothing of the pod: it tries again.
fn is_refusal(message: &str) -> bool {
    // The API server names what it refuses, and admission names itself.
    const REFUSES: &[&str] = &[
        "\" is forbidden: ",
        "\" is invalid: ",
        "\" already exists",
        "denied the request",
        "denied request",
        "failed calling webhook",
        "because it is being terminated",
    ];
    // Admission that has only just begun, and a quota that nobody has counted yet.
    const NOT_YET: &[&str] = &["not yet ready to handle request", "status unknown for quota"];

    let holds = |words: &&str| message.contains(*words);
    // Pods that are created side by side get in each other's way in a quota's count.
    let is_busy = Refusal::parse(None, message).cause == RefusalCause::BusyQuota;
    REFUSES.iter().any(holds) && !NOT_YET.iter().any(holds) && !is_busy
}

fn classify(message: &str, graces: &Graces) -> (CauseKind, u32) {
    let refusal = Refusal::parse(None, message);
    match (refusal.cause, refusal.by) {
        (RefusalCause::ExceededQuota | RefusalCause::UncountableQuota, _) => {
            (CauseKind::Quota, graces.refused)
        }
        (_, RefusedBy::UnaskedWebhook) => (CauseKind::AdmissionRefused, graces.webhook),
        (RefusalCause::MissingServiceAccount | RefusalCause::MissingClass, _) => {
            (CauseKind::MissingConfiguration, graces.configuration)
        }
        _ => (CauseKind::AdmissionRefused, graces.refused),
    }
}

/// Without what controllers put before the server's own words.
fn essence(message: &str) -> &str {
    let start = ["error: pods ", "Error creating: pods ", "failed error: "];

    let found = start
        .iter()
        .find_map(|lead| message.split_once(lead).map(|(_, rest)| rest));
    found.unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#"pods "web-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0"#, CauseKind::Quota)]
    #[case(r#"pods "web-1" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false"#, CauseKind::AdmissionRefused)]
    #[case(r#"pods "web-1" is forbidden: error looking up service account shop/web: serviceaccount "web" not found"#, CauseKind::MissingConfiguration)]
    #[case(
        r#"pods "web-1" is forbidden: no PriorityClass with name high was found"#,
        CauseKind::MissingConfiguration
    )]
    #[case(
        r#"pods "web-1" is forbidden: pod rejected: RuntimeClass "fast" not found"#,
        CauseKind::MissingConfiguration
    )]
    #[case(
        r#"Internal error occurred: failed calling webhook "a.b.c": connection refused"#,
        CauseKind::AdmissionRefused
    )]
    fn a_refusal_is_classified_by_the_servers_words(#[case] message: &str, #[case] kind: CauseKind) {
        assert_eq!(classify(message, &Graces::default()).0, kind);
    }

    #[test]
    fn what_is_counted_at_the_same_moment_or_not_yet_is_no_refusal() {
        for passing in [
            "Error creating: Operation cannot be fulfilled on resourcequotas \"pods\": the object has been modified",
            "Error creating: pods \"web-1\" is forbidden: status unknown for quota: small, resources: pods",
            "Error creating: pods \"web-1\" is forbidden: not yet ready to handle request",
        ] {
            assert!(!is_refusal(passing), "{passing}");
        }
    }

    #[test]
    fn a_server_that_does_not_answer_its_controllers_refuses_nothing() {
        for silent in [
            "Error creating: Post \"https://10.0.0.1:6443/api/v1/namespaces/shop/pods\": dial tcp 10.0.0.1:6443: connect: connection refused",
            "create Pod web-0 in StatefulSet web failed error: Post \"https://10.0.0.1:6443/api/v1/namespaces/shop/pods\": unexpected EOF",
            "create Pod web-0 in StatefulSet web failed error: unexpected error when reading response body. Please retry. Original error: read tcp 10.0.0.2:51704->10.0.0.1:6443: read: connection reset by peer",
            "Error creating: an error on the server (\"\") has prevented the request from succeeding (post pods)",
            "Error creating: the server has received too many requests and has asked us to try again later (post pods)",
            // Its rights are read anew where it has just started.
            "Error creating: pods is forbidden: User \"system:serviceaccount:kube-system:replicaset-controller\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\"",
            "Error creating: etcdserver: request timed out",
        ] {
            assert!(!is_refusal(silent), "{silent}");
        }

        // Here the API server calls a webhook; above a controller calls the API server.
        assert!(is_refusal(
            "Error creating: Internal error occurred: failed calling webhook \"a\": Post \"https://a.shop.svc:443/\": connection refused"
        ));
    }

    #[rstest]
    #[case(r#"Error creating: pods "web-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0"#)]
    #[case(r#"create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: persistentvolumeclaims "data-web-0" is forbidden: exceeded quota: small"#)]
    #[case(r#"create Pod web-0 in StatefulSet web failed error: Pod "web-0" is invalid: spec.containers[0].image: Required value"#)]
    #[case(r#"Error creating: admission webhook "a.b.c" denied the request: no"#)]
    #[case(r#"Error creating: pods "web-1" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no"#)]
    #[case(r#"Error creating job: jobs.batch "tidy-1" is forbidden: unable to create new content in namespace shop because it is being terminated"#)]
    fn whoever_names_the_pod_or_admission_has_refused_it(#[case] message: &str) {
        assert!(is_refusal(message));
    }

    #[test]
    fn a_webhook_that_does_not_answer_gets_more_time_than_one_that_says_no() {
        let graces = Graces::default();
        let silent = classify("failed calling webhook \"a\": context deadline exceeded", &graces).1;
        let no = classify("admission webhook \"a\" denied the request: no", &graces).1;

        assert!(silent > no);
    }
}
