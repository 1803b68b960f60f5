//! Random numbers that come again with the same seed.

/// `SplitMix64`: one number after the other out of a seed and the name of a stream.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// A stream of its own for each user of one seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed);
        let mixed = dice.roll() ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self(mixed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to one less than `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// One of these, unless there is none.
    pub fn one_of<T>(&mut self, of: impl IntoIterator<Item = T>) -> Option<T> {
        let mut of: Vec<T> = of.into_iter().collect();
        if of.is_empty() {
            return None;
        }
        let count = u64::try_from(of.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(self.below(count)).unwrap_or_default();
        Some(of.swap_remove(index))
    }
}
