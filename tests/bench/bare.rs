//! `bare RELEASE NAMESPACE [dry]`: sends the applies of a release's objects, 16 at a time, and does nothing else. What a
//! promotion that also compares, checks, journals and watches is measured by; dry, what a comparison is.

use futures::stream::{StreamExt, TryStreamExt, iter};
use kubectl_delivery::cluster::{ApplyOptions, ConnectionOptions, connect};
use kubectl_delivery::load;
use kubectl_delivery::model::Target;
use kubectl_delivery::model::kinds::well_known;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (release, namespace, dry_run) = match &arguments[..] {
        [release, namespace] => (release, namespace, false),
        [release, namespace, dry] if dry == "dry" => (release, namespace, true),
        _ => return Err("usage: bare RELEASE NAMESPACE [dry]".into()),
    };
    let objects = load::release(release.as_ref())?.release.spec.objects;
    let cluster = connect(&ConnectionOptions::default()).await?;
    let applies = objects.iter().map(|object| {
        let cluster = &cluster;
        async move {
            let kind =
                well_known(&object.gvk()).ok_or_else(|| format!("{} is not built in", object.kind()))?;
            let target = Target::new(&kind, Some(namespace), object.name());
            let options = ApplyOptions { manager: "bare".into(), force: true, dry_run };
            cluster.apply(&target, object.value(), &options).await?;
            Ok::<_, Box<dyn std::error::Error>>(())
        }
    });
    iter(applies).buffer_unordered(16).try_collect::<Vec<_>>().await?;
    Ok(())
}
