//! Steps in decimals: 0.0, 0.1, 0.2 and 0.3, where binary fractions would give 0.30000000000000004.

/// A number as people write it: `mantissa × 10^exponent`, from its shortest decimal form.
#[derive(Clone, Copy)]
struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    fn new(value: f64) -> Option<Self> {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e')?;
        let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let mantissa = digits.replace('.', "").parse().ok()?;
        Some(Decimal { mantissa, exponent: exponent.parse::<i32>().ok()? - i32::try_from(fraction).ok()? })
    }

    /// The mantissa at a lower exponent.
    fn at(self, exponent: i32) -> Option<i128> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        self.mantissa.checked_mul(10_i128.checked_pow(shift)?)
    }
}

/// Numbers with one exponent.
fn align<const N: usize>(values: [f64; N]) -> Option<([i128; N], i32)> {
    let mut decimals = [Decimal { mantissa: 0, exponent: 0 }; N];
    for (decimal, value) in decimals.iter_mut().zip(values) {
        *decimal = Decimal::new(value)?;
    }
    let exponent = decimals.iter().map(|decimal| decimal.exponent).min()?;
    let mut mantissas = [0; N];
    for (mantissa, decimal) in mantissas.iter_mut().zip(decimals) {
        *mantissa = decimal.at(exponent)?;
    }
    Some((mantissas, exponent))
}

/// How many whole steps there are from `low` to `high`, in decimals; in binary where those have too many digits.
pub(super) fn steps(low: f64, high: f64, step: f64) -> f64 {
    let exact = align([low, high, step])
        .and_then(|([low, high, step], _)| Some(high.checked_sub(low)?.checked_div_euclid(step)? as f64));
    exact.unwrap_or_else(|| ((high - low) / step).floor())
}

/// `low + count × step`, in decimals; in binary where those have too many digits.
pub(super) fn at(low: f64, count: f64, step: f64) -> f64 {
    let exact = align([low, step]).filter(|_| count.abs() < 1e15).and_then(|([low, step], exponent)| {
        let sum = step.checked_mul(count as i128)?.checked_add(low)?;
        format!("{sum}e{exponent}").parse().ok()
    });
    exact.unwrap_or(low + count * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_decimal() {
        assert_eq!(steps(0.0, 1.0, 0.1), 10.0);
        assert_eq!(steps(0.0, 1.0, 0.3), 3.0);
        assert_eq!(steps(-1.0, 0.25, 0.05), 25.0);
        assert_eq!(at(0.0, 3.0, 0.1), 0.3);
        assert_eq!(at(-1.0, 7.0, 0.1), -0.3);
        assert_eq!(at(1e-4, 2.0, 1e-5), 1.2e-4);
    }

    #[test]
    fn too_many_digits_are_binary() {
        assert_eq!(steps(0.0, 1e300, 1e-300), f64::INFINITY);
        assert_eq!(at(1e200, 1.0, 1e-200), 1e200);
    }
}
