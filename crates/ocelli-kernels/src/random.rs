//! Counter-based random numbers: every value is a pure function of a key, so results never depend
//! on which thread drew them or in what order.
//!
//! The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
//! SC 2011), the generator that PyTorch uses on CUDA.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The Philox4x32-10 bijection: ten rounds over a 128-bit counter under a 64-bit key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// A generator for one 64-bit key.
    #[must_use]
    pub fn new(key: u64) -> Self {
        Self { key: [key as u32, (key >> 32) as u32] }
    }

    /// The four 32-bit words that belong to `counter`.
    #[inline]
    #[must_use]
    pub fn block(self, counter: [u32; 4]) -> [u32; 4] {
        let mut c = counter;
        let mut k = self.key;
        for _ in 0..10 {
            let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c[0]);
            let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c[2]);
            c = [(p1 >> 32) as u32 ^ c[1] ^ k[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k[1], p0 as u32];
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        c
    }
}

/// A stream of random numbers named by (seed, purpose, a, b): two streams with the same name give
/// the same numbers, two with different names are independent.
///
/// `purpose` keeps uses apart (initialisation, dropout of one layer, a transform); `a` and `b` are
/// what varies within a use, such as the epoch and the sample's index.
#[derive(Clone, Debug)]
pub struct Stream {
    philox: Philox,
    base: [u32; 2],
    next_block: u64,
    words: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream of this name.
    #[must_use]
    pub fn new(seed: u64, purpose: u64, a: u64, b: u64) -> Self {
        // The name has 256 bits and the generator takes 64 of key and 64 of counter beside the
        // block number: the name is folded through the generator itself.
        let first = Philox::new(seed).block(split4(purpose, a));
        let second = Philox::new(join(first[0], first[1])).block(split4(b, join(first[2], first[3])));
        Self {
            philox: Philox::new(join(second[0], second[1])),
            base: [second[2], second[3]],
            next_block: 0,
            words: [0; 4],
            used: 4,
        }
    }

    /// The next 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            let n = self.next_block;
            self.words = self.philox.block([n as u32, (n >> 32) as u32, self.base[0], self.base[1]]);
            self.next_block += 1;
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let low = self.next_u32();
        join(low, self.next_u32())
    }

    /// A number uniform in [0, 1), a multiple of 2⁻²⁴.
    #[inline]
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A standard normal number (Box–Muller, computed in f64).
    pub fn normal(&mut self) -> f32 {
        let u = (f64::from(self.next_u32()) + 1.0) / 4_294_967_296.0;
        let angle = f64::from(self.next_u32()) / 4_294_967_296.0 * std::f64::consts::TAU;
        ((-2.0 * u.ln()).sqrt() * angle.cos()) as f32
    }

    /// A whole number uniform in 0..n without bias (Lemire's method).
    ///
    /// # Panics
    /// If `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "Stream::below needs n > 0");
        let reject_under = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= reject_under {
                return (product >> 32) as u32;
            }
        }
    }
}

/// A 64-bit digest of a name (FNV-1a), for use as a stream's purpose.
#[must_use]
pub const fn hash(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        digest = (digest ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    digest
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | (u64::from(high) << 32)
}

fn split4(low: u64, high: u64) -> [u32; 4] {
    [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the Random123 library (philox4x32, 10 rounds).
    #[test]
    fn philox_known_answers() {
        assert_eq!(Philox::new(0).block([0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            Philox::new(u64::MAX).block([u32::MAX; 4]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let key = 0x299f_31d0_a409_3822;
        assert_eq!(
            Philox::new(key).block([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn streams_are_functions_of_their_name() {
        let draw = |seed, purpose, a, b| {
            let mut s = Stream::new(seed, purpose, a, b);
            [s.next_u64(), s.next_u64(), s.next_u64()]
        };
        assert_eq!(draw(1, 2, 3, 4), draw(1, 2, 3, 4));
        for other in [draw(2, 2, 3, 4), draw(1, 3, 3, 4), draw(1, 2, 4, 4), draw(1, 2, 3, 5)] {
            assert_ne!(draw(1, 2, 3, 4), other);
        }
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut s = Stream::new(7, hash("moments"), 0, 0);
        let n = 100_000;
        let (mut sum, mut normal, mut square, mut small) = (0.0, 0.0, 0.0, [0u32; 7]);
        for _ in 0..n {
            let u = s.uniform();
            assert!((0.0..1.0).contains(&u));
            sum += f64::from(u);
            let z = f64::from(s.normal());
            normal += z;
            square += z * z;
            small[s.below(7) as usize] += 1;
        }
        let n = f64::from(n);
        // Five standard errors each.
        assert!((sum / n - 0.5).abs() < 5.0 * (1.0 / 12.0 / n).sqrt());
        assert!((normal / n).abs() < 5.0 / n.sqrt());
        assert!((square / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        for count in small {
            assert!((f64::from(count) / n - 1.0 / 7.0).abs() < 5.0 * (6.0 / 49.0 / n).sqrt());
        }
    }
}
