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
