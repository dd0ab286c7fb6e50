use super::*;
use crate::{Conv2d, NetworkErrorKind, Pattern, Sequential, Shape, zoo};

fn moments(values: &[f32]) -> (f64, f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    (mean, variance, values.iter().map(|&v| f64::from(v.abs())).fold(0.0, f64::max))
}

#[test]
fn default_is_uniform_within_one_over_root_fan_in() {
    let network = zoo::build("lesson", Shape::map(3, 32, 32), 10).unwrap();
    let weights = network.init(7);
    for (name, fan_in) in [("4.weight", 16 * 9), ("13.weight", 1024), ("13.bias", 1024)] {
        let values = weights.get(name).unwrap().as_f32().unwrap();
        let bound = (1.0 / f64::from(fan_in)).sqrt();
        let mut stream = Stream::new(7, hash("initial weights"), hash(name), 0);
        assert!(values.iter().all(|&value| value == (2.0 * stream.uniform() - 1.0) * bound as f32));
        let (mean, variance, largest) = moments(values);
        let error = 4.0 / (values.len() as f64).sqrt();
        assert!(largest <= bound * 1.000_001 && largest > bound * 0.9, "{name}: {largest}");
        assert!(mean.abs() < bound * error, "{name}: {mean}");
        assert!((variance / (bound * bound / 3.0) - 1.0).abs() < error, "{name}: {variance}");
    }
}

#[test]
fn resnet_is_normal_by_fan_out() {
    let network = zoo::build("resnet18", Shape::map(3, 32, 32), 10).unwrap();
    let weights = network.init(7);
    let of = |name: &str| weights.get(name).unwrap().as_f32().unwrap();
    let (mean, variance, largest) = moments(of("layer2.0.conv1.weight"));
    let expected: f64 = 2.0 / (128.0 * 9.0);
    assert!((variance / expected - 1.0).abs() < 0.02 && mean.abs() < 0.001, "{mean} {variance}");
    assert!(largest > 3.5 * expected.sqrt());
    // Seeds keep their meaning: bit for bit.
    let mut stream = Stream::new(7, hash("initial weights"), hash("layer2.0.conv1.weight"), 0);
    let deviation = expected.sqrt() as f32;
    assert!(of("layer2.0.conv1.weight").iter().all(|&value| value == stream.normal() * deviation));
    assert!(moments(of("fc.weight")).2 <= (1.0f64 / 512.0).sqrt() * 1.000_001);
    assert!(of("bn1.weight").iter().chain(of("bn1.running_var")).all(|&value| value == 1.0));
    assert!(of("bn1.bias").iter().chain(of("bn1.running_mean")).all(|&value| value == 0.0));
    assert_eq!(weights.get("bn1.num_batches_tracked"), Some(&Tensor::i64([], vec![0])));
    assert_eq!(weights.check(&network), Ok(()));
}

#[test]
fn depends_on_the_seed_and_the_name_alone() {
    let conv = |named: &[&str]| {
        let empty = Sequential::new(Shape::map(3, 8, 8));
        let layers = named
            .iter()
            .fold(empty, |layers, name| layers.conv2d(Conv2d::new(3, 3, 3).padding(1)).named(*name));
        layers.build("test").unwrap()
    };
    let (alone, among) = (conv(&["b"]).init(1), conv(&["a", "b", "c"]).init(1));
    assert_eq!(alone.get("b.weight"), among.get("b.weight"));
    assert_ne!(among.get("a.weight"), among.get("b.weight"));
    assert_ne!(alone.get("b.weight"), conv(&["b"]).init(2).get("b.weight"));
}

fn rule(toml: &str) -> Rule {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
}

/// "0": a convolution 6→48 with a 5×3 kernel; "3": linear 70→40.
fn small(rules: &[&str]) -> Network {
    let network = Sequential::new(Shape::map(6, 5, 3))
        .conv2d(Conv2d::new(6, 48, (5, 3)))
        .flatten()
        .linear(48, 70)
        .linear(70, 40)
        .build("test")
        .unwrap();
    network.with_initialisation(Initialisation::new(rules.iter().map(|text| rule(text)).collect())).unwrap()
}

fn drawn(rules: &[&str], name: &str) -> Vec<f32> {
    small(rules).init(3).get(name).unwrap().as_f32().unwrap().to_vec()
}

/// What `torch.nn.init` gives to `uniform_` or `normal_` for weights of 48×6×5×3 and 40×70: the bound or the deviation,
/// recorded from PyTorch 2.15.
#[test]
fn scales_are_pytorchs() {
    for (init, convolution, linear) in [
        ("init = 'xavier_uniform'", 0.08606629658238704, 0.2335496832484569),
        ("init = 'xavier_uniform'\ngain = 'tanh'", 0.14344382763731173, 0.3892494720807615),
        ("init = 'xavier_normal'", 0.049690399499995326, 0.13483997249264842),
        ("init = 'kaiming_uniform'", 0.2581988897471611, 0.29277002188455997),
        ("init = 'kaiming_uniform'\na = 2.23606797749979", 0.10540925533894596, 0.11952286093343936),
        ("init = 'kaiming_uniform'\na = 0.2\nmode = 'fan_out'", 0.08951435925492911, 0.3797772626563749),
        (
            "init = 'kaiming_uniform'\nmode = 'fan_out'\nnonlinearity = 'sigmoid'",
            0.06454972243679027,
            0.27386127875258304,
        ),
        ("init = 'kaiming_normal'", 0.14907119849998599, 0.16903085094570333),
        (
            "init = 'kaiming_normal'\nmode = 'fan_out'\nnonlinearity = 'relu'",
            0.05270462766947299,
            0.22360679774997896,
        ),
        ("init = 'kaiming_normal'\nnonlinearity = 'tanh'", 0.17568209223157663, 0.19920476822239894),
        ("init = 'kaiming_normal'\nnonlinearity = 'selu'", 0.07905694150420949, 0.08964214570007951),
    ] {
        // The same stream drawn with the bound or deviation 1.
        let unit = if init.contains("uniform") { "init = 'uniform'\na = -1" } else { "init = 'normal'" };
        for (name, scale) in [("0.weight", convolution), ("3.weight", linear)] {
            for (found, unit) in drawn(&[init], name).into_iter().zip(drawn(&[unit], name)) {
                let expected: f64 = f64::from(unit) * scale;
                assert!(
                    (f64::from(found) - expected).abs() < 1e-6 * scale,
                    "{init} {name}: {found} {expected}"
                );
            }
        }
        // Biases have neither rows nor columns.
        assert_eq!(drawn(&[init], "0.bias"), drawn(&[], "0.bias"));
    }
}

#[test]
fn gains_are_pytorchs() {
    use Nonlinearity::{LeakyRelu, Linear, Relu, Selu, Sigmoid, Tanh};
    for (nonlinearity, slope, gain) in [
        (Linear, None, 1.0),
        (Sigmoid, None, 1.0),
        (Tanh, None, 1.6666666666666667),
        (Relu, None, std::f64::consts::SQRT_2),
        (LeakyRelu, None, 1.4141428569978354),
        (LeakyRelu, Some(0.2), 1.3867504905630728),
        (Selu, None, 0.75),
    ] {
        assert!((nonlinearity.gain(slope) - gain).abs() < 1e-15, "{nonlinearity:?}");
        assert!((nonlinearity.squared_gain(slope.unwrap_or(0.01)) - gain * gain).abs() < 1e-15);
    }
}

#[test]
fn uniform_normal_and_constants_are_as_their_options_say() {
    let uniform = drawn(&["init = 'uniform'\na = 2\nb = 5"], "0.weight");
    let (mean, variance, _) = moments(&uniform);
    assert!((mean - 3.5).abs() < 0.05 && (variance - 9.0 / 12.0).abs() < 0.03, "{mean} {variance}");
    assert!(uniform.iter().all(|value| (2.0..=5.0).contains(value)));
    let (mean, variance, _) = moments(&drawn(&["init = 'normal'\nmean = -1\nstd = 0.5"], "0.weight"));
    assert!((mean + 1.0).abs() < 0.03 && (variance - 0.25).abs() < 0.02, "{mean} {variance}");
    for (init, expected) in [("zeros", 0.0), ("ones", 1.0), ("constant", 0.25)] {
        let init = format!("init = '{init}'{}", if init == "constant" { "\nval = 0.25" } else { "" });
        assert!(drawn(&[&init], "3.bias").iter().all(|&value| value == expected), "{init}");
    }
}

/// Mean and deviation of the truncated distribution by its formulas (PyTorch's own draws agree to three digits).
#[test]
fn truncated_normal_has_its_moments() {
    for ([mean, std, a, b], expected_mean, expected_std) in [
        ([0.0, 0.02, -2.0, 2.0], 0.0, 0.02),
        ([0.0, 1.0, -2.0, 2.0], 0.0, 0.8796256610342398),
        ([0.0, 1.0, -0.25, 0.5], 0.11925055896410071, 0.2144353537378777),
        ([1.0, 0.5, 2.0, 9.0], 2.1866077664114205, 0.16902595985090604),
        ([3.0, 1.0, 0.0, 1.0], 0.6841786732562167, 0.24803382748021618),
    ] {
        let spec = TruncNormal { mean, std, a, b };
        let mut stream = Stream::new(1, 2, 3, 4);
        let values = draw::values(&Initialiser::TruncNormal(spec), &[20_000], &mut stream).unwrap();
        let (found, variance, _) = moments(&values);
        assert!((found - expected_mean).abs() < 0.03 * expected_std, "{spec:?}: {found}");
        assert!((variance.sqrt() / expected_std - 1.0).abs() < 0.02, "{spec:?}: {}", variance.sqrt());
        assert!(values.iter().all(|&value| (a..=b).contains(&f64::from(value))), "{spec:?}");
    }
}

#[test]
fn orthogonal_rows_or_columns_are_orthonormal() {
    for (name, rows, columns) in [("0.weight", 48, 90), ("2.weight", 70, 48), ("3.weight", 40, 70)] {
        let values = drawn(&["init = 'orthogonal'\ngain = 'tanh'"], name);
        let normal = drawn(&["init = 'normal'"], name);
        let at = |row: usize, column: usize| f64::from(values[row * columns + column]);
        let (short, long) = if rows <= columns { (rows, columns) } else { (columns, rows) };
        let value = |vector: usize, place: usize| {
            if rows <= columns { at(vector, place) } else { at(place, vector) }
        };
        for one in 0..short {
            for other in 0..short {
                let product: f64 = (0..long).map(|place| value(one, place) * value(other, place)).sum();
                let expected = if one == other { 25.0 / 9.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-5, "{name} {one} {other}: {product}");
            }
            // R's diagonal is positive: PyTorch's sign.
            let drawn = |place: usize| {
                let place = if rows <= columns { one * columns + place } else { place * columns + one };
                f64::from(normal[place])
            };
            assert!((0..long).map(|place| value(one, place) * drawn(place)).sum::<f64>() > 0.0);
        }
    }
}

/// Where `torch.nn.init.dirac_` puts its ones.
#[test]
fn dirac_is_pytorchs() {
    for (shape, groups, ones) in
        [([6, 4, 3, 2], 1, &[3, 33, 63, 93][..]), ([6, 2, 3, 3], 3, &[4, 31, 40, 67, 76, 103])]
    {
        let initialiser = Initialiser::Dirac(Dirac { groups, ..Dirac::default() });
        let values = draw::values(&initialiser, &shape, &mut Stream::new(0, 0, 0, 0)).unwrap();
        let found: Vec<_> = (0..values.len()).filter(|&place| values[place] != 0.0).collect();
        assert_eq!(found, ones);
        assert!(ones.iter().all(|&place| values[place] == 1.0));
    }
}

#[test]
fn dirac_leaves_the_rest_to_the_default_if_asked() {
    let (shape, stream) = ([6, 4, 3, 3], || Stream::new(0, 0, 0, 0));
    let of = |init| draw::values(&init, &shape, &mut stream()).unwrap();
    let plain = of(Initialiser::Dirac(Dirac::default()));
    let found = of(Initialiser::Dirac(Dirac { groups: 1, rest: Rest::Default }));
    let first = 4 * 4 * 9;
    assert_eq!(found[..first], plain[..first]);
    assert_eq!(found[first..], draw::by_fan_in(plain.len(), &shape, &mut stream())[first..]);
}

#[test]
fn the_last_rule_that_selects_a_parameter_fills_it() {
    let rules = [
        "init = 'ones'",
        "pattern = '0.*'\ninit = 'zeros'",
        "layer = 'Linear'\nrole = 'bias'\ninit = 'default'",
    ];
    let weights = small(&rules).init(3);
    let of = |name: &str| weights.get(name).unwrap().as_f32().unwrap();
    assert!(of("0.weight").iter().chain(of("0.bias")).all(|&value| value == 0.0));
    assert!(of("2.weight").iter().chain(of("3.weight")).all(|&value| value == 1.0));
    assert_eq!(of("3.bias"), drawn(&[], "3.bias"));
    // Others keep what they were drawn from.
    assert_eq!(drawn(&["pattern = '0.weight'\ninit = 'zeros'"], "3.weight"), drawn(&[], "3.weight"));
}

#[test]
fn vgg_is_torchvisions() {
    let network = zoo::build("vgg11_bn", Shape::map(3, 32, 32), 10).unwrap();
    let initialisers = network.initialisation().initialisers(&network, &network.parameters());
    let of = |name: &str| {
        let place = network.parameters().iter().position(|spec| spec.name == name).unwrap();
        initialisers[place]
    };
    assert_eq!(of("features.4.weight"), Initialiser::kaiming_normal(FanMode::FanOut));
    assert_eq!(of("features.4.bias"), Initialiser::Zeros);
    assert_eq!(of("features.5.weight"), Initialiser::Default);
    assert_eq!(of("features.5.bias"), Initialiser::Default);
    assert_eq!(of("classifier.6.weight"), Initialiser::normal(0.01));
    assert_eq!(of("classifier.6.bias"), Initialiser::Zeros);
}

#[test]
fn zero_gamma_is_torchvisions_zero_init_residual() {
    let zeroed = |name: &str| {
        let network = zoo::build(name, Shape::map(3, 32, 32), 10).unwrap();
        let more = network.initialisation().clone().then([Rule::new(Initialiser::ZeroGamma)]);
        let network = network.with_initialisation(more).unwrap();
        let weights = network.init(1);
        let zeros =
            |name: &String| weights.get(name).unwrap().as_f32().unwrap().iter().all(|&value| value == 0.0);
        let weights = network.parameters().into_iter().filter(|spec| spec.role == Role::NormWeight);
        weights.map(|spec| spec.name).filter(zeros).collect::<Vec<_>>()
    };
    let expected = |blocks: [usize; 4], norm: &str| {
        let of_stage = |stage: usize| {
            (0..blocks[stage]).map(move |block| format!("layer{}.{block}.{norm}.weight", stage + 1))
        };
        (0..4).flat_map(of_stage).collect::<Vec<_>>()
    };
    assert_eq!(zeroed("resnet18"), expected([2; 4], "bn2"));
    assert_eq!(zeroed("resnet50"), expected([3, 4, 6, 3], "bn3"));
    // Normalisation comes first in its blocks: none ends one.
    let network = zoo::build("wide_resnet28_10", Shape::map(3, 32, 32), 10).unwrap();
    let error = network
        .with_initialisation(Initialisation::new(vec![Rule::new(Initialiser::ZeroGamma)]))
        .unwrap_err();
    assert!(error.to_string().contains("normalisations that end a residual block"), "{error}");
}

#[test]
fn zero_gamma_finds_the_body_whatever_its_place() {
    // The shortcut alone ends in normalisation: it must not be zeroed.
    let network = |body_norm: bool| {
        let network = Sequential::new(Shape::map(4, 8, 8)).residual(
            |shortcut| shortcut.conv2d(Conv2d::new(4, 4, 1)).batch_norm2d(4),
            |body| {
                let body = body
                    .conv2d(Conv2d::new(4, 4, 3).padding(1))
                    .relu()
                    .conv2d(Conv2d::new(4, 4, 3).padding(1));
                if body_norm { body.batch_norm2d(4).dropout(0.1) } else { body }
            },
        );
        network.build("test").unwrap()
    };
    let normed = network(true);
    let last: Vec<_> = blocks::last_norms(&normed).iter().map(|&node| &*normed.nodes()[node].name).collect();
    assert_eq!(last, ["0.shortcut.3"]);
    assert!(blocks::last_norms(&network(false)).is_empty());
}

#[test]
fn rules_that_cannot_be_are_refused() {
    let refused = |text: &str| {
        let network = small(&[]);
        let error = network.with_initialisation(Initialisation::new(vec![rule(text)])).unwrap_err();
        assert_eq!(error.kind(), NetworkErrorKind::Initialisation);
        error.to_string()
    };
    for (rule, expected) in [
        ("pattern = '3.wieght'\ninit = 'zeros'", "matches no parameter; the nearest: 3.weight"),
        (
            "pattern = '3.bias'\ninit = 'orthogonal'",
            "fills none of the 1 parameters that its pattern matches; orthogonal fits the weights of",
        ),
        ("pattern = '3.*'\nlayer = 'Conv2d'\ninit = 'zeros'", "fills none of the 2 parameters"),
        ("role = 'norm_weight'\ninit = 'ones'", "fills none"),
        ("layer = 'Conv2D'\ninit = 'ones'", "there is no layer type \"Conv2D\"; did you mean Conv2d?"),
        (
            "init = 'dirac'\ngroups = 5",
            "got groups = 5, needs a divisor of the 48 output channels of 0.weight",
        ),
        ("init = 'dirac'\ngroups = 0", "got groups = 0, needs at least 1"),
        ("init = 'normal'\nstd = -1", "got std = -1, needs at least 0"),
        ("init = 'normal'\nmean = nan", "got mean = NaN, needs a finite number"),
        ("init = 'constant'\nval = 1e39", "needs a finite number"),
        ("init = 'uniform'\na = 3", "got a = 3 and b = 1, needs a of at most b"),
        ("init = 'trunc_normal'\nmean = 100", "got mean = 100, needs at most 2 std outside -2 to 2"),
        ("init = 'trunc_normal'\nstd = 0", "got std = 0, needs more than 0"),
        ("init = 'trunc_normal'\na = 2", "got a = 2 and b = 2"),
    ] {
        let said = refused(rule);
        assert!(said.starts_with("initialisation by ") && said.contains(expected), "{said}");
    }
    let many = Initialisation::new(vec![Rule::new(Initialiser::Zeros); MAX_RULES + 1]);
    assert_eq!(small(&[]).with_initialisation(many).unwrap_err().kind(), NetworkErrorKind::Limit);
}

#[test]
fn rules_are_read_strictly() {
    let error = |text: &str| toml::from_str::<Rule>(text).unwrap_err().message().to_owned();
    for (text, expected) in [
        ("pattern = 'a'", "missing field `init`"),
        ("init = 'orthogonl'", "unknown variant `orthogonl`"),
        ("init = 'zeros'\nstd = 1", "zeros has no option \"std\""),
        ("init = 'normal'\nsdt = 1", "unknown field `sdt`"),
        ("init = 'zeros'\npatern = 'a'", "did you mean pattern?"),
        ("init = 'orthogonal'\ngain = 'swish'", "unknown variant `swish`"),
        ("init = 'zeros'\nrole = 'gamma'", "role: unknown variant `gamma`"),
        ("init = 'zeros'\npattern = ''", "empty pattern"),
    ] {
        assert!(error(text).contains(expected), "{text}: {}", error(text));
    }
    let read = rule("pattern = 'a.*'\ninit = 'kaiming_normal'\nmode = 'fan_out'\nnonlinearity = 'relu'");
    let expected =
        Rule::new(Initialiser::kaiming_normal(FanMode::FanOut)).pattern(Pattern::new("a.*").unwrap());
    assert_eq!(read, expected);
    assert_eq!(rule(&toml::to_string(&expected).unwrap()), expected);
}

#[test]
fn files_may_say_it_in_a_word() {
    let read = |text: &str| serde_json::from_str::<Initialisation>(text);
    assert_eq!(read("\"default\"").unwrap(), Initialisation::default());
    assert_eq!(read("\"kaiming_normal\"").unwrap(), Initialisation::kaiming_normal());
    assert!(read("\"xavier\"").unwrap_err().to_string().contains("expected `default` or `kaiming_normal`"));
    assert!(read("3").unwrap_err().to_string().contains("a list of rules"));
    let rules =
        Initialisation::new(vec![rule("init = 'dirac'"), rule("role = 'norm_bias'\ninit = 'uniform'")]);
    for initialisation in [Initialisation::default(), Initialisation::kaiming_normal(), rules] {
        assert_eq!(read(&serde_json::to_string(&initialisation).unwrap()).unwrap(), initialisation);
    }
    let many = format!("[{}]", vec!["{\"init\":\"zeros\"}"; MAX_RULES + 1].join(","));
    assert!(read(&many).unwrap_err().to_string().contains("more than 256 rules"));
}
