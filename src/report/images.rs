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
    let rows = iter::once(HEADER.map(String::from)).chain(rows);
    // Where they are of releases that were asked for, each row names its own.
    if images.iter().all(|image| image.release.is_none()) {
        return write!(out, "{}", columns(rows, 3));
    }
    let releases = images.iter().map(|image| release(image, names_namespace));
    let releases = iter::once("RELEASE".to_owned()).chain(releases);
    let rows = releases.zip(rows).map(|(release, row)| {
        let [workload, container, image, runs, pods, tag] = row;
        [release, workload, container, image, runs, pods, tag]
    });
    write!(out, "{}", columns(rows, 3))
}

fn release(image: &RunningImage, names_namespace: bool) -> String {
    match &image.release {
        Some(release) if names_namespace => release.to_string(),
        Some(release) => release.name.clone(),
        None => String::new(),
    }
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
