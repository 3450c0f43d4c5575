//! `kubectl delivery diff`: what runs against what was tested.

mod external;

use super::inputs::{self, InputArgs};
use super::kept::ReadArgs;
use super::verify::refused;
use crate::cli::{ConnectionArgs, Context, DiffFormat, Exit, Stream, parse_duration};
use crate::cluster::Cluster;
use crate::load::{LoadedRelease, parse_release};
use crate::model::check::{Check, path_in_item, waiver_item};
use crate::model::finding::{
    Certainty, Comparison, ImageFinding, ImageState, ObjectComparison, ObjectStatus,
};
use crate::usecase::Scope;
use crate::usecase::comparing::{self, Compared, Mode, Question};
use crate::usecase::images as image_trees;
use crate::usecase::inputs::{Inputs, open_environment};
use crate::usecase::kept;
use crate::usecase::random;
use crate::usecase::today;
use crate::usecase::{CommandError, ErrorKind};

use crate::model::names::{API_VERSION, applyset_id, inventory};
use crate::model::release::{Release, ReleaseMetadata, ReleaseSpec};
use crate::model::running::ImageTrees;
use crate::model::{ObjectId, Sha256Digest};
use crate::observe::Pods;
use crate::observe::home::{Home, HomeError, list_homes, read_home, read_record};
use crate::report::diff::{self, Meta, Style, View};
use crate::report::{Redactor, aside_notes};
use crate::{compare, plan};
use clap::Args as ClapArgs;
use jiff::Timestamp;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Arguments of `diff`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery diff shop.release.yaml -e environments/production.yaml
  kubectl delivery diff -n shop
  kubectl delivery diff -f manifests/ -o markdown",
    after_help = "Exit codes:
  0  no unexpected difference
  1  differences
  2  an error, or something could not be checked"
)]
pub struct Args {
    /// The release; without it, what was last promoted into the namespace, or the manifests of -f
    #[arg(value_name = "RELEASE")]
    release: Option<String>,
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: DiffFormat,
    /// Unfold differences that the environment expects
    #[arg(long)]
    show_expected: bool,
    /// Whom to ask what an apply would change
    #[arg(long, value_enum, value_name = "WHOM", default_value_t)]
    mode: Mode,
    /// Show what changed in this time, and whose hand it was, instead of differences
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "show_expected")]
    since: Option<Duration>,
    /// Go on although this object could not be read, as `unreadable=Kind/[namespace/]name`
    #[arg(long, value_name = "CHECK=ITEM", value_parser = unreadable_item)]
    waive: Vec<String>,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Reads, compares, shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let local = match (&args.release, args.inputs.manifests.is_empty()) {
        (Some(release), _) => Some(args.inputs.read(release).await?),
        (None, false) => Some(only_manifests(&args.inputs)?),
        (None, true) => None,
    };
    // What nobody vouches for is compared with nothing.
    if let Some(inputs) = local.as_ref().filter(|inputs| !inputs.refusals.is_empty()) {
        return Err(refused(&inputs.refusals));
    }
    let connection = match &local {
        Some(inputs) => inputs::connection(inputs, &args.connection),
        None => {
            let environment = open_environment(args.inputs.environment.as_deref())?
                .environment
                .spec;
            let flags = args.connection.clone();
            flags.or_environment(environment.context.as_deref(), environment.namespace.as_deref())
        }
    };
    let Scope { cluster, home } = context.scope(&connection).await?;
    let is_release = args.release.is_some() || local.is_none();
    let mut inputs = match local {
        Some(inputs) => inputs,
        None => promoted(cluster.as_ref(), &home, &args).await?,
    };
    let name = inputs.release.release.metadata.name.clone();
    let home_of = if is_release {
        home_of(cluster.as_ref(), &home, &name, &args).await?
    } else {
        Home::default()
    };
    let (key, sealing) = (home_of.key().cloned(), home_of.sealing);
    let kept = home_of
        .inventory
        .map(|inventory| inventory.value)
        .unwrap_or_default();
    let set = applyset_id(&inventory(&name), &home);
    let today = today();
    // What was written is in the objects: nobody is asked.
    let mode = if args.since.is_some() {
        Mode::Readonly
    } else {
        args.mode
    };
    let identity = inputs.release.public(key.as_ref());
    let tested = std::mem::take(&mut inputs.release.release.spec.objects);
    let manifests = inputs.manifests.take();
    inputs.release.bytes = Vec::new();
    let question = Question {
        inputs: &inputs,
        tested,
        manifests,
        members: &kept.members,
        home: &home,
        set: &set,
        today,
        mode,
        is_brief: true,
        reads_around: is_release && args.since.is_none(),
    };
    let Compared {
        mut comparison,
        pods,
        autoscalers: (autoscalers, unreadable),
    } = comparing::compare(cluster.as_ref(), question).await?;
    plan::leave_autoscaled(&mut comparison, &autoscalers);
    let mut left_out = comparing::leave_out_moved(&kept, &home, &mut comparison);
    left_out.extend(
        comparing::leave_out(cluster.as_ref(), &kept, &identity, &mut comparison, key.as_ref()).await,
    );
    if let Some(period) = args.since {
        return lately(&comparison, period, &args, context);
    }
    let mut notes: Vec<String> = predicted(&comparison, args.mode)
        .into_iter()
        .chain(left_out)
        .collect();
    notes.extend(
        unreadable
            .into_iter()
            .map(|unread| format!("not read: {}", unread.why)),
    );
    notes.extend(kept::note(&sealing));
    notes.extend(aside_notes(&comparison.objects));
    match pods {
        Ok(pods) if is_release => images_of(&inputs, &mut comparison, pods, mode).await,
        Err(error) if is_release => notes.push(format!("what runs could not be read: {error}")),
        _ => {}
    }
    let meta = Meta {
        release: is_release.then_some(identity),
        given: args.release.as_ref().map(|release| args.inputs.as_given(release)),
        namespace: home,
        now: Timestamp::now(),
        notes,
    };
    let redactor = redactor(&comparison)?;
    let mut view = diff::view(&comparison, &inputs.environment.environment, &redactor, &meta);
    if let Some(words) = external::wanted().filter(|_| args.output == DiffFormat::Text) {
        external::show(&words, &comparison, &redactor).await?;
        view.objects.clear();
    }
    show(&view, &args, context)?;
    let unchecked = unchecked(&comparison, &args.waive, &meta.namespace);
    if !unchecked.is_empty() {
        let message = format!("{} objects could not be checked", unchecked.len());
        let waivers = unchecked
            .iter()
            .map(|id| format!(" --waive unreadable={}", waiver_item(id)));
        let hint = format!("to go on without them:{}", waivers.collect::<String>());
        return Err(CommandError::new(ErrorKind::Other, message).with_hint(hint));
    }
    Ok(if view.summary.has_differences() {
        Exit::DIFFERENCES
    } else {
        Exit::OK
    })
}

/// The item of a waiver of what could not be read.
fn unreadable_item(text: &str) -> Result<String, String> {
    match Check::parse_waiver(text) {
        Ok((Check::Unreadable, Some(item))) => Ok(item),
        _ => Err("expected unreadable=Kind/[NAMESPACE/]NAME".into()),
    }
}

/// The objects that could not be checked and that no waiver names.
fn unchecked(comparison: &Comparison, waived: &[String], home: &str) -> Vec<ObjectId> {
    let objects = comparison.objects.iter();
    let unchecked = objects.filter(|object| matches!(object.status, ObjectStatus::NotChecked { .. }));
    let is_waived = |id: &ObjectId| waived.iter().any(|item| path_in_item(item, id, home) == Some(""));
    unchecked
        .map(|object| object.id())
        .filter(|id| !is_waived(id))
        .collect()
}

/// What runs. A registry is asked only where something else may: another index may hold the very same image.
async fn images_of(inputs: &Inputs, comparison: &mut Comparison, pods: Pods, mode: Mode) {
    let references = image_trees::unfamiliar(&pods, &inputs.release.release.spec.images);
    let again = (!references.is_empty() && mode != Mode::Readonly).then(|| pods.clone());
    comparing::examine(inputs, comparison, pods, &ImageTrees::default());
    let is_open = |one: &ImageFinding| {
        use ImageState::{Mixed, OtherImage, TagMoved, Unknown};
        matches!(one.state, TagMoved | OtherImage | Mixed | Unknown)
    };
    if let Some(pods) = again.filter(|_| comparison.images.iter().any(is_open)) {
        comparing::examine(inputs, comparison, pods, &image_trees::read(&references).await);
    }
}

/// What changed lately, and by whom.
fn lately(
    comparison: &Comparison,
    period: Duration,
    args: &Args,
    context: &Context,
) -> Result<Exit, CommandError> {
    let now = Timestamp::now();
    let since = now.checked_sub(period).unwrap_or(Timestamp::MIN);
    let live = comparison
        .objects
        .iter()
        .filter_map(|object| object.live.object());
    let touched: Vec<_> = live.filter_map(|live| compare::touched(live, since)).collect();
    let mut out = context.stdout();
    match args.output {
        DiffFormat::Text => {
            let period = jiff::SignedDuration::try_from(period).map(|period| format!("{period:#}"));
            diff::since(&touched, &period.unwrap_or_default(), now, &mut out)?;
        }
        DiffFormat::Json => {
            crate::report::json(&touched, &mut out)?;
        }
        DiffFormat::Yaml => out.write_all(crate::load::to_yaml(&touched).as_bytes())?,
        _ => {
            return Err(CommandError::usage(
                "--since prints for a person, or as json or yaml",
            ));
        }
    }
    out.flush()?;
    Ok(if touched.is_empty() {
        Exit::OK
    } else {
        Exit::DIFFERENCES
    })
}

/// Says that findings are predictions, where they are.
fn predicted(comparison: &Comparison, mode: Mode) -> Option<String> {
    let is_predicted = |object: &&ObjectComparison| object.certainty == Certainty::Predicted;
    let count = comparison.objects.iter().filter(is_predicted).count();
    match mode {
        _ if count == 0 => None,
        Mode::Readonly => {
            Some("nothing was asked but what the cluster holds: differences are predictions".into())
        }
        Mode::Auto | Mode::Server => Some(format!(
            "the server could not be asked what an apply would change of {count} objects (it needs the right to \
             patch them): their differences are predictions"
        )),
    }
}

/// Manifests alone: a release of nothing but them, so that nothing in it is untested.
fn only_manifests(args: &InputArgs) -> Result<Inputs, CommandError> {
    let objects = args.manifests.read()?;
    let release = Release {
        api_version: API_VERSION.into(),
        kind: "Release".into(),
        metadata: ReleaseMetadata {
            name: "manifests".into(),
            version: "none".into(),
        },
        spec: ReleaseSpec {
            objects,
            ..ReleaseSpec::default()
        },
    };
    let release = LoadedRelease {
        release,
        digest: Sha256Digest::of(b""),
        bytes: Vec::new(),
    };
    let environment = open_environment(args.environment.as_deref())?;
    Ok(Inputs {
        release,
        environment,
        manifests: None,
        refusals: Vec::new(),
    })
}

/// What was last promoted into the namespace, as the cluster keeps it.
async fn promoted(cluster: &dyn Cluster, home: &str, args: &Args) -> Result<Inputs, CommandError> {
    let homes = list_homes(cluster, Some(home))
        .await
        .map_err(|error| unreadable(&error))?;
    let mut names: Vec<String> = homes.into_iter().map(|(_, name)| name).collect();
    names.sort();
    names.dedup();
    let name = match names.as_slice() {
        [name] => name.clone(),
        [] => {
            return Err(CommandError::usage(format!(
                "expected a release in the namespace {home}, found none"
            ))
            .with_hint("name a release's file, or manifests with -f"));
        }
        several => {
            let known = several.join(", ");
            return Err(CommandError::usage(format!(
                "expected one release in the namespace {home}, found {known}"
            ))
            .with_hint("name the release's file"));
        }
    };
    let found = args.state.home(cluster, home, &name).await?;
    let entry = found
        .inventory
        .as_ref()
        .and_then(|inventory| inventory.value.promoted().cloned());
    let Some(entry) = entry else {
        return Err(CommandError::usage(format!(
            "expected a promoted release in the namespace {home}, found none"
        ))
        .with_hint("kubectl delivery history shows what was tried"));
    };
    let record = read_record(cluster, &entry, false, found.key())
        .await
        .map_err(|error| unreadable(&error))?;
    let release = parse_release(record.release.into_bytes(), Path::new("the recorded release"))?;
    let environment = open_environment(args.inputs.environment.as_deref())?;
    Ok(Inputs {
        release,
        environment,
        manifests: Some(record.desired),
        refusals: Vec::new(),
    })
}

/// What the release keeps; nothing before its first promotion.
async fn home_of(cluster: &dyn Cluster, home: &str, name: &str, args: &Args) -> Result<Home, CommandError> {
    let key = args.state.key()?;
    let found = match read_home(cluster, home, name, key.as_ref()).await {
        Ok(found) => found,
        // Whoever may not read the inventory can still compare what is desired.
        Err(HomeError::Api { source, .. }) if source.is_forbidden() => Home::default(),
        Err(error) => return Err(unreadable(&error)),
    };
    args.state.check(&found.sealing, home, name)?;
    Ok(found)
}

fn unreadable(error: &HomeError) -> CommandError {
    CommandError::from_error(ErrorKind::Unreachable, error)
}

/// Knows every Secret that was compared.
fn redactor(comparison: &Comparison) -> Result<Redactor, CommandError> {
    let mut redactor = Redactor::new(random::key()?);
    for object in &comparison.objects {
        let versions = [
            object.desired.as_ref(),
            object.live.object(),
            object.predicted.as_ref(),
        ];
        versions
            .into_iter()
            .flatten()
            .for_each(|version| redactor.learn(version));
    }
    Ok(redactor)
}

fn show(view: &View, args: &Args, context: &Context) -> Result<(), CommandError> {
    let mut out = context.stdout();
    match args.output {
        DiffFormat::Text => {
            let style = Style {
                color: context.color(Stream::Stdout),
                width: context.width(Stream::Stdout),
                show_expected: args.show_expected,
            };
            diff::text(view, style, &mut out)?;
        }
        DiffFormat::Json => crate::report::json(view, &mut out)?,
        DiffFormat::Yaml => out.write_all(crate::load::to_yaml(view).as_bytes())?,
        DiffFormat::Name => diff::name(view, &mut out)?,
        DiffFormat::Markdown => diff::markdown(view, &mut out)?,
        DiffFormat::Junit => diff::junit(view, &mut out)?,
        DiffFormat::Html => diff::html(view, &mut out)?,
    }
    out.flush()?;
    Ok(())
}
