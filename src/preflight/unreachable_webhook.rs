//! A webhook that did not answer, as a rejection of the server names it.
//!
//! Such a rejection says nothing of the object: whether the plan brings the webhook back decides what it means. The words
//! are those of the server's webhook client, for admission and for conversion.

use std::fmt;

/// A webhook that did not answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnreachableWebhook<'a> {
    pub name: &'a str,
    /// Namespace and name of the Service in front of it; none where it is called by a URL.
    pub service: Option<(&'a str, &'a str)>,
    /// Whether it converts custom resources between versions, and is named by their definition.
    pub converts: bool,
}

impl fmt::Display for UnreachableWebhook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.converts {
            "conversion webhook for"
        } else {
            "webhook"
        };
        write!(f, "{what} {}", self.name)
    }
}

impl<'a> UnreachableWebhook<'a> {
    /// The webhook that a rejection names as not answering.
    pub(super) fn parse(message: &'a str) -> Option<Self> {
        // A webhook that denies has answered: its words are others.
        let called = message
            .split_once("failed calling webhook \"")
            .and_then(|(_, rest)| rest.split_once('"'));

        // Conversion is called beside admission, and its error names the kind and no webhook.
        let converting = || {
            message
                .split_once("conversion webhook for ")?
                .1
                .split_once(" failed: ")
        };

        let converts = called.is_none();
        let (name, rest) = called.or_else(converting)?;

        let host = rest
            .split_once("https://")
            .map(|(_, url)| url.split(['/', ':', '?']).next().unwrap_or(url));
        // The server calls a Service by its cluster name: `NAME.NAMESPACE.svc`.
        let service = host.and_then(|host| {
            let mut parts = host.split('.');
            let (name, namespace, svc) = (parts.next()?, parts.next()?, parts.next()?);
            (svc == "svc").then_some((namespace, name))
        });

        Some(Self {
            name,
            service,
            converts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_does_not_answer_is_known_by_its_name_and_its_service() {
        let message = r#"Internal error occurred: failed calling webhook "hook.shop.example": failed to call webhook: Post "https://hook.shop.svc:443/?timeout=2s": no endpoints available for service "hook""#;
        assert_eq!(
            UnreachableWebhook::parse(message),
            Some(UnreachableWebhook {
                name: "hook.shop.example",
                service: Some(("shop", "hook")),
                converts: false
            })
        );

        let by_url =
            r#"failed calling webhook "a.b.c": failed to call webhook: Post "https://hooks.example.com/x""#;
        assert_eq!(UnreachableWebhook::parse(by_url).unwrap().service, None);

        let converting = r#"conversion webhook for shop.example/v1, Kind=Widget failed: Post "https://hook.shop.svc:443/convert?timeout=30s": service "hook" not found"#;
        let converting = UnreachableWebhook::parse(converting).unwrap();
        assert_eq!(
            (converting.service, converting.converts),
            (Some(("shop", "hook")), true)
        );

        // It answered.
        assert_eq!(
            UnreachableWebhook::parse("admission webhook \"x\" denied the request"),
            None
        );
    }
}
