//! One thing to say, and how it is said.

use std::fmt;

use serde::Serialize;

/// How many places are named before the rest is only counted.
const SHOWN: usize = 4;

/// How much a finding matters; what is serious comes first in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It costs accuracy or wastes most of the work: nearly always a mistake.
    Serious,
    /// Worth a thought; there may be reasons for it.
    Advice,
}

/// One thing to say: what is there, why it matters, and what to change. Displays in several lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// The rule's name, which stays the same: "dropout-before-batch-norm".
    pub rule: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is there.
    pub what: String,
    /// The layers, as "3 (Dropout)", in the network's order; none where it is about the whole.
    pub layers: Vec<String>,
    /// Why it matters.
    pub why: String,
    /// What to do about it.
    pub change: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Serious => "serious",
            Severity::Advice => "advice",
        };
        writeln!(f, "{severity}: {} [{}]", self.what, self.rule)?;
        if !self.layers.is_empty() {
            let shown = self.layers.len().min(SHOWN);
            write!(f, "  at      {}", self.layers[..shown].join(", "))?;
            match self.layers.len() - shown {
                0 => writeln!(f)?,
                more => writeln!(f, " and {more} more")?,
            }
        }
        writeln!(f, "  why     {}", self.why)?;
        write!(f, "  change  {}", self.change)
    }
}
