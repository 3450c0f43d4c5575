//! Changes that keep most of a file's structure: values, keys, repetitions, nesting, and now and then single bytes.

use serde_json::{Map, Value, json};

/// Numbers that a seed repeats (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            0
        } else {
            (self.next() % bound as u64) as usize
        }
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const TEXTS: &[&str] = &[
    "",
    "~",
    "null",
    "yes",
    "0644",
    "1e999",
    "-0",
    "../../etc",
    "/",
    "a/b/c",
    "*",
    "&a",
    "<<",
    "!!binary =",
    "\u{202e}\u{1b}[31m",
    "\0",
    "😀",
    "sha256:",
    "2026-02-31",
    "9999-12-31T23:59:60Z",
    "\u{feff}",
    "%s",
    "${a}",
    "['x'].map(s, s + s).map(s, s + s)",
    "self.a.b",
    "/spec/[name=a]/x",
    "[v=1]",
    "@result",
    "1d",
    "99999999999h",
];

/// One of the seeds, changed once or several times.
pub fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let seed = random.pick(seeds);
    let mut bytes = match serde_json::from_slice::<Value>(seed) {
        Ok(mut value) => {
            for _ in 0..=random.below(4) {
                change(&mut value, random);
            }
            // YAML takes JSON; how it is laid out decides which reader takes it.
            match random.below(3) {
                0 => serde_json::to_vec_pretty(&value).unwrap(),
                1 => format!("# x\n{value}").into_bytes(),
                _ => value.to_string().into_bytes(),
            }
        }
        Err(_) => seed.clone(),
    };
    let is_text = serde_json::from_slice::<Value>(seed).is_err();
    let times = if is_text {
        1 + random.below(6)
    } else {
        usize::from(random.below(3) == 0)
    };
    for _ in 0..times {
        scramble(&mut bytes, random);
    }
    bytes
}

/// Changes one place of a document.
fn change(value: &mut Value, random: &mut Random) {
    let count = count_of(value);
    let mut left = random.below(count);
    at(value, &mut left, random);
}

fn count_of(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count_of).sum(),
        Value::Object(map) => map.values().map(count_of).sum::<usize>(),
        _ => 0,
    }
}

/// Goes to the place that is `left` steps away; whether it was found.
fn at(value: &mut Value, left: &mut usize, random: &mut Random) -> bool {
    if *left == 0 {
        replace(value, random);
        return true;
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| at(item, left, random)),
        Value::Object(map) => map.values_mut().any(|item| at(item, left, random)),
        _ => false,
    }
}

fn replace(value: &mut Value, random: &mut Random) {
    let old = value.take();
    *value = match random.below(12) {
        0 => Value::Null,
        1 => json!(random.next() as i64),
        2 => json!(*random.pick(&[f64::MAX, f64::MIN_POSITIVE, -0.0, 1e300, 0.1])),
        3 => json!(u64::MAX),
        4 => json!(*random.pick(TEXTS)),
        5 => json!("x".repeat(random.below(5000))),
        6 => Value::Array(vec![old; 1 + random.below(40)]),
        7 => (0..random.below(150)).fold(old, |inner, n| {
            if n % 2 == 0 {
                json!([inner])
            } else {
                json!({"a": inner})
            }
        }),
        8 => json!({}),
        9 => Value::Bool(random.below(2) == 0),
        _ => match old {
            Value::Object(map) => Value::Object(with_other_keys(map, random)),
            Value::Array(mut items) => {
                let again = items.get(random.below(items.len())).cloned();
                items.extend(again);
                Value::Array(items)
            }
            Value::String(text) => {
                let mut bytes = text.into_bytes();
                scramble(&mut bytes, random);
                String::from_utf8_lossy(&bytes).into_owned().into()
            }
            other => other,
        },
    };
}

fn with_other_keys(map: Map<String, Value>, random: &mut Random) -> Map<String, Value> {
    let which = random.below(map.len());
    let mut changed = Map::new();
    for (n, (key, value)) in map.into_iter().enumerate() {
        if n == which {
            match random.below(3) {
                0 => continue,
                1 => drop(changed.insert((*random.pick(TEXTS)).to_owned(), value.clone())),
                _ => drop(changed.insert(format!("{key}x"), value.clone())),
            }
        }
        changed.insert(key, value);
    }
    changed
}

/// Changes bytes: flips, cuts, repeats, moves and inserts.
fn scramble(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let end = at + random.below(bytes.len().saturating_sub(at).min(200));
    match random.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].to_vec().repeat(1 + random.below(50));
            bytes.splice(at..at, again);
        }
        4 => drop(bytes.splice(at..at, random.pick(TEXTS).bytes())),
        5 => {
            let one = *random.pick(&[b'{', b'[', b'"', b'<', b'&', b'\n', b':', b'-', b' ', 0, 0xff]);
            let many = vec![one; 1 + random.below(3000)];
            bytes.splice(at..at, many);
        }
        _ => {
            let part = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, part);
        }
    }
}
