//! Parts of sentences: nouns that agree with their counts, lists of which only the first are named, texts that have a
//! bound, times and durations.

use jiff::Timestamp;
use std::time::Duration;

/// `1 pod`, `2 pods`; for nouns whose plural ends in `s` alone.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// `45s`, `10m`, `1h30m`: as flags take it.
pub fn format_seconds(seconds: u64) -> String {
    duration(Duration::from_secs(seconds))
}

/// `1 ConfigMap`, `40 Ingresses`; a kind's plural as English has it.
pub fn counted_kind(count: usize, kind: &str) -> String {
    let is_consonant = |c: char| c.is_ascii_alphabetic() && !"aeiouAEIOU".contains(c);

    match kind.strip_suffix('y') {
        _ if count == 1 => format!("1 {kind}"),
        Some(stem) if stem.ends_with(is_consonant) => format!("{count} {stem}ies"),
        // The one built-in kind that is a plural itself.
        _ if kind == "Endpoints" => format!("{count} {kind}"),
        _ if kind.ends_with(['s', 'x']) => format!("{count} {kind}es"),
        _ => format!("{count} {kind}s"),
    }
}

/// So many of a list by name, the rest counted: `a, b and 3 more`; between sentences `a; b; and 3 more`.
pub fn list_first<T: ToString>(
    items: impl ExactSizeIterator<Item = T>,
    most: usize,
    separator: &str,
) -> String {
    let more = items.len().saturating_sub(most);
    let named: Vec<String> = items.take(most).map(|item| item.to_string()).collect();
    let named = named.join(separator);

    let last = if separator == ", " { " " } else { separator };
    match more {
        0 => named,
        more => format!("{named}{last}and {more} more"),
    }
}

/// The text, or so many characters of it and an ellipsis.
pub fn shorten(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A time in UTC, to the second, as RFC 3339 writes it.
pub fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How long ago a time was, in kubectl's units: `3m ago`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    // Clocks differ: the server's can be ahead of this machine's.
    let seconds = (now.as_second() - then.as_second()).max(0);

    // Up to two of a unit are counted in the smaller one: `1h ago` could be almost two.
    match seconds {
        0..=119 => format!("{seconds}s ago"),
        120..=7199 => format!("{}m ago", seconds / 60),
        7200..=172_799 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86400),
    }
}

/// A duration as flags take it: `1.6s`, `45s`, `10m`, `1h30m`.
pub fn duration(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    // Below a minute a tenth of a second counts.
    if tenths < 600 && !tenths.is_multiple_of(10) {
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }

    let seconds = (time.as_millis() + 500) / 1000;
    let parts = [
        (seconds / 3600, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();

    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{ago, counted, counted_kind, duration, list_first, shorten, utc};
    use jiff::Timestamp;
    use std::time::Duration;

    #[test]
    fn a_noun_agrees_with_its_count() {
        let texts: Vec<String> = (0..=2).map(|count| counted(count, "pod")).collect();
        assert_eq!(texts, ["0 pods", "1 pod", "2 pods"]);
    }

    #[test]
    fn a_kind_has_the_plural_that_english_gives_it() {
        let kinds = ["ConfigMap", "Ingress", "NetworkPolicy", "Gateway", "Endpoints"];
        assert_eq!(
            kinds.map(|kind| counted_kind(2, kind)),
            [
                "2 ConfigMaps",
                "2 Ingresses",
                "2 NetworkPolicies",
                "2 Gateways",
                "2 Endpoints"
            ]
        );
        assert_eq!(counted_kind(1, "Ingress"), "1 Ingress");
    }

    #[test]
    fn a_time_has_no_fractions_and_no_blank_and_an_age_is_in_units_of_kubectl() {
        let time: Timestamp = "2026-11-28T07:52:47.666269Z".parse().unwrap();
        assert_eq!(utc(time), "2026-11-28T07:52:47Z");

        let later = |seconds: i64| ago(time, time + jiff::SignedDuration::from_secs(seconds));
        assert_eq!(
            [-5, 0, 119, 120, 7199, 7200, 172_800].map(later),
            [
                "0s ago", "0s ago", "119s ago", "2m ago", "119m ago", "2h ago", "2d ago"
            ]
        );
    }

    #[test]
    fn a_duration_is_written_as_a_flag_takes_it() {
        let cases = [
            (0, "0s"),
            (40, "0s"),
            (1_640, "1.6s"),
            (45_000, "45s"),
            (59_990, "1m"),
            (90_400, "1m30s"),
            (600_000, "10m"),
            (5_400_000, "1h30m"),
        ];
        for (millis, text) in cases {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn the_first_are_named_and_the_rest_is_counted() {
        let list = |separator: &str| list_first(["a", "b", "c"].iter(), 2, separator);
        assert_eq!(
            (list(", "), list("; ")),
            ("a, b and 1 more".into(), "a; b; and 1 more".into())
        );
        assert_eq!(list_first(["a", "b"].iter(), 2, ", "), "a, b");
        assert_eq!(list_first([""; 0].iter(), 2, ", "), "");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shorten("größe".into(), 3), "grö…");
        assert_eq!(shorten("größe".into(), 5), "größe");
    }
}
