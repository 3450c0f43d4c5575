//! Which applications there are, and where each comes from.

/// An installation as its authors give it.
pub struct App {
    pub name: &'static str,
    /// Module and version, as `go mod download` takes them.
    pub module: &'static str,
    /// The module's hash, as go.sum has it.
    pub sum: &'static str,
    pub source: Source,
    /// Where it is installed, by its own documents.
    pub namespace: &'static str,
    /// Secrets that the application makes itself when it runs: they are there before.
    pub makes: &'static [&'static str],
    /// Whether it is in the short list: what needs no helm, which takes minutes to build.
    pub is_in_ci: bool,
}

/// Paths are inside the module.
pub enum Source {
    Files(&'static [&'static str]),
    Kustomize(&'static str),
    /// Folders of charts, each with values as `--set` takes them.
    Chart(&'static str, &'static [&'static str]),
}

const ARGO_CD: (&str, &str) = (
    "github.com/argoproj/argo-cd/v3@v3.2.11",
    "h1:3hkR11XCp/nlyM2cWr3qeUSGuZgi3JkFdMpzgL5qOR8=",
);
const ISTIO: (&str, &str) = (
    "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad",
    "h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=",
);
const KUEUE: (&str, &str) = (
    "sigs.k8s.io/kueue@v0.17.0",
    "h1:7hzb38M4eKGzYW+CFv2s1L+swzzacUCHOCXxZmAV90I=",
);

fn app(
    name: &'static str,
    (module, sum): (&'static str, &'static str),
    namespace: &'static str,
    source: Source,
) -> App {
    App {
        name,
        module,
        sum,
        source,
        namespace,
        makes: &[],
        is_in_ci: false,
    }
}

impl App {
    fn in_ci(self) -> Self {
        Self {
            is_in_ci: true,
            ..self
        }
    }

    /// The chart's folder and values.
    pub fn chart(&self) -> Option<(&'static str, &'static [&'static str])> {
        match self.source {
            Source::Chart(folder, values) => Some((folder, values)),
            Source::Files(_) | Source::Kustomize(_) => None,
        }
    }

    /// The version as people say it.
    pub fn version(&self) -> &'static str {
        self.module.rsplit_once('@').map_or("", |(_, version)| version)
    }
}

/// All, small ones first.
pub fn all() -> Vec<App> {
    use Source::{Chart, Files, Kustomize};
    let metrics = (
        "sigs.k8s.io/metrics-server@v0.9.0",
        "h1:nlqqZ2H0Xfko8eJC/1qaNVVT17hu4rxndkOi22KTZ4w=",
    );
    let ingress = (
        "k8s.io/ingress-nginx@v0.0.0-20240708192948-52c50467d67d",
        "h1:tZui5g6S4GO1hxLm6yrEoIXLkl4QfeGytlmZqZ+DmdQ=",
    );
    let rollouts = (
        "github.com/argoproj/argo-rollouts@v1.10.1",
        "h1:6oyVPGiHHxu3ixkT6mngemh88HLPDoTX1IwO6KNR1Y4=",
    );
    let gatekeeper = (
        "github.com/open-policy-agent/gatekeeper/v3@v3.23.1",
        "h1:njHTm0SJ6ZEhhEgmQTpJKTGQbc99fSs4hGiEp1OIKck=",
    );
    let metallb = (
        "go.universe.tf/metallb@v0.16.2",
        "h1:RCSAGoZmqcvTg0e56+Okbwz8iTuQVX30JpKX5mYEPUM=",
    );
    let prometheus = (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    );
    let keda = (
        "github.com/kedacore/keda/v2@v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
    );
    let kyverno = (
        "github.com/kyverno/kyverno@v1.19.1",
        "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU=",
    );
    let cert = (
        "github.com/cert-manager/cert-manager@v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
    );
    // The digests of the real images cannot be had for dummies.
    let no_digests = &[
        "controller.image.digest=",
        "controller.admissionWebhooks.patch.image.digest=",
    ];
    let addons = &[
        "samples/addons/prometheus.yaml",
        "samples/addons/grafana.yaml",
        "samples/addons/kiali.yaml",
        "samples/addons/jaeger.yaml",
    ];
    let argo = |app: App| App {
        makes: &["argocd-redis"],
        ..app
    };
    vec![
        app(
            "metrics-server",
            metrics,
            "kube-system",
            Kustomize("manifests/base"),
        )
        .in_ci(),
        app(
            "metrics-server-chart",
            metrics,
            "metrics",
            Chart("charts/metrics-server", &[]),
        ),
        app(
            "bookinfo",
            ISTIO,
            "bookinfo",
            Files(&["samples/bookinfo/platform/kube/bookinfo.yaml"]),
        )
        .in_ci(),
        app(
            "prometheus-operator",
            prometheus,
            "default",
            Files(&["bundle.yaml"]),
        ),
        app("istio-addons", ISTIO, "istio-system", Files(addons)),
        app(
            "istiod",
            ISTIO,
            "istio-system",
            Chart("manifests/charts/istio-control/istio-discovery", &[]),
        ),
        app(
            "ingress-nginx",
            ingress,
            "ingress-nginx",
            Chart("charts/ingress-nginx", no_digests),
        ),
        app(
            "argo-rollouts",
            rollouts,
            "argo-rollouts",
            Files(&["manifests/install.yaml"]),
        )
        .in_ci(),
        app(
            "metallb",
            metallb,
            "metallb-system",
            Files(&["config/manifests/metallb-native.yaml"]),
        )
        .in_ci(),
        app(
            "metallb-frr-k8s",
            metallb,
            "metallb-system",
            Files(&["config/manifests/metallb-frr-k8s.yaml"]),
        ),
        app("keda", keda, "keda", Kustomize("config/default")),
        app(
            "gatekeeper",
            gatekeeper,
            "gatekeeper-system",
            Files(&["deploy/gatekeeper.yaml"]),
        ),
        app(
            "cert-manager",
            cert,
            "cert-manager",
            Chart("deploy/charts/cert-manager", &["crds.enabled=true"]),
        ),
        argo(app(
            "argo-cd",
            ARGO_CD,
            "argocd",
            Files(&["manifests/install.yaml"]),
        )),
        argo(app(
            "argo-cd-ha",
            ARGO_CD,
            "argocd",
            Files(&["manifests/ha/install.yaml"]),
        )),
        app(
            "kyverno",
            kyverno,
            "kyverno",
            Files(&["config/install-latest-testing.yaml"]),
        ),
        app("kueue-chart", KUEUE, "kueue-system", Chart("charts/kueue", &[])),
        app("kueue", KUEUE, "kueue-system", Kustomize("config/default")),
    ]
}
