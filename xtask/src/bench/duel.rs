//! One workload at one thread count: the peers' best, chosen first, and then turns.

use super::Settings;
use super::process::{Contestant, Programs, Reading};
use super::workload::{Kind, Measure, Workload};
use crate::shell::Result;

/// Cores that others may keep busy in a turn that counts.
const QUIET: f64 = 0.1;
/// How often a disturbed turn is taken again before it counts all the same.
const TRIES: usize = 4;

/// All that was measured of one workload at one thread count.
pub(super) struct Duel<'a> {
    pub(super) work: &'a Workload,
    pub(super) threads: usize,
    pub(super) ours: Series,
    /// Ocelli held to AVX2, where the best instruction set is another.
    pub(super) ours_avx2: Option<Series>,
    /// PyTorch in its best variant, and ONNX Runtime for inference.
    pub(super) peers: Vec<Series>,
    /// The trial turn of every PyTorch variant, or why there is none.
    pub(super) trials: Vec<(&'static str, std::result::Result<f64, String>)>,
    /// The fused-multiply-add peak, GFLOP/s, one reading for each round; none where no network runs.
    pub(super) peak: Vec<f64>,
    pub(super) flops_per_image: Option<f64>,
    pub(super) versions: serde_json::Map<String, serde_json::Value>,
}

/// The turns of one contestant.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) readings: Vec<Reading>,
}

struct Turns {
    contestant: Contestant,
    series: Series,
}

impl Turns {
    fn new(contestant: Contestant, name: &str) -> Self {
        Self { contestant, series: Series { name: name.to_owned(), readings: Vec::new() } }
    }

    fn take(&mut self, seconds: f64) -> Result {
        self.series.readings.push(undisturbed(&mut self.contestant, seconds)?);
        Ok(())
    }
}

/// One turn; taken again while others disturb it.
fn undisturbed(contestant: &mut Contestant, seconds: f64) -> Result<Reading> {
    let mut best = contestant.run(seconds)?;
    for _ in 1..TRIES {
        if best.others <= QUIET {
            break;
        }
        let again = contestant.run(seconds)?;
        if again.others < best.others {
            best = again;
        }
    }
    Ok(best)
}

impl<'a> Duel<'a> {
    /// Starts everyone, lets PyTorch's variants compete, and takes turns.
    pub(super) fn fight(
        programs: &Programs,
        work: &'a Workload,
        threads: usize,
        settings: &Settings,
    ) -> Result<Self> {
        let (torch, trials) = best_torch(programs, work, threads, settings.seconds)?;
        let mut peers = vec![torch];
        if work.kind == Kind::Inference {
            peers.push(Turns::new(programs.peer(work, threads, "onnxruntime")?, "ONNX Runtime"));
        }
        let mut ours = Turns::new(programs.ours(work, threads, None)?, "Ocelli");
        let mut avx2 = match ours.contestant.ready.versions.get("isa").and_then(|isa| isa.as_str()) {
            Some("avx512") if !work.kind.loads() => {
                Some(Turns::new(programs.ours(work, threads, Some("avx2"))?, "Ocelli, AVX2"))
            }
            _ => None,
        };
        let mut peak = Vec::new();
        for _ in 0..settings.rounds {
            if !work.kind.loads() {
                peak.push(ours.contestant.peak(settings.seconds / 5.0)?);
            }
            for turns in std::iter::once(&mut ours).chain(&mut peers).chain(&mut avx2) {
                turns.take(settings.seconds)?;
            }
        }
        let flops_per_image = ours.contestant.ready.flops_per_image;
        let everyone = std::iter::once(&ours).chain(&peers);
        let versions = everyone.flat_map(|turns| turns.contestant.ready.versions.clone()).collect();
        Ok(Self {
            work,
            threads,
            ours: ours.series,
            ours_avx2: avx2.map(|turns| turns.series),
            peers: peers.into_iter().map(|turns| turns.series).collect(),
            trials,
            peak,
            flops_per_image,
            versions,
        })
    }

    /// How many times as fast as `peer` Ocelli was, round by round.
    pub(super) fn ratios(&self, ours: &Series, peer: &Series) -> Vec<f64> {
        let pairs = ours.readings.iter().zip(&peer.readings);
        pairs.map(|(ours, theirs)| self.work.speed(ours) / self.work.speed(theirs)).collect()
    }

    /// The peer whose median is best.
    pub(super) fn best_peer(&self) -> &Series {
        let speed = |series: &Series| {
            median(&series.readings.iter().map(|reading| self.work.speed(reading)).collect::<Vec<_>>())
        };
        let best = self.peers.iter().max_by(|a, b| speed(a).total_cmp(&speed(b)));
        best.expect("PyTorch is always among the peers")
    }

    /// The share of the fused-multiply-add peak that Ocelli reached, where a network runs.
    pub(super) fn share_of_peak(&self, series: &Series) -> Option<f64> {
        let images = median(&series.readings.iter().map(|reading| reading.images_per_s).collect::<Vec<_>>());
        Some(images * self.flops_per_image? / 1e9 / median(&self.peak))
    }
}

impl Workload {
    /// What counts, as a speed: images per second, or single images per second of the median latency.
    pub(super) fn speed(&self, reading: &Reading) -> f64 {
        match self.measure {
            Measure::Throughput => reading.images_per_s,
            Measure::Latency => 1e6 / reading.latency_us,
        }
    }
}

type Trials = Vec<(&'static str, std::result::Result<f64, String>)>;

/// PyTorch in the variant that is fastest in two trial turns, and how all of them did.
fn best_torch(programs: &Programs, work: &Workload, threads: usize, seconds: f64) -> Result<(Turns, Trials)> {
    let mut trials = Vec::new();
    let mut best: Option<(f64, Turns)> = None;
    for &variant in work.kind.variants() {
        eprintln!("  trying PyTorch {variant}");
        let mut contestant = match programs.peer(work, threads, variant) {
            Ok(contestant) => contestant,
            Err(error) => {
                trials.push((variant, Err(error.to_string())));
                continue;
            }
        };
        let (first, second) =
            (undisturbed(&mut contestant, seconds)?, undisturbed(&mut contestant, seconds)?);
        let speed = work.speed(&first).max(work.speed(&second));
        trials.push((variant, Ok(speed)));
        if best.as_ref().is_none_or(|(least, _)| speed > *least) {
            best = Some((speed, Turns::new(contestant, &format!("PyTorch, {variant}"))));
        }
    }
    let (_, turns) = best.ok_or_else(|| format!("PyTorch runs in no variant: {trials:?}"))?;
    Ok((turns, trials))
}

/// The middle of the values.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}
