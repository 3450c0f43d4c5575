//! What a kubelet's message about an image that it cannot pull means.
//!
//! The registry's answer comes wrapped in the words of the runtime and of the kubelet, and no code survives
//! that: the texts of containerd, CRI-O and Docker are matched. What matches none of them is left to the
//! caller, for whom the registry is merely slow.

use crate::model::verdict::CauseKind;

/// What containerd, CRI-O and Docker write when the registry refuses.
const REFUSED: &[&str] = &[
    "401 unauthorized",
    "403 forbidden",
    "code = unauthenticated",
    "code = permissiondenied",
    "unauthorized:",
    "pull access denied",
    "authentication required",
    "authorization failed",
    "no basic auth credentials",
    "insufficient_scope",
    "denied:",
];

/// What they write when the registry could not be asked, or says "later".
const UNAVAILABLE: &[&str] = &[
    "connection refused",
    "connection reset",
    "i/o timeout",
    "no such host",
    "tls handshake",
    "429 too many requests",
    "toomanyrequests",
    "500 internal server error",
    "502 bad gateway",
    "503 service unavailable",
    "504 gateway",
    "deadline exceeded",
    "network is unreachable",
    "no route to host",
    "server misbehaving",
    "unexpected eof",
    ": eof",
    "x509:",
    "server gave http response to https client",
];

/// What they write when the registry answered that there is no such image.
const NOT_FOUND: &[&str] = &[
    "code = notfound",
    ": not found",
    "manifest unknown",
    "name unknown",
    "manifest_unknown",
    "name_unknown",
    "repository name not known",
    "no match for platform",
    "404 not found",
];

/// What a message about a failed pull of `image` means; none where it says nothing.
pub(super) fn classify(message: &str, image: &str) -> Option<CauseKind> {
    // An image can be called anything, `denied:1` too.
    let text = message.replace(image, "").to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));

    // In doubt for the release: only an image that is not there counts against it, and that class comes last.
    if holds(REFUSED) {
        Some(CauseKind::ImageUnauthorized)
    } else if holds(UNAVAILABLE) {
        Some(CauseKind::ImageUnavailable)
    } else if holds(NOT_FOUND) {
        Some(CauseKind::ImageNotFound)
    } else {
        None
    }
}

/// Whether a message says that the image exists, but not for the platform of the node.
pub(super) fn lacks_platform(message: &str) -> bool {
    message.to_lowercase().contains("no match for platform")
}

#[cfg(test)]
mod tests {
    use super::*;
    use CauseKind::*;
    use rstest::rstest;

    #[rstest]
    #[case::containerd(
        r#"failed to pull and unpack image "127.0.0.1:5000/app:2": failed to resolve reference "127.0.0.1:5000/app:2": 127.0.0.1:5000/app:2: not found"#,
        ImageNotFound
    )]
    #[case::containerd_with_code(
        r#"rpc error: code = NotFound desc = failed to pull and unpack image "127.0.0.1:5000/app:2": failed to resolve reference "127.0.0.1:5000/app:2": 127.0.0.1:5000/app:2: not found"#,
        ImageNotFound
    )]
    #[case::after_a_back_off(
        r#"Back-off pulling image "127.0.0.1:5000/app:2": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "127.0.0.1:5000/app:2": not found"#,
        ImageNotFound
    )]
    #[case::no_basic_auth(
        r#"failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 401 Unauthorized"#,
        ImageUnauthorized
    )]
    // Docker Hub tells nobody whether a private repository exists: that is a refusal, and not "not found".
    #[case::docker_hub(
        r#"pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"#,
        ImageUnauthorized
    )]
    #[case::registry_down(
        r#"failed to do request: Head "http://127.0.0.1:5000/v2/app/manifests/2": dial tcp 127.0.0.1:5000: connect: connection refused"#,
        ImageUnavailable
    )]
    #[case::slow_down(
        "unexpected status code 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit",
        ImageUnavailable
    )]
    fn a_runtimes_words_are_understood(#[case] message: &str, #[case] kind: CauseKind) {
        assert_eq!(classify(message, "127.0.0.1:5000/app:2"), Some(kind));
    }

    #[test]
    fn the_images_own_name_decides_nothing() {
        let message = r#"failed to pull "r.example/denied:401": dial tcp: i/o timeout"#;
        assert_eq!(classify(message, "r.example/denied:401"), Some(ImageUnavailable));

        // A back-off that quotes no reason tells nothing, whatever the image is called.
        assert_eq!(
            classify(
                r#"Back-off pulling image "r.example/denied:401""#,
                "r.example/denied:401"
            ),
            None
        );
    }
}
