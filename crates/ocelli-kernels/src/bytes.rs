//! Numbers become bytes, and bytes other bytes.

use crate::isa::Isa;

/// What is left of a number after the point is cut off: PyTorch's conversion to `uint8` within its range. What is below 0 or no number
/// becomes 0, what is above 255 becomes 255. Unlike `as u8`, loops over it become loops over vectors.
#[inline(always)]
#[must_use]
pub fn truncate(value: f32) -> u8 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    // SAFETY: it is a number from 0 to 255.
    let whole: i32 = unsafe { value.to_int_unchecked() };
    whole as u8
}

/// Whether [`look_up`] is one instruction for many bytes on this CPU (AVX-512 VBMI), which beats most arithmetic, and not a step for each.
#[must_use]
pub fn looks_up_vectors(isa: Isa) -> bool {
    #[cfg(target_arch = "x86_64")]
    if isa.name() == "avx512" {
        return is_x86_feature_detected!("avx512vbmi");
    }
    let _ = isa;
    false
}

/// Replaces every byte by what `table` has for it.
pub fn look_up(isa: Isa, table: &[u8; 256], bytes: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if looks_up_vectors(isa) {
        // SAFETY: it was detected just now.
        return unsafe { vbmi::look_up(table, bytes) };
    }
    let _ = isa;
    for byte in bytes {
        *byte = table[usize::from(*byte)];
    }
}

#[cfg(target_arch = "x86_64")]
mod vbmi {
    use std::arch::x86_64::*;

    const LANES: usize = 64;

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn look_up(table: &[u8; 256], bytes: &mut [u8]) {
        // SAFETY: the table has four times 64 bytes.
        let [a, b, c, d] = [0, 1, 2, 3].map(|quarter| unsafe { load(table.as_ptr().add(quarter * LANES)) });
        let (chunks, rest) = bytes.as_chunks_mut::<LANES>();
        for chunk in chunks {
            // SAFETY: a chunk has 64 bytes.
            let x = unsafe { load(chunk.as_ptr()) };
            // The lower seven bits choose among 128 bytes, the highest one of the two halves.
            let (low, high) = (_mm512_permutex2var_epi8(a, x, b), _mm512_permutex2var_epi8(c, x, d));
            let found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
            // SAFETY: a chunk has 64 bytes.
            unsafe { _mm512_storeu_si512(chunk.as_mut_ptr().cast(), found) };
        }
        for byte in rest {
            *byte = table[usize::from(*byte)];
        }
    }

    /// # Safety
    /// 64 bytes are readable.
    #[target_feature(enable = "avx512f")]
    unsafe fn load(p: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looked_up_bytes_are_the_tables() {
        let table = std::array::from_fn(|byte| (byte as u8).wrapping_mul(167).wrapping_add(13));
        for isa in Isa::available() {
            for len in [0, 1, 63, 64, 65, 256, 1000] {
                let mut bytes: Vec<u8> = (0..len).map(|i| (i * 7 % 256) as u8).collect();
                let expected: Vec<u8> = bytes.iter().map(|byte| table[usize::from(*byte)]).collect();
                look_up(isa, &table, &mut bytes);
                assert_eq!(bytes, expected, "{} of {len}", isa.name());
            }
        }
    }

    #[test]
    fn bytes_are_what_casts_make() {
        for i in -2_000..20_000i32 {
            for value in [i as f32 / 64.0, (i as f32 / 64.0).next_up(), (i as f32 / 64.0).next_down()] {
                assert_eq!(truncate(value), value as u8, "{value}");
            }
        }
        for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, -0.0] {
            assert_eq!(truncate(value), value as u8, "{value}");
        }
    }
}
