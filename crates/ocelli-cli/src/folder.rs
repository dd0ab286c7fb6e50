//! The folder that a run gets when none is named: `runs/<date>-<name>`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder below `runs` that is not there yet: today's date (UTC) and `name`, and a number if that is taken.
pub(crate) fn for_run(runs: &Path, name: &str) -> PathBuf {
    let days = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let (year, month, day) = date(days);
    let name: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let first = format!("{year:04}-{month:02}-{day:02}-{name}");
    let numbered = (2_u32..).map(|number| format!("{first}-{number}"));
    let mut candidates = std::iter::once(first.clone()).chain(numbered).map(|folder| runs.join(folder));
    candidates.find(|folder| !folder.exists()).unwrap_or_else(|| runs.join(first.clone()))
}

/// Year, month and day of the Gregorian calendar, `days` after 1 January 1970.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    // Years are counted from 1 March, so that the leap day comes last; 146,097 days make 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(59), (1970, 3, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_454), (2026, 1, 1));
        assert_eq!(date(20_453), (2025, 12, 31));
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        let runs = tempfile::tempdir().unwrap();
        let first = for_run(runs.path(), "my net");
        assert!(first.to_string_lossy().ends_with("-my-net"));
        std::fs::create_dir(&first).unwrap();
        assert!(for_run(runs.path(), "my net").to_string_lossy().ends_with("-my-net-2"));
    }
}
