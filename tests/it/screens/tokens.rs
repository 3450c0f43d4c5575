//! Stable tokens for what no two runs have in common: names of namespaces, digests, times, durations, processes.
//!
//! Each token is as wide as what it stands for, and says what it is. Counts, units and names of objects stay.

use std::collections::BTreeMap;

/// What insta replaces, in this order: a pattern and its token.
pub const FILTERS: [(&str, &str); 18] = [
    // The names that the harness makes: a first word and ten hex digits.
    (r"shop-[0-9a-f]{10}", "shop-0123456789"),
    // The seconds that a progress line begins with, right-aligned, and what a phase took.
    (r"(?m)^ +\d+\.\ds ", "   #.#s "),
    (r"\b\d+\.\ds\b", "#.#s"),
    (
        r"\b\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?Z",
        "YYYY-MM-DD${1}hh:mm:ssZ",
    ),
    (r"\b\d+[smh] ago\b", "AGE ago"),
    (r"\bopen for \w+\)", "open for TIME)"),
    // A slow machine sees the next exit, too.
    (r"\bexited \d times, last\b", "exited N times, last"),
    // The kubelet doubles it with every restart: 10s, 20s, 40s.
    (r"\bback-off \S+ restarting", "back-off TIME restarting"),
    // Made of the namespace's name.
    (r"\bapplyset-[\w-]{43}-v1\b", "applyset-ID-v1"),
    // Which of a rollout's first states a watch sees is a race between controllers.
    (r"(waiting  Deployment \S+: )[^;\n]+", "${1}STATE"),
    (r"web-[0-9a-f]{8,10}-[0-9a-z]{5}", "web-HASH-POD"),
    (r"-rehearsal-[0-9a-f]{8}", "-rehearsal-01234567"),
    // Its last digits may be letters by then.
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-z]{12}", "UID"),
    (r"\bprocess \d+ on [\w.-]+", "process PID on HOST"),
    (r"\b127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    // Where a simulated node's kubelet would listen.
    (r"\b192\.0\.2\.\d:\d+", "NODE:PORT"),
    (r"/tmp/\.tmp\w+", "DIRECTORY"),
    // The cluster may be of an older Kubernetes.
    (r"(?m)^server: v1\.\d+\.\d+", "server: v1.MINOR.PATCH"),
];

/// Numbers the digests of a screen by letters, in the order of their appearance: a whole one and its first twelve digits
/// have the same letter. A digest of one repeated digit is a test's own, and stays.
pub fn letter_digests(text: &str) -> String {
    let mut letters: BTreeMap<String, char> = BTreeMap::new();
    let mut lettered = String::new();
    let mut word = String::new();

    // The end of the text ends a word as well.
    for next in text.chars().chain(['\n']) {
        if next.is_ascii_alphanumeric() {
            word.push(next);
            continue;
        }

        lettered += &letter_digest(&word, &mut letters);
        lettered.push(next);
        word.clear();
    }

    lettered.pop();
    lettered
}

fn letter_digest(word: &str, letters: &mut BTreeMap<String, char>) -> String {
    let is_digest = [12, 64].contains(&word.len()) && word.chars().all(|c| c.is_ascii_hexdigit());
    let is_repeated = word.chars().all(|c| word.starts_with(c));
    if !is_digest || is_repeated {
        return word.to_owned();
    }

    let count = u32::try_from(letters.len()).unwrap();
    let letter = *letters
        .entry(word[..12].to_owned())
        .or_insert_with(|| char::from_u32(u32::from('a') + count).unwrap());
    letter.to_string().repeat(word.len())
}

#[test]
fn a_digest_has_one_letter_in_both_of_its_lengths() {
    let digest = format!("{}{}", "0123456789ab", "0".repeat(52));
    let other = "ba9876543210";
    let own = "1".repeat(64);

    assert_eq!(
        letter_digests(&format!("sha256:{digest} ({other}), 0123456789ab; {own}")),
        format!(
            "sha256:{} ({}), {}; {own}",
            "a".repeat(64),
            "b".repeat(12),
            "a".repeat(12)
        )
    );
}
