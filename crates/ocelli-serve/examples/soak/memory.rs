//! A process' memory over time, and whether it is flat.

/// What the last quarter may have more than the second one, beside a twentieth of it: the allocator's own ups and downs, bytes.
const SLACK: f64 = 8e6;
/// The same as a share.
const SHARE: f64 = 0.05;

/// The resident size of a process, bytes.
pub(crate) fn resident(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
}

/// How many files and sockets a process has open.
pub(crate) fn open_files(process: u32) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{process}/fd")).ok()?.count())
}

/// The means of the second quarter of the readings and of the last, bytes. The first is for warming up.
///
/// # Errors
/// The last is larger by more than a twentieth and 8 MB, or there are too few readings.
pub(crate) fn flat(readings: &[f64]) -> Result<(f64, f64), String> {
    let quarter = readings.len() / 4;
    if quarter == 0 {
        return Err(format!("{} readings of memory are too few", readings.len()));
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (early, late) = (mean(&readings[quarter..2 * quarter]), mean(&readings[readings.len() - quarter..]));
    if late > early * (1.0 + SHARE) + SLACK {
        let [early, late] = [early, late].map(|bytes| bytes / 1e6);
        return Err(format!(
            "memory grew from {early:.1} MB in the second quarter to {late:.1} MB in the last"
        ));
    }
    Ok((early, late))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_after_warming_up_is_not_flat() {
        let warm = |second: f64| if second < 100.0 { second * 1e6 } else { 1e8 };
        let readings: Vec<f64> = (0..400).map(|second| warm(f64::from(second))).collect();
        assert_eq!(flat(&readings), Ok((1e8, 1e8)));
        // A hundred kilobytes a second.
        let leak: Vec<f64> =
            readings.iter().enumerate().map(|(second, bytes)| bytes + second as f64 * 1e5).collect();
        assert!(flat(&leak).unwrap_err().contains("memory grew"));
        assert!(flat(&[1.0; 3]).is_err());
    }

    #[test]
    fn this_process_has_memory_and_files() {
        assert!(resident(std::process::id()).unwrap() > 1e5);
        assert!(open_files(std::process::id()).unwrap() > 2);
    }
}
