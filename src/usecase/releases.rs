//! Wherever a RELEASE is taken: a file, `oci://…` or `oci-layout:…`; and the statements that lie beside it.

use super::CommandError;
use crate::load::{self, LoadedRelease};
use crate::model::attestation::Statement;
use crate::model::image::ImageReference;
use crate::model::phrase::counted;
use crate::model::release::ReleaseIdentity;
use crate::registry::RegistryOptions;
use crate::registry::artifact::{self, Artifact, Location};
use crate::signing::{self, Attestation, PrivateKey, PublicKey, SigningError};
use std::path::{Path, PathBuf};

/// A release and what is said about it.
#[derive(Debug)]
pub struct Opened {
    /// The release.
    pub release: LoadedRelease,
    /// The files of its statements.
    pub statements: Vec<Artifact>,
    /// The name that its file has or had.
    pub title: String,
}

impl Opened {
    /// The statements, read. One that cannot be read is no statement: its error tells why.
    pub fn attestations(&self) -> (Vec<Attestation>, Vec<SigningError>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for one in &self.statements {
            match signing::parse_attestation(&one.bytes, &one.title) {
                Ok(attestation) => good.push(attestation),
                Err(error) => bad.push(error),
            }
        }
        (good, bad)
    }

    /// The statements, as each speaks of itself: whether it is to be believed only a check with keys can tell.
    pub fn describe_statements(&self) -> Vec<String> {
        let (attestations, unreadable) = self.attestations();
        let readable = attestations.iter().map(describe_unchecked);
        readable
            .chain(unreadable.iter().map(ToString::to_string))
            .collect()
    }
}

fn describe_unchecked(one: &Attestation) -> String {
    let signed = if one.is_signed() {
        "signed, not verified"
    } else {
        "not signed"
    };
    match described(one.claim()) {
        Some(found) if found.is_empty() => format!("a signature, not verified ({})", one.place),
        Some(found) => format!("{found} ({signed})"),
        None => format!("another attestation: {} ({signed})", one.claim().predicate_type),
    }
}

/// Where a release is kept.
#[derive(Clone, Debug)]
pub enum ReleaseLocation {
    /// A file.
    File(PathBuf),
    /// A registry or a layout.
    Registry(Location),
}

impl ReleaseLocation {
    /// From an argument.
    ///
    /// # Errors
    ///
    /// Where a text begins as a registry's location and is none, or has the scheme of another kind of place.
    pub fn parse(text: &str) -> Result<Self, CommandError> {
        match Location::parse(text) {
            Some(Ok(location)) => Ok(ReleaseLocation::Registry(location)),
            Some(Err(why)) => Err(CommandError::usage(why)),
            None => match text.split_once("://") {
                Some((scheme, rest)) => Err(other_scheme(text, scheme, rest)),
                None => Ok(ReleaseLocation::File(text.into())),
            },
        }
    }
}

/// A place of which no release is read.
fn other_scheme(text: &str, scheme: &str, rest: &str) -> CommandError {
    let error = CommandError::usage(format!(
        "expected a file, oci://HOST/REPOSITORY:TAG or oci-layout:DIR, found {text}"
    ));
    match scheme {
        "docker" => error.with_hint(format!("oci://{rest}")),
        "file" => error.with_hint(rest),
        "http" | "https" => error.with_hint(format!("to get a file of it: curl -fLO {text}")),
        _ => error,
    }
}

/// An error where no file has this name, and it is that of an image.
fn check_names_no_image(path: &Path) -> Result<(), CommandError> {
    let text = path.to_string_lossy();
    // Of images alone: a path may begin like a short name.
    let is_host = |part: &str| part.contains(['.', ':']) && !part.starts_with('.') || part == "localhost";
    let names_host = text.split_once('/').is_some_and(|(host, _)| is_host(host));
    if !names_host || path.exists() || text.parse::<ImageReference>().is_err() {
        return Ok(());
    }
    Err(
        CommandError::usage(format!("{text} is the name of an image, not of a release")).with_hint(format!(
            "name a release in a registry by its scheme: oci://{text}"
        )),
    )
}

/// Opens the release that an argument names, with its statements.
///
/// # Errors
///
/// Where the place is malformed, cannot be read, or holds no release.
pub async fn open(place: &str, options: &RegistryOptions) -> Result<Opened, CommandError> {
    open_at(&ReleaseLocation::parse(place)?, options).await
}

/// Opens a release with its statements. The bytes from a registry are those of their digest before they are parsed.
///
/// # Errors
///
/// Where the location cannot be read, or holds no release.
pub async fn open_at(location: &ReleaseLocation, options: &RegistryOptions) -> Result<Opened, CommandError> {
    match location {
        ReleaseLocation::File(path) => {
            check_names_no_image(path)?;
            let release = load::release(path)?;
            let artifact = |(title, bytes)| Artifact { title, bytes };
            let statements = load::statements(path)?.into_iter().map(artifact).collect();
            let title = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            Ok(Opened {
                release,
                statements,
                title,
            })
        }
        ReleaseLocation::Registry(location) => {
            let pulled = artifact::pull(location, options).await?;
            let place = location.to_string();
            let release = load::parse_release(pulled.release.bytes, Path::new(&place))?;
            Ok(Opened {
                release,
                statements: pulled.statements,
                title: pulled.release.title,
            })
        }
    }
}

/// Writes a release and its statements into files; gives the release's. `NAME-VERSION.release.yaml` where none is named.
///
/// # Errors
///
/// Where a file cannot be written.
pub fn save(opened: &Opened, output: Option<PathBuf>) -> Result<PathBuf, CommandError> {
    let path = output.unwrap_or_else(|| file_name(opened).into());
    for (at, statement) in opened.statements.iter().enumerate() {
        // A name from a registry is somebody's claim, and leads nowhere.
        let title = match load::is_title(&statement.title) {
            true => statement.title.clone(),
            false => format!("statement-{at}.intoto.json"),
        };
        load::write_whole(&load::statement_path(&path, &title), &statement.bytes)?;
    }
    // The bytes as they came: parsed and written again they would have another digest.
    load::write_whole(&path, &opened.release.bytes)?;
    Ok(path)
}

fn file_name(opened: &Opened) -> String {
    let ReleaseIdentity { name, version, .. } = opened.release.identity();
    // The version is free text: only what cannot lead elsewhere becomes part of a file's name.
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let version: String = version.chars().filter(is_plain).collect();
    let ending = if opened.title.ends_with(".json") {
        "json"
    } else {
        "yaml"
    };
    format!("{name}-{version}.release.{ending}")
}

/// Signs a release with a key pair, beside it; gives where the signature is.
///
/// # Errors
///
/// Where the release came from standard input, or the signature cannot be written beside it.
pub async fn sign(
    place: &str,
    release: &ReleaseIdentity,
    key: &PrivateKey,
    options: &RegistryOptions,
) -> Result<String, CommandError> {
    let statement = Artifact {
        title: format!("signature-{}.sigstore.json", key.public().short()),
        bytes: signing::bundle(&Statement::signature(release), key)?,
    };
    keep(place, options, statement).await
}

/// Keeps a statement beside its release; gives where.
///
/// # Errors
///
/// Where the release came from standard input, or the place cannot be written to.
pub async fn keep(
    place: &str,
    options: &RegistryOptions,
    statement: Artifact,
) -> Result<String, CommandError> {
    match ReleaseLocation::parse(place)? {
        ReleaseLocation::File(path) if path == Path::new("-") => {
            Err(CommandError::usage("a release from stdin has no attestations")
                .with_hint("use the file of the release instead of -"))
        }
        ReleaseLocation::File(path) => {
            let path = load::statement_path(&path, &statement.title);
            load::write_whole(&path, &statement.bytes)?;
            Ok(path.display().to_string())
        }
        ReleaseLocation::Registry(location) => {
            let title = statement.title.clone();
            artifact::attach(&location, options, &[statement]).await?;
            Ok(format!("{title} of {location}"))
        }
    }
}

/// What a statement says; nothing where it only signs, none where it is of another kind.
pub fn described(statement: &Statement) -> Option<String> {
    if statement.is_signature() {
        return Some(String::new());
    }
    let result = statement.test_result()?;
    let size = match (result.totals, result.files.len()) {
        (Some(totals), _) => format!(
            "{}, {} failed, {} skipped",
            counted(totals.tests as usize, "test"),
            totals.failures + totals.errors,
            totals.skipped
        ),
        (None, count) => counted(count, "file"),
    };
    let count = result.ran.len();
    let ran = (count > 0).then(|| format!("{} in the test cluster", counted(count, "container")));
    let waived = result.waived.as_ref();
    let waived = waived.map(|why| format!("failures accepted: {why}"));

    let found = [Some(size), ran, waived, result.run.clone()];
    let found: Vec<String> = found.into_iter().flatten().collect();
    Some(format!("evidence {}: {}", result.name, found.join(", ")))
}

/// A private key from a file, or from an environment variable (`env://NAME`), as cosign takes it.
///
/// # Errors
///
/// Where the file or the variable cannot be read, holds no such key, or `COSIGN_PASSWORD` does not open it.
pub fn private_key(place: &str) -> Result<PrivateKey, CommandError> {
    let pem = key_bytes(place)?;
    // From the environment and no flag: arguments are seen by every user of the machine.
    let password = std::env::var("COSIGN_PASSWORD").ok();
    Ok(PrivateKey::from_pem(&pem, place, password.as_deref())?)
}

/// Public keys from files or environment variables.
///
/// # Errors
///
/// Where a file or a variable cannot be read, or holds no such key.
pub fn public_keys(places: &[String]) -> Result<Vec<PublicKey>, CommandError> {
    places
        .iter()
        .map(|place| Ok(PublicKey::from_pem(&key_bytes(place)?, place)?))
        .collect()
}

fn key_bytes(place: &str) -> Result<Vec<u8>, CommandError> {
    match place.strip_prefix("env://") {
        Some(name) => std::env::var(name)
            .map(String::into_bytes)
            .map_err(|_| CommandError::usage(format!("environment variable {name} holds no key"))),
        None => Ok(load::bytes(Path::new(place))?),
    }
}
