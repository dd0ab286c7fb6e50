//! Numbers, paths and warnings as people read them.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a warning to standard error. Nobody may be there to read it any more: the work goes on.
pub(crate) fn warn(warning: &dyn Display) {
    let _ = writeln!(io::stderr(), "warning: {warning}");
}

/// 12345 → "12,345".
pub(crate) fn count(number: u64) -> String {
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
pub(crate) fn bytes(number: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let fits = |power: &usize| (number >> (10 * power)) < 1024;
    let power = (0..units.len()).find(fits).unwrap_or(units.len() - 1);
    match power {
        0 => format!("{number} bytes"),
        power => format!("{:.1} {}", number as f64 / (1_u64 << (10 * power)) as f64, units[power]),
    }
}

/// 0.8956 → "89.6%".
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// "1 image", "2 images".
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// One field of a CSV line, quoted where it must be (RFC 4180).
pub(crate) fn csv(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
    }
}

/// A path as a shell and a command take it: quoted where it must be, and never taken for a flag.
pub(crate) fn shell(path: &str) -> String {
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_string() };
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn fields_and_paths_are_quoted_where_they_must_be() {
        assert_eq!(
            (csv("a b"), csv("a,b"), csv("a\"b")),
            ("a b".into(), "\"a,b\"".into(), "\"a\"\"b\"".into())
        );
        assert_eq!(
            (shell("a/b.png"), shell("a b"), shell("it's")),
            ("a/b.png".into(), "'a b'".into(), "'it'\\''s'".into())
        );
        assert_eq!((shell("-x/a"), shell("- y")), ("./-x/a".into(), "'./- y'".into()));
    }
}
