//! Numbers that PyTorch's side and this side both make, so that no file need hold them.

use ocelli_nn::{Network, Role, Tensor, Weights};

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

/// Initial weights: uniform within 1/√(fan in), and BatchNorm at 1 and 0, as `initialise` of `fixtures/ten_steps.py` has them.
///
/// # Panics
/// If a bias has no weight beside it.
pub fn initial_weights(key: &str, network: &Network) -> Weights {
    let mut weights = network.init(0);
    let specs = network.parameters();
    for spec in &specs {
        if !matches!(spec.role, Role::Weight | Role::Bias) {
            continue;
        }
        let weight = specs.iter().find(|other| other.node == spec.node && other.role == Role::Weight);
        let fan_in: usize = weight.expect("a bias has a weight beside it").shape[1..].iter().product();
        let bound = 1.0 / (fan_in as f32).sqrt();
        let count = spec.shape.iter().product();
        let values =
            formula(&format!("{key}/{}", spec.name), count).iter().map(|value| value * bound).collect();
        weights.insert(spec.name.clone(), Tensor::f32(spec.shape.clone(), values));
    }
    weights
}
