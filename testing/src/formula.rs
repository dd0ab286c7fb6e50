//! Numbers that PyTorch's side and this side both make, so that no file need hold them.

/// `count` numbers in [-1, 1), each a multiple of 2⁻²³: SplitMix64 from an FNV-1a hash of the key, the upper 24 bits.
/// `fixtures/ten_steps.py` has the same.
pub fn formula(key: &str, count: usize) -> Vec<f32> {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let start = key.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    (1..=count as u64)
        .map(|index| number(start.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
        .collect()
}

fn number(mut z: u64) -> f32 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 40) as f32 / (1 << 23) as f32 - 1.0
}
