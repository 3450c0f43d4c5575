//! Patches as one file that kustomize takes by `transformers:`: a document for each, with who changed what and when above it.
//!
//! Documents of that list find the manifests as the kustomization leaves them, with names, namespaces, images and the order of
//! lists as they were compared; patches of `patches:` come before all that. What no patch holds is named at the top.

use super::view::View;
use super::wording::{Wording, facts, unquoted};
use crate::model::check::waiver_item;
use crate::model::finding::FieldManager;
use crate::model::patch::{
    LeftOutDifference, LeftOutReason, ManifestPatch, ManifestPatches, ManifestSelector, PatchBody,
    PatchedChange, PatchedField,
};
use crate::model::phrase::{counted, list_first};
use crate::report::Redactor;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Fields of one remark that are named; the rest is counted.
const NAMED: usize = 10;

/// Times are absolute: the file stays.
const WORDING: Wording = Wording {
    quote: unquoted,
    now: None,
};

/// Writes the file. `to_yaml` writes a value as a YAML document that ends with a line end.
pub fn patch(
    patches: &ManifestPatches,
    view: &View,
    redactor: &Redactor,
    to_yaml: &dyn Fn(&Value) -> String,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = PatchWriter {
        redactor,
        to_yaml,
        out,
    };
    writer.header(patches, view)?;
    patches.patches.iter().try_for_each(|patch| writer.patch(patch))
}

/// A note for whoever sends the file elsewhere; none where it holds every difference.
pub fn patch_note(patches: &ManifestPatches) -> Option<String> {
    let count: usize = patches.left_out.iter().map(|one| one.paths.len().max(1)).sum();
    let verb = if count == 1 { "is" } else { "are" };
    (count > 0).then(|| {
        format!(
            "{} {verb} left out; the comments of the patch name the reasons",
            counted(count, "difference")
        )
    })
}

struct PatchWriter<'a> {
    redactor: &'a Redactor,
    to_yaml: &'a dyn Fn(&Value) -> String,
    out: &'a mut dyn Write,
}

impl PatchWriter<'_> {
    /// A line that YAML passes over, whatever the text holds.
    fn comment(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "# {}", text.replace('\n', "\\n"))
    }

    fn header(&mut self, patches: &ManifestPatches, view: &View) -> io::Result<()> {
        let count = |patch: &ManifestPatch| patch.changes.len().max(1);
        match patches.patches.iter().map(count).sum() {
            0 => self.comment("kubectl delivery diff: no difference to take into the manifests")?,
            changes => {
                let objects = counted(patches.patches.len(), "object");
                let changes = counted(changes, "difference");
                self.comment(&format!(
                    "kubectl delivery diff: {changes} of {objects}, to be taken into the manifests"
                ))?;
            }
        }
        for (name, value) in facts(view) {
            self.comment(&format!("{name}: {value}"))?;
        }
        if !patches.patches.is_empty() {
            self.comment("to apply it, in the kustomization.yaml of these manifests:")?;
            self.comment("  transformers: [FILE]")?;
        }

        if !patches.left_out.is_empty() || patches.expected > 0 {
            self.comment("left out:")?;
        }
        for left_out in &patches.left_out {
            let line = self.left_out(left_out);
            self.comment(&format!("  {line}"))?;
        }
        if patches.expected > 0 {
            self.comment(&format!("  {}", counted(patches.expected, "expected difference")))?;
        }
        Ok(())
    }

    fn left_out(&self, left_out: &LeftOutDifference) -> String {
        let id = self.redactor.id(&left_out.object);
        let paths = left_out
            .paths
            .iter()
            .map(|path| self.redactor.text(&path.to_string()));
        let paths = match left_out.paths.len() {
            0 => String::new(),
            _ => format!(": {}", list_first(paths, NAMED, ", ")),
        };

        let only = format!("add --only {}", waiver_item(&id));
        let why = match left_out.reason {
            LeftOutReason::Secret => "Secrets are never written".into(),
            LeftOutReason::SecretValue => "holds a value of a Secret".into(),
            LeftOutReason::PinnedImage => "pinned by the release; to test another image: \
                kubectl delivery record --from RELEASE --image REPOSITORY=REFERENCE"
                .into(),
            LeftOutReason::Promoted => {
                format!(
                    "set by an earlier promotion, and the manifests are newer; to take it all the same: {only}"
                )
            }
            LeftOutReason::Controller => format!("set by a controller; to take it all the same: {only}"),
            LeftOutReason::ServerSet => "not in the manifest: the API server works it out".into(),
            LeftOutReason::MergeKey => "kustomize can hold no field called <<".into(),
            LeftOutReason::NextLine => "kustomize can hold no next line (U+0085)".into(),
            LeftOutReason::Missing => format!("does not exist; to delete its manifest: {only}"),
            LeftOutReason::Extra if id.is_secret() => "not in the manifests".into(),
            LeftOutReason::Extra => {
                format!(
                    "not in the manifests; to export it: kubectl get {} -o yaml",
                    id.kubectl_args()
                )
            }
            LeftOutReason::Orphaned => "has the label of the release, and is not in its inventory".into(),
            LeftOutReason::NotChecked => "could not be checked".into(),
        };
        format!("{id}{paths}: {why}")
    }

    fn patch(&mut self, patch: &ManifestPatch) -> io::Result<()> {
        let id = self.redactor.id(&patch.object);
        for (index, body) in patch.bodies.iter().enumerate() {
            writeln!(self.out, "---")?;
            match index {
                0 => self.patch_comments(&id.to_string(), patch)?,
                _ => self.comment(&format!("{id}, continued"))?,
            }
            self.document(patch, index, body)?;
        }
        Ok(())
    }

    fn patch_comments(&mut self, id: &str, patch: &ManifestPatch) -> io::Result<()> {
        if patch.changes.is_empty() {
            return self.comment(&format!("{id} was deleted from the cluster"));
        }
        self.comment(id)?;
        for change in &patch.changes {
            let path = self.redactor.text(&change.path.to_string());
            let by = self.changed_by(change);
            self.comment(&format!("  {path}: {by}"))?;
        }
        for image in &patch.untested_images {
            let image = self.redactor.text(image);
            self.comment(&format!("  image {image} is untested: not in the release"))?;
        }
        if patch.is_generated {
            self.comment(
                "  its name ends in a hash of its content: the changed object gets another name, and its pods restart",
            )?;
        }
        Ok(())
    }

    fn changed_by(&self, change: &PatchedChange) -> String {
        let verb = match change.change {
            PatchedField::Changed => "changed",
            PatchedField::Added => "added",
            PatchedField::Removed => "removed",
        };
        match &change.owner {
            // A field manager names itself: its name is free text.
            Some(owner) => WORDING.changed_by(
                verb,
                &FieldManager {
                    manager: self.redactor.text(&owner.manager),
                    subresource: self.redactor.text(&owner.subresource),
                    ..owner.clone()
                },
            ),
            None => format!("{verb}, origin unknown"),
        }
    }

    fn document(&mut self, patch: &ManifestPatch, index: usize, body: &PatchBody) -> io::Result<()> {
        // Two of one name kustomize refuses.
        let name = match index {
            0 => patch.object.kubectl_name(),
            _ => format!("{}/{}", patch.object.kubectl_name(), index + 1),
        };
        let mut metadata = json!({"name": name});
        if let Some(namespace) = &patch.object.namespace {
            metadata["namespace"] = namespace.as_str().into();
        }
        let head = json!({"apiVersion": "builtin", "kind": "PatchTransformer", "metadata": metadata,
            "target": target(&patch.selector)});
        self.out.write_all((self.to_yaml)(&head).as_bytes())?;

        let text = match body {
            PatchBody::Strategic(patch) => (self.to_yaml)(patch),
            PatchBody::Operations(operations) => (self.to_yaml)(&Value::Array(operations.clone())),
        };
        writeln!(self.out, "patch: |")?;
        for line in text.split_inclusive('\n') {
            let indent = if line == "\n" { "" } else { "  " };
            write!(self.out, "{indent}{line}")?;
        }
        // kustomize cuts line ends off the end: those of a text in lines would go too.
        if ends_in_lines(body) {
            writeln!(self.out, "  # end")?;
        }
        Ok(())
    }
}

/// Whether a text of several lines is the last that is written.
fn ends_in_lines(body: &PatchBody) -> bool {
    fn last(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\n'),
            Value::Array(items) => items.last().is_some_and(last),
            Value::Object(map) => map.values().next_back().is_some_and(last),
            _ => false,
        }
    }
    match body {
        PatchBody::Strategic(patch) => last(patch),
        PatchBody::Operations(operations) => operations.last().is_some_and(last),
    }
}

/// As the transformer takes it: what is empty selects anything.
fn target(selector: &ManifestSelector) -> Value {
    let fields = [
        ("group", Some(&selector.group)),
        ("version", Some(&selector.version)),
        ("kind", Some(&selector.kind)),
        ("name", Some(&selector.name)),
        ("namespace", selector.namespace.as_ref()),
    ];
    fields
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text.filter(|text| !text.is_empty())?)))
        .map(|(name, text)| (name, Value::from(text.as_str())))
        .collect::<Map<_, _>>()
        .into()
}
