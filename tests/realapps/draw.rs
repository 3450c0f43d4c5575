//! Draws at random that a seed repeats.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The seed of this run: `SEED`, else one from the clock.
pub fn seed() -> u64 {
    let given = std::env::var("SEED").ok().filter(|text| !text.is_empty());
    given.map_or_else(
        || jiff::Timestamp::now().as_millisecond() as u64 % 1_000_000,
        |text| {
            text.parse()
                .unwrap_or_else(|error| panic!("SEED={text}: {error}"))
        },
    )
}

/// SplitMix64.
pub struct Draw(u64);

impl Draw {
    /// One a name: an application draws the same whichever others run.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(seed ^ hasher.finish())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of these, which are not none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
