//! What a run says before it changes anything: which run it is, and the pods that it tries.

use crate::model::ObjectId;
use crate::model::event::{Event, RunCommand};
use crate::model::rehearsal::{RehearsalOutcome, RehearsalResult, TemplateVersion};

/// It, where the event is a start; none for a promotion or a deletion, whose plan has said the same.
pub(super) fn start_line(event: &Event) -> Option<String> {
    let Event::Started {
        command,
        release,
        cluster,
    } = event
    else {
        return None;
    };
    let doing = match command {
        RunCommand::Promote | RunCommand::Delete => return None,
        RunCommand::Resume => "resuming",
        RunCommand::Revert => "reverting",
        RunCommand::Wait => "waiting for",
    };
    Some(format!("{doing} {release} in {cluster}"))
}

/// A verb and what it is about, of an event of a rehearsal; none of any other.
pub(super) fn rehearsal_text(event: &Event) -> Option<(&'static str, String)> {
    match event {
        Event::RehearsalStarted {
            workload,
            template,
            pod,
            without_network_policies,
        } => {
            let policies = match without_network_policies.is_empty() {
                true => "",
                false => ", without its network policies",
            };
            let named = named(workload, *template);
            Some(("trying", format!("{named}: pod {}{policies}", pod.name)))
        }
        Event::RehearsalEnded(RehearsalResult {
            workload,
            template,
            outcome,
            ..
        }) => {
            let named = named(workload, *template);
            Some(match outcome {
                RehearsalOutcome::Ready => ("ready", named),
                // The failure's own event has said why.
                RehearsalOutcome::Failed { .. } => ("failed", named),
                RehearsalOutcome::Unknown { message } => ("unknown", format!("{named}: {message}")),
            })
        }
        _ => None,
    }
}

fn named(workload: &ObjectId, template: TemplateVersion) -> String {
    format!("{workload}, {template}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn web() -> ObjectId {
        ObjectId::new("apps", "Deployment", Some("shop"), "web")
    }

    #[rstest]
    #[case::ready(RehearsalOutcome::Ready, "ready", "Deployment shop/web, new template")]
    #[case::failed(
        RehearsalOutcome::Failed { message: "no".into() },
        "failed",
        "Deployment shop/web, new template"
    )]
    #[case::unknown(
        RehearsalOutcome::Unknown { message: "exceeded quota".into() },
        "unknown",
        "Deployment shop/web, new template: exceeded quota"
    )]
    fn the_end_of_a_pod_is_said_in_one_line(
        #[case] outcome: RehearsalOutcome,
        #[case] verb: &str,
        #[case] rest: &str,
    ) {
        let result = RehearsalResult {
            workload: web(),
            template: TemplateVersion::New,
            pod: ObjectId::new("", "Pod", Some("shop"), "web-rehearsal-1"),
            outcome,
        };
        let text = rehearsal_text(&Event::RehearsalEnded(result));
        assert_eq!(text, Some((verb, rest.to_owned())));
    }

    #[test]
    fn a_pod_without_its_network_policies_is_said_to_be() {
        let event = Event::RehearsalStarted {
            workload: web(),
            template: TemplateVersion::Current,
            pod: ObjectId::new("", "Pod", Some("shop"), "web-rehearsal-1"),
            without_network_policies: vec!["web".into()],
        };
        let rest = "Deployment shop/web, current template: pod web-rehearsal-1, without its network policies";
        assert_eq!(rehearsal_text(&event), Some(("trying", rest.to_owned())));
    }
}
