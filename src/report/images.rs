//! Images that run, as a table: a row for each container of a workload and digest.

use super::table::columns;
use crate::model::running_image::{RunningImage, TagStatus};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::iter;

/// Columns of the table.
const HEADER: [&str; 6] = ["WORKLOAD", "CONTAINER", "IMAGE", "RUNS", "PODS", "TAG"];

/// Writes them.
pub fn images(images: &[RunningImage], out: &mut dyn Write) -> io::Result<()> {
    let namespaces: BTreeSet<&str> = images.iter().map(|image| image.namespace.as_str()).collect();
    let names_namespace = namespaces.len() > 1;
    let rows = images.iter().map(|image| row(image, names_namespace));
    write!(
        out,
        "{}",
        columns(iter::once(HEADER.map(String::from)).chain(rows), 3)
    )
}

fn row(image: &RunningImage, names_namespace: bool) -> [String; 6] {
    let digest = image.digest.as_ref();
    let runs = digest.map_or("unknown".into(), |digest| digest.short().to_owned());
    let workload = match image.workload.split_once(' ') {
        Some((kind, name)) if names_namespace => format!("{kind} {}/{name}", image.namespace),
        _ => image.workload.clone(),
    };

    [
        workload,
        image.container.clone(),
        // What follows the @ is what runs.
        image.image.split('@').next().unwrap_or_default().to_owned(),
        runs,
        image.pods.len().to_string(),
        describe_tag(&image.tag),
    ]
}

fn describe_tag(tag: &TagStatus) -> String {
    match tag {
        TagStatus::Pinned => "pinned by digest".to_owned(),
        TagStatus::Current => "current".to_owned(),
        TagStatus::Moved { to } => format!("moved to {}", to.short()),
        TagStatus::Unknown(unknown) => format!("unknown: {unknown}"),
    }
}
