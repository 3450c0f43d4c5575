//! Fields that differ and are not compared, one by one, as data.
//!
//! The text formats have them as notes, one a cause (`asides.rs`); a program groups them as it likes.

use super::super::redact::Redactor;
use crate::model::ObjectId;
use crate::model::finding::{Aside, AsideReason, ObjectComparison};
use schemars::JsonSchema;
use serde::Serialize;

/// One field that differs and is not compared.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AsideView {
    /// Its object.
    #[serde(flatten)]
    pub id: ObjectId,
    /// Where.
    pub path: String,
    /// Why it is no drift.
    #[schemars(extend("enum" = ["admission", "mark", "restart", "immutable", "unknown"]))]
    pub reason: &'static str,
    /// The other tool of a mark, the field manager of a restart, or why it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// All of them, in the order of the objects.
pub(super) fn asides(objects: &[ObjectComparison], redactor: &Redactor) -> Vec<AsideView> {
    let object_asides = |object: &ObjectComparison| {
        let id = redactor.id(&object.id());
        let view = move |aside: &Aside| {
            let (reason, detail) = reason_name(&aside.reason);
            AsideView {
                id: id.clone(),
                path: redactor.text(&aside.path.to_string()),
                reason,
                detail: detail.map(|detail| redactor.text(detail)),
            }
        };
        object.asides.iter().map(view).collect::<Vec<_>>()
    };

    objects.iter().flat_map(object_asides).collect()
}

fn reason_name(reason: &AsideReason) -> (&'static str, Option<&str>) {
    match reason {
        AsideReason::Stamp => ("admission", None),
        AsideReason::Mark { installer } => ("mark", Some(installer.name())),
        AsideReason::Restart { manager } => ("restart", Some(manager)),
        AsideReason::Bound => ("immutable", None),
        AsideReason::Unknown(why) => ("unknown", Some(why.reason())),
    }
}
