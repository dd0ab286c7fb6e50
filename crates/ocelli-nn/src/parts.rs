//! Parts of a network, as networks: what leads to a layer, and what follows it.

use crate::network::{Network, Node, Source};
use crate::weights::Weights;

impl Network {
    /// What leads to the node at an index, whose output is this network's: that layer's feature maps. Names stay, so that the
    /// weights [`select`](Weights::select)ed of the whole are its weights.
    ///
    /// # Panics
    /// If the network has no node of that index.
    #[must_use]
    pub fn up_to(&self, node: usize) -> Network {
        let mut wanted = vec![false; node + 1];
        wanted[node] = true;
        for index in (0..=node).rev() {
            if wanted[index] {
                let reads = self.nodes()[index].inputs.iter();
                for source in reads {
                    if let Source::Node(read) = source {
                        wanted[*read] = true;
                    }
                }
            }
        }
        self.part(self.input(), |index| wanted.get(index) == Some(&true), None)
    }

    /// What follows the node at an index, over that node's output. `None` where more than that output is needed: a later layer
    /// also reads something from before, as within a residual block, or nothing follows.
    ///
    /// # Panics
    /// If the network has no node of that index.
    #[must_use]
    pub fn after(&self, node: usize) -> Option<Network> {
        let later = &self.nodes()[node + 1..];
        let reads_on = |source: &Source| matches!(source, Source::Node(read) if *read >= node);
        let alone = later.iter().all(|reader| reader.inputs.iter().all(reads_on));
        let shape = self.shapes()[node];
        (alone && !later.is_empty()).then(|| self.part(shape, |index| index > node, Some(node)))
    }

    /// The nodes that are `wanted`, over an input of this shape, which stands for the node `input` where there is one.
    fn part(&self, shape: crate::Shape, wanted: impl Fn(usize) -> bool, input: Option<usize>) -> Network {
        let mut places = vec![None; self.nodes().len()];
        let mut nodes: Vec<Node> = Vec::new();
        for (index, node) in self.nodes().iter().enumerate().filter(|(index, _)| wanted(*index)) {
            let moved = |source: &Source| match source {
                Source::Node(read) if Some(*read) == input => Source::Input,
                Source::Node(read) => Source::Node(places[*read].expect("what is read comes along")),
                Source::Input => Source::Input,
            };
            let inputs = node.inputs.iter().map(moved).collect();
            places[index] = Some(nodes.len());
            nodes.push(Node { inputs, ..node.clone() });
        }
        Network::new(self.name(), shape, nodes).expect("a part of a network is one")
    }
}

impl Weights {
    /// Those of a part of the network that they belong to.
    #[must_use]
    pub fn select(&self, part: &Network) -> Weights {
        let mut selected = Weights::new();
        for parameter in part.parameters() {
            if let Some(tensor) = self.get(&parameter.name) {
                selected.insert(parameter.name, tensor.clone());
            }
        }
        selected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{InferPlan, PlanOptions};
    use crate::{Shape, zoo};

    #[test]
    fn parts_compute_what_the_whole_does() {
        let network = zoo::build("resnet18", Shape::map(3, 32, 32), 5).unwrap();
        let weights = network.init(1);
        let run = |network: &Network, input: &[f32]| {
            let mut plan = InferPlan::new(network, &weights.select(network), PlanOptions::default()).unwrap();
            plan.run(input).to_vec()
        };
        let image: Vec<f32> = (0..3 * 32 * 32).map(|i| (i % 17) as f32 / 17.0).collect();
        let expected = run(&network, &image);
        let mut cuts = 0;
        for node in 0..network.nodes().len() {
            let first = network.up_to(node);
            assert_eq!(first.output(), network.shapes()[node]);
            assert_eq!(first.nodes().last().unwrap().name, network.nodes()[node].name);
            let Some(rest) = network.after(node) else { continue };
            cuts += 1;
            let answers = run(&rest, &run(&first, &image));
            for (got, expected) in answers.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-4 * expected.abs().max(1.0), "{node}: {got} {expected}");
            }
        }
        // The stem, the end of each of eight blocks and the head can be cut; within blocks is a way past.
        assert!((10..network.nodes().len() / 2).contains(&cuts), "{cuts}");
        assert!(network.after(network.nodes().len() - 1).is_none());
    }
}
