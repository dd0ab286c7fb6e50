//! Amounts of memory: as they are written, and as much as is free.

use sysinfo::{IS_SUPPORTED_SYSTEM, System};

/// Units, and how many bytes each has.
const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

/// Reads an amount such as `2GiB`, `1.5 GB` or `1048576`, in whole bytes, at least one.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (text[..end].parse::<f64>(), text[end..].trim().to_ascii_lowercase());
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| *bytes as f64);
    let bytes = number.ok().zip(factor).map(|(number, factor)| (number * factor).floor());
    match bytes {
        // Beyond this not every whole number is an f64, and no machine has so much.
        Some(bytes) if (1.0..=(1_u64 << 53) as f64).contains(&bytes) => Ok(bytes as u64),
        _ => Err("needs an amount such as 2GiB, 1500MiB, 4GB or a number of bytes".to_owned()),
    }
}

/// Nine tenths of what is free: what programs could have without anything being swapped out, and no more than the control group of the
/// process (a container's limit) leaves it. `None` where the system does not say.
pub(crate) fn available() -> Option<u64> {
    if !IS_SUPPORTED_SYSTEM {
        return None;
    }
    let mut system = System::new();
    system.refresh_memory();
    if system.total_memory() == 0 {
        return None;
    }
    // Files that the group has read count as its own, but are given back when memory is asked for.
    let of_group = system.cgroup_limits().map(|group| group.total_memory.saturating_sub(group.rss));
    let free = of_group.map_or(system.available_memory(), |group| group.min(system.available_memory()));
    (free > 0).then(|| free - free / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        let read: Vec<u64> = ["2GiB", "1.5 GB", "512mib", "300 kib", "7", "8B", "2tb", "1TiB", "250MB"]
            .iter()
            .map(|text| parse(text).unwrap())
            .collect();
        let expected =
            [2 << 30, 1_500_000_000, 512 << 20, 300 << 10, 7, 8, 2_000_000_000_000, 1 << 40, 250_000_000];
        assert_eq!(read, expected);
        for text in ["", "GiB", "0", "-1GiB", "1.2.3", "2 gigs", "1e9", "0.1", "99999999TiB", "∞"] {
            assert!(parse(text).unwrap_err().contains("such as 2GiB"), "{text}");
        }
    }

    #[test]
    fn what_is_free_is_less_than_there_is() {
        let mut system = System::new();
        system.refresh_memory();
        if let Some(free) = available() {
            assert!(free > 0 && free < system.total_memory(), "{free} of {}", system.total_memory());
        }
    }
}
