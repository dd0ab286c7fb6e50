//! Numbers, paths and warnings as people read them.

use crate::folder;
pub(crate) use ocelli::report::text::{bytes, count, duration, figure, percent, plural};
use std::fmt::Display;
use std::io::{self, Write};

/// Prints a warning to standard error. Nobody may be there to read it any more: the work goes on.
pub(crate) fn warn(warning: &dyn Display) {
    let _ = writeln!(io::stderr(), "warning: {warning}");
}

/// A moment, milliseconds after 1970 began in UTC, to the minute: `2026-11-23 18:42`.
pub(crate) fn date(milliseconds: i64) -> String {
    let minutes = u64::try_from(milliseconds).unwrap_or(0) / 60_000;
    let (year, month, day) = folder::date(minutes / (24 * 60));
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60 % 24, minutes % 60)
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

/// A flag or its value, as a shell takes it.
pub(crate) fn argument(text: &str) -> String {
    if text.starts_with("--") { text.to_owned() } else { shell(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_to_the_minute() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(1_763_923_379_999), "2025-11-23 18:42");
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
