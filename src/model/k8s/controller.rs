//! Who controls an object. Other owners only have it deleted with them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who controls an object: the one entry of `ownerReferences` with `controller: true`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    /// Group and version, such as `apps/v1`.
    #[serde(default)]
    pub api_version: String,
    /// Kind, such as `ReplicaSet`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}

impl Controller {
    /// The controller of an object.
    pub fn from_object(object: &Value) -> Option<Self> {
        let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
        // Other owners keep the object from being collected, and control nothing.
        let owner = owners
            .iter()
            .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
        let text = |field: &str| {
            let value = owner.get(field).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        Some(Self {
            api_version: text("apiVersion"),
            kind: text("kind"),
            name: text("name"),
            uid: text("uid"),
        })
    }
}
