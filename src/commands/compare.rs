//! `kubectl delivery compare`: two releases, or a release and an environment, without a cluster.

use super::inputs::InputArgs;
use crate::cli::{CompareFormat, Context, Exit, Stream};
use crate::compare::{self, DesiredInput, differences};
use crate::load::{LoadedEnvironment, LoadedRelease, to_yaml};
use crate::model::environment::{DifferenceRule, TargetPattern};
use crate::model::finding::{Certainty, Comparison, ObjectComparison, ObjectStatus, UntestedChange};
use crate::model::k8s::kinds::well_known;
use crate::model::snapshot::{Absence, Observed};
use crate::model::{FieldPath, Object, ObjectId, ResourceType, Target};
use crate::report::Redactor;
use crate::report::diff::{self, Meta, Style};
use crate::usecase::inputs::{open_environment, open_release};
use crate::usecase::random;
use crate::usecase::today;
use crate::usecase::{CommandError, ErrorKind};
use clap::Args as ClapArgs;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::Write;

/// Arguments of `compare`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery compare old.release.yaml new.release.yaml
  kubectl delivery compare shop.release.yaml -e environments/production.yaml
  kubectl delivery compare shop.release.yaml -e environments/production.yaml --suggest",
    after_help = "Exit codes:
  0  no difference, or only expected ones
  1  differences
  2  an error"
)]
pub struct Args {
    /// The release
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Another release to compare it with
    #[arg(value_name = "OTHER", conflicts_with = "environment")]
    other: Option<String>,
    /// Print a rule for each difference that none allows, to be completed and put into the environment
    #[arg(long, requires = "environment")]
    suggest: bool,
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: CompareFormat,
    /// Unfold differences that the environment expects
    #[arg(long)]
    show_expected: bool,
    #[command(flatten)]
    inputs: InputArgs,
}

/// Reads, compares, shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let release = open_release(&args.release).await?;
    let (comparison, environment) = match &args.other {
        Some(other) => (
            two_releases(&release, &open_release(other).await?),
            open_environment(None)?,
        ),
        None if args.inputs.environment.is_some() || !args.inputs.manifests.is_empty() => {
            with_environment(&release, &args)?
        }
        None => {
            return Err(
                CommandError::usage("expected another release or an environment, found neither")
                    .with_hint("kubectl delivery compare RELEASE OTHER, or RELEASE -e ENVIRONMENT"),
            );
        }
    };
    if args.suggest {
        return suggest(&comparison, context);
    }
    let meta = Meta {
        release: Some(release.public(None)),
        given: Some(args.inputs.as_given(args.other.as_ref().unwrap_or(&args.release))),
        namespace: environment.environment.spec.namespace.clone().unwrap_or_default(),
        now: Timestamp::now(),
        notes: Vec::new(),
    };
    let mut redactor = Redactor::new(random::key()?);
    comparison
        .objects
        .iter()
        .filter_map(|object| object.desired.as_ref())
        .for_each(|object| redactor.learn(object));
    let view = diff::view(&comparison, &environment.environment, &redactor, &meta);
    let mut out = context.stdout();
    match args.output {
        CompareFormat::Text => {
            let style = Style {
                color: context.color(Stream::Stdout),
                width: context.width(Stream::Stdout),
                show_expected: args.show_expected,
            };
            diff::text(&view, style, &mut out)?;
        }
        CompareFormat::Json => crate::report::json(&view, &mut out)?,
        CompareFormat::Markdown => diff::markdown(&view, &mut out)?,
        CompareFormat::Junit => diff::junit(&view, &mut out)?,
    }
    out.flush()?;
    Ok(if view.summary.has_differences() {
        Exit::DIFFERENCES
    } else {
        Exit::OK
    })
}

/// The untested differences of an environment, found without its cluster.
fn with_environment(
    release: &LoadedRelease,
    args: &Args,
) -> Result<(Comparison, LoadedEnvironment), CommandError> {
    let mut environment = open_environment(args.inputs.environment.as_deref())?;
    let manifests = if args.inputs.manifests.is_empty() {
        environment.manifests.take()
    } else {
        Some(args.inputs.manifests.read()?)
    };
    let home = environment
        .environment
        .spec
        .namespace
        .clone()
        .unwrap_or_else(|| "default".into());
    let input = DesiredInput {
        release: &release.release,
        tested: release.release.spec.objects.clone(),
        manifests,
        environment: &environment.environment,
        home: &home,
        is_namespaced: &|_| None,
        today: today(),
    };
    let desired = compare::desired(input).map_err(|errors| {
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        CommandError::new(ErrorKind::Usage, said.join("\n"))
    })?;
    let objects = desired
        .objects
        .into_iter()
        .map(|one| unchecked(one.object, one.untested))
        .collect();
    let dropped = desired
        .dropped
        .into_iter()
        .map(|(object, change)| (object.id(), change))
        .collect();
    let comparison = Comparison {
        objects,
        dropped,
        rules: desired.remarks,
        ..Comparison::default()
    };
    Ok((comparison, environment))
}

/// Release against release: each object's fields, as untested differences of the second one.
fn two_releases(one: &LoadedRelease, other: &LoadedRelease) -> Comparison {
    let by_id = |release: &LoadedRelease| -> BTreeMap<ObjectId, Object> {
        release
            .release
            .spec
            .objects
            .iter()
            .map(|object| (object.id(), with_digests(object, release)))
            .collect()
    };
    let (olds, news) = (by_id(one), by_id(other));
    let whole = |tested: Option<&Object>, desired: Option<&Object>| UntestedChange {
        path: FieldPath::root(),
        tested: tested.map(|object| object.value().clone()),
        desired: desired.map(|object| object.value().clone()),
        allowed_by: None,
        rule_note: None,
    };
    let objects = other.release.spec.objects.iter().filter_map(|object| {
        let new = news.get(&object.id())?;
        let changes = match olds.get(&object.id()) {
            None => vec![whole(None, Some(new))],
            Some(old) => differences(old.value(), new.value(), &|_, _, _| false)
                .into_iter()
                .map(|found| UntestedChange {
                    path: found.path,
                    tested: found.left,
                    desired: found.right,
                    allowed_by: None,
                    rule_note: None,
                })
                .collect(),
        };
        Some(unchecked(new.clone(), changes))
    });
    let dropped = olds
        .iter()
        .filter(|(id, _)| !news.contains_key(*id))
        .map(|(id, old)| (id.clone(), whole(Some(old), None)));
    Comparison {
        objects: objects.collect(),
        dropped: dropped.collect(),
        ..Comparison::default()
    }
}

/// Images with their recorded digests, so that another digest under the same tag is a difference.
fn with_digests(object: &Object, release: &LoadedRelease) -> Object {
    let mut object = object.clone();
    let spec = &release.release.spec;
    for image in crate::model::k8s::pod_spec::images(&object, &spec.image_paths) {
        if let Some(recorded) = spec
            .images
            .iter()
            .find(|recorded| recorded.reference == image.reference)
            && !image.reference.contains('@')
        {
            image.path.set(
                object.value_mut(),
                format!("{}@{}", image.reference, recorded.digest).into(),
            );
        }
    }
    object
}

/// An object of which only the untested differences are known.
fn unchecked(object: Object, untested: Vec<UntestedChange>) -> ObjectComparison {
    let gvk = object.gvk();
    let unknown = ResourceType {
        group: gvk.group.clone(),
        version: gvk.version.clone(),
        kind: gvk.kind.clone(),
        plural: String::new(),
        namespaced: object.namespace().is_some(),
    };
    let resource = well_known(&gvk).unwrap_or(unknown);
    ObjectComparison {
        target: Target::new(&resource, object.namespace(), object.name()),
        tested: None,
        desired: Some(object),
        live: Observed::Absent(Absence::Object),
        predicted: None,
        status: ObjectStatus::Same,
        certainty: Certainty::Predicted,
        changes: Vec::new(),
        asides: Vec::new(),
        untested,
    }
}

/// A rule skeleton for each difference that none allows.
fn suggest(comparison: &Comparison, context: &Context) -> Result<Exit, CommandError> {
    let of_objects = comparison
        .objects
        .iter()
        .flat_map(|object| object.untested.iter().map(move |change| (object.id(), change)));
    let of_dropped = comparison.dropped.iter().map(|(id, change)| (id.clone(), change));
    let rules: Vec<DifferenceRule> = of_objects
        .chain(of_dropped)
        .filter(|(_, change)| change.allowed_by.is_none())
        .map(|(id, change)| DifferenceRule {
            target: TargetPattern {
                kind: Some(id.kind.clone()),
                name: Some(id.name.clone()),
                ..TargetPattern::default()
            },
            path: (!change.path.steps().is_empty()).then(|| change.path.clone()),
            when: None,
            reason: "why is this expected?".into(),
            owner: Some("who answers for it?".into()),
            expires: None,
            place: None,
        })
        .collect();
    let mut out = context.stdout();
    if rules.is_empty() {
        writeln!(
            context.stderr(),
            "nothing to suggest: every difference is allowed"
        )?;
        return Ok(Exit::OK);
    }
    let document = serde_json::json!({ "differences": rules });
    out.write_all(to_yaml(&document).as_bytes())?;
    out.flush()?;
    Ok(Exit::DIFFERENCES)
}
