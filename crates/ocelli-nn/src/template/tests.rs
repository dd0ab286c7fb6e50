use super::*;
use crate::error::NetworkErrorKind;
use crate::layers::{Conv2d, Layer};
use crate::network::Source;
use crate::{AvgPool2d, BatchNorm, MaxPool2d, Sequential};

const INPUT: Shape = Shape::map(3, 8, 8);

fn read(layers: &str) -> Result<Network, NetworkError> {
    Network::from_toml(layers, INPUT, 10)
}

fn refused(text: &str) -> (NetworkErrorKind, String) {
    let error = read(text).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn channels_features_and_classes_are_inferred() {
    let network = read(
        r#"
        layers = [
            { type = "Conv2d", out_channels = 4, kernel_size = [3, 1], bias = false },
            { type = "BatchNorm2d", momentum = 0.2 },
            { type = "MaxPool2d", kernel_size = 2 },
            { type = "Flatten" },
            { type = "Linear", out_features = 6 },
            { type = "BatchNorm1d" },
            { type = "Dropout", p = 0 },
            { type = "Linear", out_features = "classes" },
        ]"#,
    );
    let expected = Sequential::new(INPUT)
        .conv2d(Conv2d::new(3, 4, (3, 1)).bias(false))
        .batch_norm2d(BatchNorm::new(4).momentum(0.2))
        .max_pool2d(2)
        .flatten()
        .linear(48, 6)
        .batch_norm1d(6)
        .dropout(0.0)
        .linear(6, 10)
        .build("network");
    assert_eq!(read_ok(network), expected.unwrap());
}

fn read_ok(network: Result<Network, NetworkError>) -> Network {
    network.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn residual_blocks_are_the_builders() {
    let network = read(
        r#"
        name = "blocks"
        [[layers]]
        type = "Residual"
        [[layers.body]]
        type = "Conv2d"
        out_channels = 6
        kernel_size = 3
        stride = 2
        padding = 1
        [[layers.shortcut]]
        type = "Conv2d"
        out_channels = 6
        kernel_size = 1
        stride = 2

        [[layers]]
        type = "Residual"
        name = "second"
        body = [{ type = "ReLU", name = "act" }, { type = "Residual", body = [{ type = "ReLU" }] }]
        "#,
    );
    let names: Vec<_> = read_ok(network.clone()).nodes().iter().map(|node| node.name.clone()).collect();
    assert_eq!(
        names,
        ["0.body.0", "0.shortcut.0", "0", "act", "second.body.1.body.0", "second.body.1", "second"]
    );
    let expected = Sequential::new(INPUT)
        .residual(
            |body| body.conv2d(Conv2d::new(3, 6, 3).stride(2).padding(1)),
            |shortcut| shortcut.conv2d(Conv2d::new(3, 6, 1).stride(2)),
        )
        .residual(
            |body| {
                let body = body
                    .relu()
                    .named("act")
                    .residual(|inner| inner.relu().named("second.body.1.body.0"), |s| s);
                body.named("second.body.1")
            },
            |shortcut| shortcut,
        )
        .named("second")
        .build("blocks");
    assert_eq!(read_ok(network), expected.unwrap());
}

#[test]
fn inputs_name_other_layers() {
    let network = read_ok(read(
        r#"layers = [
            { name = "a", type = "ReLU" },
            { type = "Dropout2d" },
            { type = "Add", inputs = ["a", "1"] },
            { type = "Add", inputs = ["2", "input"] },
        ]"#,
    ));
    assert_eq!(network.nodes()[2].inputs, [Source::Node(0), Source::Node(1)]);
    assert_eq!(network.nodes()[3].inputs, [Source::Node(2), Source::Input]);
    let (kind, message) = refused(
        "layers = [{ name = \"first\", type = \"ReLU\" }, { type = \"ReLU\", inputs = [\"frist\"] }]",
    );
    assert_eq!(kind, NetworkErrorKind::Unknown);
    assert_eq!(message, "line 1: no earlier layer is named \"frist\"; did you mean first?");
}

#[test]
fn what_is_written_reads_back() {
    let network = Sequential::new(INPUT)
        .conv2d(Conv2d::new(3, 4, (3, 1)).padding((1, 0)))
        .named("stem.conv")
        .residual(|body| body.relu().dropout2d(0.1), |shortcut| shortcut)
        .avg_pool2d(AvgPool2d::new(3).stride(2).padding(1).count_include_pad(false))
        .max_pool2d(MaxPool2d::new(2).stride(1))
        .adaptive_avg_pool2d((2, 1))
        .flatten()
        .batch_norm1d(BatchNorm::new(8).eps(1e-12).momentum(0.3))
        .softmax()
        .build("a \"name\" in quotes")
        .unwrap()
        .with_initialisation(Initialisation::kaiming_normal())
        .unwrap();
    let text = network.to_toml();
    let template = Template::from_toml(&text).unwrap();
    assert_eq!(template.input(), Some(INPUT));
    assert_eq!(read_ok(template.build(INPUT, 1)), network, "{text}");
    assert!(text.contains("p = 0.1\n"), "{text}");
}

#[test]
fn unknown_keys_and_types_suggest_the_nearest() {
    let (kind, message) = refused("\n[[layers]]\ntype = \"Conv2d\"\nout_chanels = 3\nkernel_size = 3\n");
    assert_eq!(kind, NetworkErrorKind::Unknown);
    assert!(
        message.starts_with("line 4: Conv2d has no key \"out_chanels\"; did you mean out_channels?"),
        "{message}"
    );
    let (kind, message) = refused("[[layers]]\ntype = \"Relu\"\n");
    assert_eq!(kind, NetworkErrorKind::Unknown);
    assert!(message.starts_with("line 1: there is no layer type \"Relu\"; did you mean ReLU?"), "{message}");
    let (_, message) = refused("layer = []");
    assert!(message.starts_with("line 1: the file has no key \"layer\"; did you mean layers?"), "{message}");
}

#[test]
fn values_of_the_wrong_type_are_named() {
    for (option, expected) in [
        ("kernel_size = \"3\"", "line 4: Conv2d: kernel_size: expected a whole number"),
        ("kernel_size = -3", "line 4: Conv2d: kernel_size: expected a whole number"),
        ("kernel_size = 3\nbias = 1", "line 5: Conv2d: bias: invalid type"),
        ("kernel_size = 3\nstride = 1.5", "line 5: Conv2d: stride: expected a whole number"),
        ("kernel_size = 3\nname = 1", "line 5: name: invalid type"),
        ("padding = 1", "line 1: layer 0 (Conv2d): missing field `kernel_size`"),
    ] {
        let (kind, message) =
            refused(&format!("[[layers]]\ntype = \"Conv2d\"\nout_channels = 3\n{option}\n"));
        assert_eq!(kind, NetworkErrorKind::Syntax, "{message}");
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn shape_errors_have_a_line() {
    let (_, message) =
        refused("[[layers]]\ntype = \"ReLU\"\n\n[[layers]]\ntype = \"Linear\"\nout_features = 3\n");
    assert_eq!(
        message,
        "line 4: layer 1 (Linear): got a 3×8×8 map, needs features: insert Flatten before it"
    );
}

#[test]
fn hostile_text_is_an_error() {
    for text in [
        "",
        "layers = 3",
        "layers = [3]",
        "layers = []",
        "layers = [{}]",
        "[[layers]",
        "layers = [{ type = \"Residual\" }]",
        "layers = [{ type = \"ReLU\" }, { type = \"Residual\", inputs = [], body = [{ type = \"ReLU\" }] }]",
        "layers = [{ type = \"Conv2d\", out_channels = 9223372036854775807, kernel_size = 1 }]",
        "layers = [{ type = \"Linear\", out_features = 99999999999999999999 }]",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let deep = "{ type = \"Residual\", body = [".repeat(200) + &"] }".repeat(200);
    assert!(read(&format!("layers = [{deep}]")).is_err());
    let dotted = format!("[[layers]]\ntype = \"Residual\"\nbody{} = 1", ".body".repeat(200_000));
    assert!(read(&dotted).is_err());
    let flatten =
        read_ok(read("layers = [{ type = \"Flatten\" }, { type = \"Linear\", out_features = \"classes\" }]"));
    assert_eq!(flatten.nodes()[1].layer, Layer::Linear(crate::Linear::new(192, 10)));
    let classes = Network::from_toml(
        "layers = [{ type = \"Flatten\" }, { type = \"Linear\", out_features = \"classes\" }]",
        INPUT,
        usize::MAX,
    );
    assert!(classes.is_err());
}

#[test]
fn initialisation_is_a_word_or_rules() {
    let layers = "[[layers]]\ntype = \"Conv2d\"\nname = \"stem\"\nout_channels = 4\nkernel_size = 3\n";
    let network = read_ok(read(&format!("initialisation = \"kaiming_normal\"\n{layers}")));
    assert_eq!(network.initialisation(), &Initialisation::kaiming_normal());
    let rules =
        "[[initialisation]]\npattern = \"stem.*\"\nrole = \"weight\"\ninit = \"trunc_normal\"\nstd = 0.02\n";
    let network = read_ok(read(&format!("{rules}{layers}")));
    assert_eq!(network.initialisation().rules()[0].to_string(), "trunc_normal of \"stem.*\", role weight");
    assert_eq!(read_ok(read(&network.to_toml())), network);
    for (rules, expected) in [
        (rules.replace("stem", "stme"), "line 1: initialisation by trunc_normal of \"stme.*\""),
        (
            rules.replace("0.02", "-1"),
            "line 1: initialisation by trunc_normal of \"stem.*\", role weight: got std = -1",
        ),
        (rules.replace("std", "sdt"), "line 1: initialisation: unknown field `sdt`"),
        ("initialisation = \"xavier\"\n".to_owned(), "line 1: initialisation: unknown variant `xavier`"),
    ] {
        let (_, message) = refused(&format!("{rules}{layers}"));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn layers_that_join_and_resize_are_read_and_written() {
    let layers = r#"
        [[layers]]
        type = "ChannelLinear"
        name = "stem"
        out_features = 4
        [[layers]]
        type = "Upsample"
        name = "large"
        scale_factor = [2, 1.5]
        mode = "bilinear"
        [[layers]]
        type = "Upsample"
        name = "same"
        inputs = ["stem"]
        size = [16, 12]
        [[layers]]
        type = "Concat"
        inputs = ["large", "same"]
        [[layers]]
        type = "MaxPool2d"
        kernel_size = 2
        dilation = 2
        ceil_mode = true
        [[layers]]
        type = "Narrow"
        start = 1
        length = 6
    "#;
    let network = read_ok(Network::from_toml(layers, Shape::map(3, 8, 8), 2));
    assert_eq!(network.output(), Shape::map(6, 8, 6));
    assert_eq!(read_ok(Network::from_toml(&network.to_toml(), Shape::map(3, 8, 8), 2)), network);
}
