//! `ocelli eval --csv`: every image with what is said of it.

use super::chosen::Chosen;
use super::measured::Measured;
use crate::text::csv;
use std::io::{self, BufWriter, Write};

/// `image,truth,predicted,probability,loss,rejected`, and the probability of each class.
pub(super) fn print(chosen: &Chosen, classes: &[String], measured: &Measured) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write!(out, "image,truth,predicted,probability,loss,rejected")?;
    for class in classes {
        write!(out, ",{}", csv(&format!("probability_{class}")))?;
    }
    writeln!(out)?;
    let said = &measured.predictions;
    for (image, id) in said.ids().iter().enumerate() {
        let confidence = said.confidence(image);
        let rejected = measured.reject.is_some_and(|reject| confidence < reject.threshold);
        write!(
            out,
            "{},{},{},{confidence},{:.6},{rejected}",
            csv(&chosen.images.name(*id as usize)),
            csv(&classes[said.labels()[image] as usize]),
            csv(&classes[said.predicted(image)]),
            said.loss(image),
        )?;
        // As many digits as tell one number from another.
        for probability in said.row(image) {
            write!(out, ",{probability}")?;
        }
        writeln!(out)?;
    }
    out.flush()
}
