//! Our reading of YAML against kubectl's, on what readers of YAML disagree about.

use crate::harness::{Run, TestCluster};
use kubectl_delivery::testing::load::documents;
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
    "a: 1e+06\nb: 1.0\nc: -0.0\nd: 1e20\ne: 1e21\nf: 1e400\ng: 123456789.5\nh: 0.0000001",
    "a: tRUE\nb: yEs\nc: nO\nd: oN\ne: nULl\nf: .iNF",
    "a: 1_0.5\nb: _1\nc: 1__0\nd: 0x_1F\ne: 1_0e3\nf: ._5\ng: .5_0\nh: 0_8\ni: -_1",
    "a: +0x1F\nb: -0b11\nc: 0B11\nd: 0O17\ne: +.5\nf: .5e1\ng: 0x\nh: '+'\ni: -0x8000000000000000\nj: 9223372036854775808",
    "a: ! 12\nb: !foo 12\nc: !!float 3\nd: !!null ~\ne: !!bool yes",
    "1000000.5: a\n0.00001: b\n1e3: c\n2001-12-14: d",
    "base: &b {x: merged, y: 1}\nown:\n  x: explicit\n  <<: *b\nlast:\n  <<: *b\n  x: explicit",
    "base: &b {x: 1}\nown:\n  x: 0\n  <<: [{x: 2, y: 3}, *b]\n\"<<\": a",
    "a: |2-\n\u{2028}\n  x\nb: |\n  x\u{2028}    y\nc: |\n  x\u{85}    y\n  z\u{2029}\nd: |+\n  x\u{2028}  \n\ne: 1",
    "a: 'x\u{2028}    y'\nb: \"x\u{2028}y\\\"\"\nc: \"x \u{2029}\n  y\"\nd: x\u{85}      y\ne: x\n  \u{2028}      y\nf: '\u{85}'\ng: \"{\\\"a\\\": \\\"\u{2028}\\\"}\"",
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
    let create = [
        "create",
        "--dry-run=client",
        "--validate=false",
        "-o",
        "json",
        "-f",
        "-",
    ];
    let out = TestCluster::get().kubectl().args(create).run_with(text).ok();
    serde_json::Deserializer::from_str(&out)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// With sorted keys, as kubectl writes it; beyond an i64 a number is a float, whose exponent Go and Rust write differently.
fn bytes(value: &Value) -> String {
    fn floats(value: &mut Value) {
        match value {
            Value::Number(number) if !number.is_i64() => *value = number.as_f64().into(),
            Value::Array(items) => items.iter_mut().for_each(floats),
            Value::Object(map) => map.values_mut().for_each(floats),
            _ => {}
        }
    }
    let mut value = value.clone();
    value.sort_all_objects();
    floats(&mut value);
    value.to_string()
}

#[test]
fn awkward_yaml_is_read_as_kubectl_reads_it() {
    let text = manifests();
    let ours = documents(text.as_bytes(), Path::new("in.yaml")).unwrap();
    let theirs = by_kubectl(&text);
    assert_eq!((ours.len(), theirs.len()), (AWKWARD.len(), AWKWARD.len()));
    let differ = ours
        .iter()
        .zip(&theirs)
        .zip(AWKWARD)
        .filter(|((a, b), _)| bytes(&a["data"]) != bytes(&b["data"]));
    let differences: Vec<String> = differ
        .map(|((ours, theirs), text)| {
            format!("{text}\n  ours    {}\n  kubectl {}", ours["data"], theirs["data"])
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn lists_without_items_marks_and_json_are_read_as_kubectl_reads_them() {
    let map = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    let text = format!("{}---\n\u{feff}{}", map("a"), map("b"));
    let json = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":1.0,"b":1e3,"c":12345678901234567890}}"#;
    for text in [text.as_str(), json] {
        let ours = documents(text.as_bytes(), Path::new("in.yaml")).unwrap();
        let theirs = by_kubectl(text);
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(bytes(&ours["data"]), bytes(&theirs["data"]));
            assert_eq!(ours["metadata"]["name"], theirs["metadata"]["name"]);
        }
    }
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
    let long = [
        "a".repeat(300),
        "word ".repeat(60),
        "word ".repeat(60) + "\nmore\n",
    ];
    let all = texts.iter().map(|text| (*text).to_owned()).chain(long);
    let data: serde_json::Map<String, Value> = all
        .enumerate()
        .flat_map(|(n, text)| [(format!("key{n}"), text.clone().into()), (text, "value".into())])
        .collect();
    let object =
        serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let text = kubectl_delivery::testing::load::to_yaml(&object);
    let theirs = by_kubectl(&text).remove(0);
    let ours = documents(text.as_bytes(), Path::new("out.yaml"))
        .unwrap()
        .remove(0);
    for (key, value) in &data {
        assert_eq!(
            &theirs["data"][key], value,
            "kubectl reads {key} otherwise:\n{text}"
        );
        assert_eq!(&ours["data"][key], value, "we read {key} otherwise:\n{text}");
    }
}

/// All texts of at most so many of these characters.
fn short_texts(parts: &[char], longest: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut begun = 0;
    for _ in 0..longest {
        let whole = texts.len();
        for at in begun..whole {
            let longer: Vec<String> = parts.iter().map(|part| format!("{}{part}", texts[at])).collect();
            texts.extend(longer);
        }
        begun = whole;
    }
    texts
}

/// A ConfigMap with each text under a key of its own.
fn holding(texts: &[String]) -> Value {
    let data: serde_json::Map<String, Value> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("key{n}"), text.as_str().into()))
        .collect();
    serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

/// The texts that are not read under their keys.
fn read_otherwise(texts: &[String], read: &Value) -> Vec<String> {
    let is_other = |(n, text): (usize, &String)| {
        let found = &read["data"][format!("key{n}")];
        (found != text).then(|| format!("{text:?} as {found}"))
    };
    texts.iter().enumerate().filter_map(is_other).collect()
}

/// Every short text of line breaks of both versions, a blank and a letter, as kubectl writes it.
#[test]
fn breaks_of_lines_that_only_kubectl_has_are_read_as_by_kubectl() {
    let texts = short_texts(&['\u{2028}', '\u{2029}', '\u{85}', '\n', ' ', 'a'], 4);
    assert_eq!(texts.len(), 1 + 6 + 36 + 216 + 1296);
    let written = [
        "create",
        "--dry-run=client",
        "--validate=false",
        "-o",
        "yaml",
        "-f",
        "-",
    ];
    let written = TestCluster::get()
        .kubectl()
        .args(written)
        .run_with(&holding(&texts).to_string())
        .ok();

    let theirs = by_kubectl(&written).remove(0);
    let ours = documents(written.as_bytes(), Path::new("out.yaml"))
        .unwrap()
        .remove(0);
    for (key, value) in theirs["data"].as_object().unwrap() {
        assert_eq!(
            &ours["data"][key],
            value,
            "{key}, which was {}",
            holding(&texts)["data"][key]
        );
    }
}

/// Every short text of what a writer of YAML may stumble over, as we write it.
#[test]
fn each_short_text_that_is_written_is_read_back_the_same_with_kubectl() {
    let parts = [
        'a', ' ', '\n', '\t', '#', ':', '-', '\'', '"', '\r', '\u{85}', '\u{2028}',
    ];
    let texts = short_texts(&parts, 4);
    assert_eq!(texts.len(), 1 + 12 + 144 + 1_728 + 20_736);
    let text = kubectl_delivery::testing::load::to_yaml(&holding(&texts));

    let theirs = by_kubectl(&text).remove(0);
    let ours = documents(text.as_bytes(), Path::new("out.yaml"))
        .unwrap()
        .remove(0);
    assert_eq!(read_otherwise(&texts, &theirs), [""; 0], "by kubectl");
    assert_eq!(read_otherwise(&texts, &ours), [""; 0], "by us");
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
        let error = documents(manifest.as_bytes(), Path::new("in.yaml"))
            .expect_err(text)
            .to_string();
        assert!(
            error.starts_with(place) && !error.contains('\n'),
            "{text}: {error}"
        );
        let create = [
            "create",
            "--dry-run=client",
            "--validate=false",
            "-o",
            "json",
            "-f",
            "-",
        ];
        TestCluster::get()
            .kubectl()
            .args(create)
            .run_with(&manifest)
            .exits(1);
    }
}
