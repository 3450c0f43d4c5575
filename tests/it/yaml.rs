//! Our reading of YAML against kubectl's, on what readers of YAML disagree about.

use crate::harness::{Run, TestCluster};
use kubectl_delivery::load::documents;
use serde_json::Value;
use std::path::Path;

/// Each becomes the data of a ConfigMap, indented by two.
const AWKWARD: &[&str] = &[
    "a: yes\nb: No\nc: on\nd: OFF\ne: y\nf: n\ng: true\nh: False",
    "a: \"yes\"\nb: 'on'\nc: \"1\"\nd: '~'",
    "a: 0644\nb: 0o644\nc: 0x1F\nd: 0b101\ne: 012a\nf: 089\ng: 0\nh: -0644",
    "a: 1e3\nb: 1E+3\nc: 1.0\nd: .5\ne: 1.10\nf: -0\ng: +12\nh: 1_000\ni: 1.2.3\nj: 1e\nk: 1.",
    "a: 9223372036854775807\nb: 18446744073709551615\nc: -9223372036854775808\nd: 123456789012345678901234567890",
    "a: ~\nb: null\nc:\nd: Null\ne: \"\"\nf: NULL\ng: nULL",
    "a: 2001-12-14\nb: 2001-12-14t21:59:43.10-05:00\nc: 190:20:30\nd: 1:30",
    "on: a",
    "y: a",
    "\"on\": a\n'y': b",
    "1: a\n2: b",
    "1.5: a",
    "0644: a",
    "true: a",
    "a: |\n  one\n  two\nb: >\n  one\n  two\n\n  three\nc: |-\n  one\nd: |+\n  one\n\ne: >-\n  one\n    two\n  three",
    "a: \"one\\ttwo\\u00e9\\x41\"\nb: 'it''s'\nc: one\n  two\nd: \"one\n  two\"",
    "a: !!binary aGVsbG8=\nb: !!str 12\nc: !!int \"12\"\nd: !!float \"1\"",
    "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  z: 3\nlist:\n  <<: [*b, {w: 4}]\n  y: 9",
    "a: &a [1, 2]\nb: *a",
    "a: {b: c, d: [e, f]}\ng: []\nh: {}",
    "? a\n: b",
    "a: b # comment\nc: 'd # e'\nf: g#h",
    "a: http://x:1/y\nb: \"{{ x }}\"\nc: '@x'",
    "a: \u{e9}\u{1f600}\nb: \"\\U0001F600\"",
    "a: =\nb: <<\nc: '*'\nd: '&'\ne: '!'",
];

fn manifests() -> String {
    let one = |(n, data): (usize, &&str)| {
        let data: String = data.lines().map(|line| format!("  {line}\n")).collect();
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c{n}\ndata:\n{data}")
    };
    AWKWARD.iter().enumerate().map(one).collect()
}

/// As kubectl reads the same text.
fn by_kubectl(text: &str) -> Vec<Value> {
    let create = ["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"];
    let out = TestCluster::get().kubectl().args(create).run_with(text).ok();
    serde_json::Deserializer::from_str(&out).into_iter().map(Result::unwrap).collect()
}

/// Equal as JSON is: 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
fn awkward_yaml_is_read_as_kubectl_reads_it() {
    let text = manifests();
    let ours = documents(text.as_bytes(), Path::new("in.yaml")).unwrap();
    let theirs = by_kubectl(&text);
    assert_eq!((ours.len(), theirs.len()), (AWKWARD.len(), AWKWARD.len()));
    let differ = ours.iter().zip(&theirs).zip(AWKWARD).filter(|((a, b), _)| !same(&a["data"], &b["data"]));
    let told: Vec<String> = differ
        .map(|((ours, theirs), text)| {
            format!("{text}\n  ours    {}\n  kubectl {}", ours["data"], theirs["data"])
        })
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
}

#[test]
fn what_is_written_reads_back_the_same_with_kubectl() {
    // Each stands as a value and as a key.
    let texts = [
        "on",
        "yes",
        "y",
        "n",
        "0644",
        "true",
        "null",
        "1e3",
        "~",
        "0x1F",
        "",
        " leading",
        "trailing ",
        "two\nlines\n",
        "tab\there",
        "# no comment",
        "- no list",
        "a: b",
        "{{ template }}",
        "@at",
        "*star",
        "&and",
        "!bang",
        "%percent",
        "|",
        ">",
        "'quote",
        "\"double",
        "back\\slash",
        "1.10",
        "2001-12-14",
        "190:20:30",
        "\u{e9}\u{1f600}",
        "\u{7f}\u{1}",
        "---",
        "1_000",
        "\n",
        "\n\nlast",
        "no newline at the end\n  indented",
        "=",
        "<<",
        ".inf",
        "0o17",
        "? a",
        "a #b",
        "a:",
        "[a",
        "{a",
        "`a",
        ", a",
        "...",
        "\r\nwindows\r\n",
        "\u{2028}",
        "\u{feff}mark",
    ];
    let long = ["a".repeat(300), "word ".repeat(60), "word ".repeat(60) + "\nmore\n"];
    let all = texts.iter().map(|text| (*text).to_owned()).chain(long);
    let data: serde_json::Map<String, Value> = all
        .enumerate()
        .flat_map(|(n, text)| [(format!("key{n}"), text.clone().into()), (text, "value".into())])
        .collect();
    let object =
        serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let text = kubectl_delivery::load::to_yaml(&object);
    let theirs = by_kubectl(&text).remove(0);
    let ours = documents(text.as_bytes(), Path::new("out.yaml")).unwrap().remove(0);
    for (key, value) in &data {
        assert_eq!(&theirs["data"][key], value, "kubectl reads {key} otherwise:\n{text}");
        assert_eq!(&ours["data"][key], value, "we read {key} otherwise:\n{text}");
    }
}

#[test]
fn what_kubectl_refuses_is_refused_with_its_place() {
    for (text, place) in [
        ("a: [1, 2\nb: 3\n", "in.yaml:"),
        ("a: b\n c: d\n", "in.yaml:2:"),
        ("a: 'open\n", "in.yaml:"),
        ("a: *nothing\n", "in.yaml:1:"),
        ("a:\n\t- b\n", "in.yaml:2:"),
        ("a: .inf\n", "in.yaml:1:"),
        ("a: b: c\n", "in.yaml:1:"),
    ] {
        let manifest = format!("{text}\n");
        let error = documents(manifest.as_bytes(), Path::new("in.yaml")).expect_err(text).to_string();
        assert!(error.starts_with(place) && !error.contains('\n'), "{text}: {error}");
        let create = ["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"];
        TestCluster::get().kubectl().args(create).run_with(&manifest).exits(1);
    }
}
