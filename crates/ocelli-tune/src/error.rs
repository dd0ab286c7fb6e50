//! Why a study cannot go on.

use crate::{Direction, JournalError, SamplerError, SpaceError, TrialState};

/// A study that cannot be opened, asked or told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The space cannot be used.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The sampler has no answer.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The journal has a study of this name with other directions.
    #[error(
        "the study {name} has the directions {found:?} in the journal, here it is asked for {asked:?}; give it another name"
    )]
    Directions {
        /// The study.
        name: String,
        /// What the journal has.
        found: Vec<Direction>,
        /// What was asked for.
        asked: Vec<Direction>,
    },
    /// There is no study of this name.
    #[error("the journal has no study {name}; it has {}", list(found))]
    NoStudy {
        /// What was asked for.
        name: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The journal has a study of this name whose trials have another kind of parameter of this name.
    #[error(
        "study {study} has trials whose `{name}` is {found}, in the space it is {asked}; give the study another name"
    )]
    Incompatible {
        /// The study.
        study: String,
        /// The parameter.
        name: String,
        /// What it is in the journal.
        found: String,
        /// What it is in the space.
        asked: String,
    },
    /// Something is done to a trial that does not run.
    #[error("trial {number} is {state:?}, it must be running: another worker, or this one, has finished it")]
    NotRunning {
        /// The trial.
        number: u64,
        /// What it is.
        state: TrialState,
    },
    /// There is no such trial.
    #[error("the study has no trial {number}; it has {count}, numbered from 0")]
    NoTrial {
        /// What was asked for.
        number: u64,
        /// How many there are.
        count: usize,
    },
    /// As many objectives are needed as the study has directions.
    #[error("trial {number} was told {found} objectives, but the study has {needed} directions")]
    Objectives {
        /// The trial.
        number: u64,
        /// How many were told.
        found: usize,
        /// How many directions there are.
        needed: usize,
    },
    /// As many names are needed as the study has directions.
    #[error("{found} names were given for objectives, but the study has {needed} directions")]
    MetricNames {
        /// How many were given.
        found: usize,
        /// How many directions there are.
        needed: usize,
    },
    /// Steps count from 0.
    #[error("trial {number} reported step {step}; steps count from 0")]
    Step {
        /// The trial.
        number: u64,
        /// What was reported.
        step: i64,
    },
    /// Something that is for studies of one objective.
    #[error(
        "the study has {count} objectives, but intermediate values and pruning are for one; leave the pruner out"
    )]
    SeveralObjectives {
        /// How many directions there are.
        count: usize,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}
