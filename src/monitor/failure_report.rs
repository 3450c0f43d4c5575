//! Reports a failure with what helps to understand it, and makes it what the journal keeps.

use super::diagnostics::{Diagnostics, collect_diagnostics};
use super::service::Watching;
use crate::model::ObjectId;
use crate::model::event::Event;
use crate::model::journal::Failure;
use crate::model::secret_texts::withheld;
use crate::model::verdict::{Cause, CauseKind};
use crate::monitor::Watched;
use crate::monitor::follow::Follow;

impl Watching {
    /// Reports an object's failure with what helps to understand it.
    pub(super) async fn report_object_failure(
        &self,
        follow: &Follow,
        object: ObjectId,
        cause: Cause,
        watched: &[Watched],
    ) -> Box<Failure> {
        let occurrences = follow
            .look(&object, |subject, view| {
                // An Event of before would explain another failure.
                let news = view.occurrences.iter().filter(|one| subject.baseline.is_new(one));
                news.map(|one| (*one).clone()).collect::<Vec<_>>()
            })
            .unwrap_or_default();

        let spec = follow.pod_spec(&object);
        let namespace = object.namespace.as_deref();
        let unknown = self.hiding.know_secrets(namespace, spec.as_ref()).await;

        let lines = self.options.log_lines;
        let hide = |text: &str| self.hiding.text(text);
        // Not each cause comes by a verdict that was hidden: one of a proof or of the end of a soak does not.
        let cause = Cause {
            message: hide(&cause.message),
            ..cause
        };

        // Logs and events are words of others: with a Secret unread nothing tells what they quote.
        let diagnostics = if unknown.is_empty() {
            collect_diagnostics(&*self.cluster, namespace, &cause, &occurrences, lines, &hide).await
        } else {
            Diagnostics {
                logs: vec![withheld(&unknown)],
                events: Vec::new(),
            }
        };

        let changes = watched.iter().find(|one| one.target.id() == object);
        let changes = changes.map(|one| one.changes.iter().map(ToString::to_string).collect());

        self.events.emit(Event::Failed {
            object: Some(object.clone()),
            cause: cause.clone(),
            logs: diagnostics.logs,
            events: diagnostics.events,
            changes: changes.unwrap_or_default(),
        });

        Box::new(Failure {
            object: Some(object),
            cause,
        })
    }

    /// Reports a failure that is of no single object.
    pub(super) fn report_failure(&self, kind: CauseKind, message: &str) -> Box<Failure> {
        let message = self.hiding.text(message);
        let failure = Failure::new(None, kind, message);
        self.events.emit(Event::Failed {
            object: None,
            cause: failure.cause.clone(),
            logs: Vec::new(),
            events: Vec::new(),
            changes: Vec::new(),
        });

        Box::new(failure)
    }
}
