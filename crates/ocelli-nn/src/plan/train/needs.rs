//! What a plan for training takes in memory, known before it is made.

use super::super::graph::Graph;
use super::super::parameters::{Parameters, Segment};
use super::super::program::{Compiler, Program, Purpose};
use super::super::scratch::Scratch;
use super::super::{PlanError, PlanOptions, TRAINING_THREADS, chunk_images};
use super::check_norms;
use super::stretches::PIECE;
use super::update::{Update, Whole};
use crate::network::Network;

/// Bytes that training with a plan takes, counted by laying the plan out: nothing is allocated for it.
///
/// [`TrainPlan::memory`](super::TrainPlan::memory) tells what a plan has at the moment; some of that comes with the first steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainMemory {
    /// One set of all parameters, padded as plans have them. Weights and gradients are one each, and so is every
    /// [`Average`](super::Average), what [`keep_gradients`](super::TrainPlan::keep_gradients) keeps and what
    /// [`climb`](super::TrainPlan::climb) goes back to.
    pub parameters: usize,
    /// What the optimizer keeps, from its first step on.
    pub optimizer: usize,
    /// A whole batch's maps with their gradients, its output, and weights turned and transformed for the kernels.
    pub maps: usize,
    /// What one thread works in; every thread has it.
    pub thread: usize,
    /// Whether some maps are made again rather than kept ([`Recompute`](super::super::Recompute)): with more images a batch then may
    /// take less than with fewer that keeps them.
    pub recomputes: bool,
}

impl TrainMemory {
    /// What a plan of `network` takes that steps by `update`.
    ///
    /// # Errors
    /// As [`TrainPlan::new`](super::TrainPlan::new), but for weights and missing memory.
    pub fn of(network: &Network, options: PlanOptions, update: &dyn Update) -> Result<Self, PlanError> {
        let Outline { parameters, program, chunks, output } =
            Outline::of(network, options, Purpose::Training)?;
        let weights = program.transposed + program.turned + program.transformed;
        let maps = size_of::<f32>() * (weights + output)
            + chunks * (size_of::<f32>() * program.memory + size_of::<u16>() * program.places);
        Ok(Self {
            parameters: size_of::<f32>() * parameters.len(),
            optimizer: size_of::<f32>() * optimizer(update, &parameters),
            maps,
            thread: Scratch::bytes(program.scratch),
            recomputes: program.recomputes,
        })
    }

    /// What [`TrainPlan::memory`](super::TrainPlan::memory) tells once the plan has made a step: weights, gradients, optimizer, maps
    /// and one thread's working memory.
    pub fn plan(&self) -> usize {
        2 * self.parameters + self.optimizer + self.maps + self.thread
    }
}

/// Floats that an optimizer keeps.
fn optimizer(update: &dyn Update, parameters: &Parameters) -> usize {
    let state = parameters.len().div_ceil(PIECE) * PIECE * update.slots();
    let matrix = |segment: &Segment| match update.whole(&segment.spec) {
        Whole::Matrix { work, .. } => [segment.range.len(), segment.spec.elements(), work],
        Whole::Nothing | Whole::Sums => [0; 3],
    };
    // One after the other is worked on: the largest decides.
    let largest = parameters.segments.iter().map(matrix).reduce(|a, b| [0, 1, 2].map(|i| a[i].max(b[i])));
    state + largest.unwrap_or_default().iter().sum::<usize>()
}

/// All of a plan but its memory.
pub(super) struct Outline {
    pub(super) parameters: Parameters,
    pub(super) program: Program,
    /// Chunks of a whole batch.
    pub(super) chunks: usize,
    /// Floats of a whole batch's output.
    pub(super) output: usize,
}

impl Outline {
    /// # Errors
    /// If the batch is empty, a BatchNorm would have one value for each channel, or a pooling window is too large.
    pub(super) fn of(network: &Network, options: PlanOptions, purpose: Purpose) -> Result<Self, PlanError> {
        if options.batch == 0 {
            return Err(PlanError::batch());
        }
        let training = purpose == Purpose::Training;
        let mut graph = Graph::lower(network, training)?;
        check_norms(network, &graph, options.batch, training)?;
        options.passes.apply(&mut graph, true);
        let mut parameters = Parameters::new(network);
        let chunk = chunk_images(options.batch, &graph, TRAINING_THREADS);
        let program =
            Compiler::compile(&graph, &mut parameters, purpose, (options.batch, chunk), options.recompute);
        let chunks = options.batch.div_ceil(chunk);
        let output = options.batch * graph.values[graph.output].elements();
        Ok(Self { parameters, program, chunks, output })
    }
}

#[cfg(test)]
mod tests {
    use ocelli_kernels::Isa;

    use super::*;
    use crate::network::ParameterSpec;
    use crate::plan::{InferPlan, SampleKeys, TrainPlan, UpdateStep};
    use crate::{Shape, zoo};

    /// Leaves everything as it is, with so many buffers, and a matrix of one of them.
    struct Idle(usize);

    impl Update for Idle {
        fn slots(&self) -> usize {
            self.0
        }

        fn whole(&self, of: &ParameterSpec) -> Whole {
            match (self.0, &of.shape[..]) {
                (3, [rows, _, ..]) => Whole::Matrix { slot: 1, work: rows * rows },
                _ => Whole::Nothing,
            }
        }

        fn update(
            &self,
            _: UpdateStep,
            _: &ParameterSpec,
            _: Isa,
            _: &mut [f32],
            _: &[f32],
            _: &mut [&mut [f32]],
        ) {
        }
    }

    #[test]
    fn is_what_a_plan_has_after_a_step() {
        let (input, classes) = (Shape::map(3, 16, 16), 7);
        for name in ["lesson-bn", "resnet20"] {
            let network = zoo::build(name, input, classes).unwrap();
            let weights = network.init(1);
            for (batch, slots) in [(2, 0), (5, 1), (19, 2), (40, 3)] {
                let options = PlanOptions { batch, ..PlanOptions::default() };
                let needs = TrainMemory::of(&network, options, &Idle(slots)).unwrap();
                let mut plan = TrainPlan::new(&network, &weights, options).unwrap();
                assert_eq!(plan.memory(), needs.plan() - needs.optimizer, "{name} {batch}");
                let samples: Vec<u64> = (0..batch as u64).collect();
                let images = vec![0.1; batch * input.elements()];
                plan.forward(&images, &SampleKeys { seed: 1, epoch: 0, samples: &samples });
                plan.backward(&vec![0.1; batch * classes]);
                plan.step(&Idle(slots));
                assert_eq!(plan.memory(), needs.plan(), "{name} {batch} {slots}");
                plan.keep_gradients(1.0).unwrap();
                assert_eq!(plan.memory(), needs.plan() + needs.parameters, "{name} {batch} {slots}");

                let threads = rayon::current_num_threads();
                let infer = InferPlan::new(&network, &weights, options).unwrap();
                let all = InferPlan::memory_of(&network, options).unwrap();
                assert!(infer.memory() <= all && all <= infer.memory() * threads, "{name} {batch}");
            }
        }
    }

    #[test]
    fn more_images_take_more_where_none_are_made_again() {
        for (name, side) in [("lesson", 32), ("lesson-bn", 32), ("resnet20", 32), ("resnet18", 64)] {
            let network = zoo::build(name, Shape::map(3, side, side), 10).unwrap();
            let of = |batch| {
                let options = PlanOptions { batch, ..PlanOptions::default() };
                TrainMemory::of(&network, options, &Idle(1)).unwrap()
            };
            let all: Vec<_> = (2..=80).chain((100..65_536).step_by(3571)).map(of).collect();
            for pair in all.windows(2) {
                let [a, b] = pair else { unreachable!("windows of two") };
                let grows = a.plan() <= b.plan() || !a.recomputes && b.recomputes;
                assert!(grows && a.recomputes <= b.recomputes, "{name}: {a:?} {b:?}");
            }
            assert!(all[all.len() - 1].recomputes && !all[0].recomputes, "{name}");
        }
    }

    #[test]
    fn no_plan_of_nothing() {
        let network = zoo::build("lesson-bn", Shape::map(3, 16, 16), 7).unwrap();
        let error = TrainMemory::of(&network, PlanOptions { batch: 0, ..PlanOptions::default() }, &Idle(0));
        assert!(error.is_err());
    }
}
