//! Which input channels the blocks of output channels read, where channels are in groups.

use crate::layout::BLOCK;

/// Outputs in groups, each of which reads a group of inputs. Every block of 16 outputs reads as many
/// consecutive inputs as the widest block needs.
#[derive(Clone, Copy)]
pub(super) struct Groups {
    /// Outputs and inputs of a group.
    outputs: usize,
    inputs: usize,
    /// Outputs and inputs of all groups.
    all_outputs: usize,
    all_inputs: usize,
    /// Inputs that each block reads.
    pub(super) reads: usize,
}

impl Groups {
    /// # Panics
    /// If the groups do not divide outputs and inputs.
    pub(super) fn new(outputs: usize, inputs: usize, groups: usize) -> Self {
        let divided = groups > 0 && outputs.is_multiple_of(groups) && inputs.is_multiple_of(groups);
        assert!(divided, "{groups} groups of {inputs} inputs and {outputs} outputs");
        let all = Self {
            outputs: outputs / groups,
            inputs: inputs / groups,
            all_outputs: outputs,
            all_inputs: inputs,
            reads: 0,
        };
        let widest = (0..outputs.div_ceil(BLOCK)).map(|block| all.touched(block).1).max();
        Self { reads: widest.unwrap_or(0), ..all }
    }

    /// The first input of the groups that a block's outputs belong to, and how many inputs these have.
    fn touched(&self, block: usize) -> (usize, usize) {
        let last = ((block + 1) * BLOCK).min(self.all_outputs) - 1;
        let (first, last) = (block * BLOCK / self.outputs, last / self.outputs);
        (first * self.inputs, (last + 1 - first) * self.inputs)
    }

    /// The first input that a block reads.
    pub(super) fn first_read(&self, block: usize) -> usize {
        self.touched(block).0.min(self.all_inputs - self.reads)
    }

    /// Blocks that read the same inputs, side by side: those of one group, if groups are whole blocks.
    pub(super) fn bundle(&self) -> usize {
        if self.outputs.is_multiple_of(BLOCK) { self.outputs / BLOCK } else { 1 }
    }

    /// Whether blocks read inputs of other groups than some of their outputs belong to.
    pub(super) fn share_blocks(&self) -> bool {
        self.reads != self.inputs
    }

    /// Whether an output has a weight for an input.
    pub(super) fn joined(&self, output: usize, input: usize) -> bool {
        output < self.all_outputs && input < self.all_inputs && output / self.outputs == input / self.inputs
    }

    /// The inputs of an output's group.
    pub(super) fn inputs_of(&self, output: usize) -> std::ops::Range<usize> {
        let first = output / self.outputs * self.inputs;
        first..first + self.inputs
    }
}
