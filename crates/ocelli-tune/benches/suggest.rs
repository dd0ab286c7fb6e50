//! What a trial costs beside its own work: asked for and told about, with 100 and 1,000 trials before it, ten parameters.
//!
//! `cargo bench -p ocelli-tune`. `bench/peers/suggest.py` times the same in Optuna.

use ocelli_tune::{
    GpSampler, GpSamplerOptions, Journal, LockOptions, Outcome, RandomSampler, Sampler, SobolSampler, Space,
    Study, StudyOptions, TpeOptions, TpeSampler,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const REPEATS: usize = 11;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("ocelli-suggest-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let tpe = |multivariate| {
        TpeSampler::new(TpeOptions { multivariate: Some(multivariate), ..TpeOptions::default() })
    };
    let samplers: [(&str, Arc<dyn Sampler>); 5] = [
        ("random", Arc::new(RandomSampler::new(0))),
        ("Sobol", Arc::new(SobolSampler::new(0))),
        ("TPE", Arc::new(tpe(true))),
        ("TPE, each parameter alone", Arc::new(tpe(false))),
        ("GP", Arc::new(GpSampler::new(GpSamplerOptions::default()))),
    ];
    for place in ["memory", "journal"] {
        for (name, sampler) in &samplers {
            for trials in [100, 1000] {
                let path = folder.join(format!("{name} {trials}.log"));
                let milliseconds = median((place == "journal").then_some(path), Arc::clone(sampler), trials)?;
                println!("{place}, {name}, after {trials} trials: {milliseconds:.3} ms");
            }
        }
    }
    Ok(std::fs::remove_dir_all(&folder)?)
}

fn space() -> Result<Space, ocelli_tune::SpaceError> {
    let floats: String =
        (0..8).map(|i| format!("x{i} = {{ type = \"float\", low = -5, high = 5 }}\n")).collect();
    let others = "n = { type = \"int\", low = 1, high = 100, log = true }\nk = { type = \"categorical\", choices = [\"a\", \"b\", \"c\"] }";
    Space::parse(&format!("{floats}{others}"))
}

fn median(
    path: Option<PathBuf>,
    sampler: Arc<dyn Sampler>,
    trials: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let open = || {
        path.as_ref()
            .map_or_else(|| Ok(Journal::memory()), |path| Journal::open(path, LockOptions::default()))
    };
    let options = || -> Result<_, ocelli_tune::SpaceError> {
        Ok(StudyOptions::new("bench", space()?).sampler(RandomSampler::new(1)))
    };
    let study = match &path {
        // The trials before it come from another process as it were: the file is read once.
        Some(_) => {
            let before = Study::open(open()?, options()?)?;
            (0..trials).try_for_each(|_| one(&before))?;
            drop(before);
            Study::open(open()?, StudyOptions { sampler, ..options()? })?
        }
        None => {
            let switch = Arc::new(Switch { after: trials as u64, sampler });
            let study = Study::open(open()?, StudyOptions { sampler: switch, ..options()? })?;
            (0..trials).try_for_each(|_| one(&study))?;
            study
        }
    };
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let begun = Instant::now();
        one(&study)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[REPEATS / 2])
}

fn one(study: &Study) -> Result<(), ocelli_tune::TuneError> {
    let Some(trial) = study.ask()? else { return Ok(()) };
    let sum = trial.params().values().filter_map(|value| value.as_f64()).map(|value| value * value).sum();
    trial.tell(Outcome::Complete(vec![sum])).map(drop)
}

/// Values at random first: memory cannot be opened twice.
#[derive(Debug)]
struct Switch {
    after: u64,
    sampler: Arc<dyn Sampler>,
}

impl Sampler for Switch {
    fn sample(
        &self,
        request: &ocelli_tune::Request<'_>,
    ) -> Result<ocelli_tune::Params, ocelli_tune::SamplerError> {
        if request.number < self.after {
            return RandomSampler::new(1).sample(request);
        }
        self.sampler.sample(request)
    }
}
