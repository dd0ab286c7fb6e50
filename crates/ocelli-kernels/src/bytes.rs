//! Numbers become bytes.

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

#[cfg(test)]
mod tests {
    use super::*;

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
