//! A [`Summary`] as a table.

use std::fmt;

use super::{LayerSummary, Summary};

const HEADER: [&str; 7] =
    ["layer", "output", "field", "parameters", "multiply-adds", "training", "inference"];

/// Longer names are cut, so that the table keeps within 100 columns.
const LONGEST_NAME: usize = 28;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = &self.total;
        let mut rows = vec![HEADER.map(str::to_owned)];
        let aligned = self.aligned_name();
        rows.extend(self.layers.iter().map(|layer| row(layer, aligned)));
        rows.push([
            "total".to_owned(),
            String::new(),
            String::new(),
            thousands(total.parameters),
            thousands(total.multiply_adds),
            bytes(total.training_bytes),
            bytes(total.inference_bytes),
        ]);
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; HEADER.len()] = std::array::from_fn(width);
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));

        writeln!(f, "{}, input {}", self.name, self.input)?;
        for (index, row) in rows.iter().enumerate() {
            if index == 1 || index == rows.len() - 1 {
                writeln!(f, "{rule}")?;
            }
            write_row(f, row, &widths)?;
        }
        let images = if self.batch == 1 { "1 image".to_owned() } else { format!("{} images", self.batch) };
        writeln!(
            f,
            "field: pixels of the input that one value sees, along a side; memory: for {images} at a time"
        )
    }
}

impl Summary {
    /// The width at which types stand below each other, if there is room for that; else 0.
    fn aligned_name(&self) -> usize {
        let longest = |of: fn(&LayerSummary) -> usize| self.layers.iter().map(of).max().unwrap_or(0);
        let (name, type_name) = (longest(|layer| layer.name.len()), longest(|layer| layer.type_name.len()));
        if name + 1 + type_name <= LONGEST_NAME { name } else { 0 }
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &[String; 7], widths: &[usize; 7]) -> fmt::Result {
    write!(f, "{:<1$}", row[0], widths[0])?;
    for (cell, width) in row.iter().zip(widths).skip(1) {
        write!(f, "  {cell:>width$}")?;
    }
    writeln!(f)
}

fn row(layer: &LayerSummary, aligned: usize) -> [String; 7] {
    let count = |n| if n == 0 { "–".to_owned() } else { thousands(n) };
    [
        shortened(&format!("{:<aligned$} {}", layer.name, layer.type_name)),
        layer.output.to_string(),
        layer.receptive_field.map_or_else(|| "all".to_owned(), |field| field.to_string()),
        count(layer.parameters),
        count(layer.multiply_adds),
        bytes(layer.training_bytes),
        bytes(layer.inference_bytes),
    ]
}

fn shortened(text: &str) -> String {
    if text.len() <= LONGEST_NAME {
        return text.to_owned();
    }
    // Names and types are ASCII: the end says more than the beginning.
    format!("…{}", &text[text.len() + 1 - LONGEST_NAME..])
}

/// 1814073344 as "1,814,073,344".
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// 1536 as "1.5 KiB".
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(thousands), ["0", "12", "999", "1,000", "1,234,567"]);
        let sizes = [0, 1023, 1536, 1 << 20, 46_760_000, u64::MAX];
        assert_eq!(sizes.map(bytes), ["0 B", "1023 B", "1.5 KiB", "1.0 MiB", "44.6 MiB", "16384.0 PiB"]);
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("conv1 Conv2d"), "conv1 Conv2d");
        let long = shortened("a.very.long.path.to.some.module.conv1 Conv2d");
        assert_eq!(long.chars().count(), LONGEST_NAME);
        assert!(long.ends_with("conv1 Conv2d"));
    }
}
