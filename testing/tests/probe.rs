//! The tests of plans read the input's gradient off a probe: it must show the case its input, and nothing else.

use ocelli_nn::reference::{Mode, Run, to_channels_first, values};
use ocelli_testing::{Case, Fixture, to_channels_last, with_probe};

#[test]
fn a_probe_shows_the_case_its_input() {
    for file in ["blocks", "others"] {
        let fixture = Fixture::load(file);
        for case in fixture.cases::<Case>() {
            let input = fixture.values(&case.name, "input");
            let batch = input.len() / case.input.elements();
            let last = to_channels_last(input, case.input);
            let (network, weights, one_hot) = with_probe(&case, &fixture.group(&case.name, "param"), &last);
            let images = to_channels_first(&one_hot, network.input());
            let run = Run::new(&network, &values(&weights), Mode::Eval, batch, &images);
            let shown: Vec<f32> = run.output_of(0).iter().map(|&value| value as f32).collect();
            assert_eq!(shown, input, "{}", case.name);
        }
    }
}
