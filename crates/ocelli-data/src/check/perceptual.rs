//! A hash of what a picture looks like, and an index of hashes by how many bits they differ in.
//!
//! The hash is pHash's (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010): the picture in
//! grey, made 32×32; of its cosine transform the 8×8 lowest frequencies that change both across and down; for each, whether it
//! is above their median. Half of the bits are set, so hashes spread evenly over the index.

use crate::transforms::functional;
use crate::{Image, ImageView};

/// The side of the grey thumbnail that is hashed and compared.
const SIDE: usize = 32;
/// Frequencies along a side.
const LOW: usize = 8;
/// A thumbnail whose values differ by less than this (standard deviation, of 255) is of one colour.
const FLAT: f64 = 2.0;

/// The perceptual hash of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Hash(pub u64);

impl Hash {
    /// The hash of an image; `None` if it is of one colour, which looks like nothing.
    pub fn of(image: ImageView<'_>) -> Option<Self> {
        Thumbnail::of(image).hash()
    }

    /// In how many of the 64 bits two hashes differ.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// A picture in grey, 32×32.
pub(super) struct Thumbnail {
    values: Vec<u8>,
    mean: f64,
    /// The root of the summed squares of the values less their mean.
    length: f64,
}

impl Thumbnail {
    pub(super) fn of(image: ImageView<'_>) -> Self {
        let small: Image = functional::resize(image, (SIDE, SIDE));
        let values = if image.channels() == 1 {
            small.into_pixels()
        } else {
            let (pixels, _) = small.pixels().as_chunks::<3>();
            pixels.iter().map(|&pixel| crate::decode::luma(pixel)).collect()
        };
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|&value| (f64::from(value) - mean).powi(2));
        Self { length: squares.sum::<f64>().sqrt(), mean, values }
    }

    /// Whether its values are all about the same.
    pub(super) fn is_flat(&self) -> bool {
        self.length < FLAT * (self.values.len() as f64).sqrt()
    }

    /// The correlation of two pictures' values, -1 to 1; 0 of flat ones.
    pub(super) fn likeness(&self, other: &Self) -> f32 {
        if self.is_flat() || other.is_flat() {
            return 0.0;
        }
        let products = self.values.iter().zip(&other.values).map(|(&a, &b)| u32::from(a) * u32::from(b));
        let products = f64::from(products.sum::<u32>());
        let together = products - self.values.len() as f64 * self.mean * other.mean;
        (together / (self.length * other.length)) as f32
    }

    fn hash(&self) -> Option<Hash> {
        if self.is_flat() {
            return None;
        }
        // coefficient[v][u] = Σ over y, x of value × cos(v, y) × cos(u, x): columns first, then rows.
        let cosines = cosines();
        let mut across = [[0.0f32; LOW]; SIDE];
        for (row, sums) in self.values.chunks_exact(SIDE).zip(&mut across) {
            for (sum, wave) in sums.iter_mut().zip(&cosines) {
                *sum = row.iter().zip(wave).map(|(&value, cos)| f32::from(value) * cos).sum();
            }
        }
        let mut low = [0.0f32; LOW * LOW];
        for (v, wave) in cosines.iter().enumerate() {
            for u in 0..LOW {
                low[v * LOW + u] = across.iter().zip(wave).map(|(sums, cos)| sums[u] * cos).sum();
            }
        }
        let mut sorted = low;
        sorted.sort_by(f32::total_cmp);
        let median = (sorted[31] + sorted[32]) / 2.0;
        let bits = low.iter().enumerate().filter(|(_, value)| **value > median);
        Some(Hash(bits.fold(0, |hash, (bit, _)| hash | 1 << bit)))
    }
}

/// The waves 1 to 8 of the cosine transform over 32 places.
fn cosines() -> [[f32; SIDE]; LOW] {
    let mut waves = [[0.0; SIDE]; LOW];
    for (number, wave) in waves.iter_mut().enumerate() {
        for (place, value) in wave.iter_mut().enumerate() {
            let angle = std::f32::consts::PI * (number + 1) as f32 * (place as f32 + 0.5) / SIDE as f32;
            *value = angle.cos();
        }
    }
    waves
}

/// Hashes by parts of 16 bits: two that differ in at most 7 bits differ in at most one bit of some part.
pub(super) struct Index<'a> {
    hashes: &'a [(Hash, u32)],
    /// For each part: where the entries of each value begin, and the places in `hashes`, by value.
    parts: [(Vec<u32>, Vec<u32>); PARTS],
}

const PARTS: usize = 4;
/// The most bits by which hashes may differ to be surely found.
pub(super) const RADIUS: u32 = 7;
/// Entries of one value that are looked at, at most: pictures by the ten thousand that all look alike must not take forever.
const MOST: usize = 4096;

impl<'a> Index<'a> {
    /// An index of hashes, each with the number of its sample.
    pub(super) fn new(hashes: &'a [(Hash, u32)]) -> Self {
        let parts = std::array::from_fn(|part| {
            let mut starts = vec![0_u32; (1 << 16) + 1];
            hashes.iter().for_each(|(hash, _)| starts[value(*hash, part) + 1] += 1);
            (0..1 << 16).for_each(|at| starts[at + 1] += starts[at]);
            let mut next = starts.clone();
            let mut places = vec![0; hashes.len()];
            for (place, (hash, _)) in hashes.iter().enumerate() {
                let next = &mut next[value(*hash, part)];
                places[*next as usize] = place as u32;
                *next += 1;
            }
            (starts, places)
        });
        Self { hashes, parts }
    }

    /// The samples later in the list than entry `place` whose hashes differ from its in at most [`RADIUS`] bits; at most
    /// `most` of them.
    pub(super) fn later_near(&self, place: usize, most: usize) -> Vec<u32> {
        let hash = self.hashes[place].0;
        let mut found = Vec::new();
        for (part, (starts, places)) in self.parts.iter().enumerate() {
            let exact = value(hash, part);
            for key in std::iter::once(exact).chain((0..16).map(|bit| exact ^ 1 << bit)) {
                let bucket = &places[starts[key] as usize..starts[key + 1] as usize];
                let later = bucket.partition_point(|&other| other as usize <= place);
                for &other in bucket[later..].iter().take(MOST) {
                    let (other, sample) = self.hashes[other as usize];
                    // Each pair is told by the first part that can find it.
                    let first = (0..part).all(|p| (value(hash, p) ^ value(other, p)).count_ones() > 1);
                    if first && hash.distance(other) <= RADIUS {
                        found.push(sample);
                        if found.len() == most {
                            return found;
                        }
                    }
                }
            }
        }
        found
    }
}

fn value(hash: Hash, part: usize) -> usize {
    (hash.0 >> (16 * part)) as usize & 0xffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_index_finds_what_a_comparison_of_all_finds(
            base: [u64; 4],
            flips in prop::collection::vec((0usize..4, prop::collection::vec(0u32..64, 0..10)), 1..60),
        ) {
            let flipped = |(which, bits): &(usize, Vec<u32>)| {
                Hash(bits.iter().fold(base[*which], |hash, bit| hash ^ 1 << bit))
            };
            let hashes: Vec<(Hash, u32)> = flips.iter().map(flipped).zip(0..).collect();
            let index = Index::new(&hashes);
            for (place, (hash, _)) in hashes.iter().enumerate() {
                let mut found = index.later_near(place, usize::MAX);
                found.sort_unstable();
                let near = |&&(other, _): &&(Hash, u32)| hash.distance(other) <= RADIUS;
                let all: Vec<u32> = hashes[place + 1..].iter().filter(near).map(|(_, n)| *n).collect();
                prop_assert_eq!(found, all);
            }
        }

        #[test]
        fn half_of_the_bits_are_set_and_light_does_not_matter(waves in prop::array::uniform6((0f32..1.0, 0f32..1.0, 0f32..1.0)), lift in 0u8..40) {
            let value = |i: usize| {
                let (y, x) = ((i / 50) as f32 / 40.0, (i % 50) as f32 / 50.0);
                let wave = |(across, down, at): &(f32, f32, f32)| (9.0 * (across * x + down * y + at)).sin();
                (100.0 + 15.0 * waves.iter().map(wave).sum::<f32>()) as u8
            };
            let pixels: Vec<u8> = (0..40 * 50).map(value).collect();
            let lifted: Vec<u8> = pixels.iter().map(|p| p + lift).collect();
            let hash = |pixels: Vec<u8>| Hash::of(Image::new(40, 50, 1, pixels).view());
            if let (Some(one), Some(other)) = (hash(pixels), hash(lifted)) {
                prop_assert_eq!(one.0.count_ones(), 32);
                prop_assert!(one.distance(other) <= RADIUS, "{}", one.distance(other));
            }
        }
    }

    #[test]
    fn a_flat_picture_looks_like_nothing() {
        assert_eq!(Hash::of(Image::new(9, 9, 3, vec![77; 243]).view()), None);
    }
}
