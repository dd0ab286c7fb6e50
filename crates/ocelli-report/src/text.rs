//! Numbers as people read them.

/// 12345 → "12,345".
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 12345678 → "11.8 MiB".
pub fn bytes(number: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let fits = |power: &usize| (number >> (10 * power)) < 1024;
    let power = (0..units.len()).find(fits).unwrap_or(units.len() - 1);
    match power {
        0 => format!("{number} bytes"),
        power => format!("{:.1} {}", number as f64 / (1_u64 << (10 * power)) as f64, units[power]),
    }
}

/// 0.8956 → "89.6%".
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A figure with the digits that matter.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if value.fract() == 0.0 && size < 1e15 => format!("{value}"),
        0.001..1e6 => format!("{value:.5}"),
        _ => format!("{value:.3e}"),
    }
}

/// "1 image", "2 images".
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Seconds in the units that matter: "3 h 12 min", "4 min 05 s", "12 s".
pub fn duration(seconds: f64) -> String {
    let all = seconds.round().max(0.0) as u64;
    match (all / 3600, all / 60 % 60, all % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{} h {minutes:02} min", count(hours)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_the_digits_that_matter() {
        let shown = [3.0, 0.5, 2.0e-8, -1234567.5, f64::NAN].map(figure);
        assert_eq!(shown, ["3", "0.50000", "2.000e-8", "-1.235e6", "NaN"]);
    }

    #[test]
    fn durations_have_two_units() {
        assert_eq!([0.4, 61.0, 11_520.0].map(duration), ["0 s", "1 min 01 s", "3 h 12 min"]);
    }

    #[test]
    fn bytes_have_units() {
        let said = [0, 1023, 1024, 12_345_678, 34_359_738_368, u64::MAX].map(bytes);
        assert_eq!(said, ["0 bytes", "1023 bytes", "1.0 KiB", "11.8 MiB", "32.0 GiB", "16777216.0 TiB"]);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!((count(0), count(999), count(1000)), ("0".into(), "999".into(), "1,000".into()));
        assert_eq!(count(1234567), "1,234,567");
        assert_eq!(percent(0.8956), "89.6%");
        assert_eq!(
            (plural(1, "image", "images"), plural(1000, "image", "images")),
            ("1 image".into(), "1,000 images".into())
        );
    }
}
