//! Files that PyTorch wrote, read without it: every tensor is what PyTorch holds.

use std::path::PathBuf;

use ocelli_model::{ImportError, WeightsFile, WeightsFormat, read_weights};
use ocelli_nn::{TensorData, Weights};
use ocelli_testing::Fixture;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/weights").join(name)
}

fn assert_same(name: &str, read: &Weights, expected: &Weights) {
    let names = |weights: &Weights| {
        let mut names: Vec<String> = weights.names().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(names(read), names(expected), "{name}");
    for (key, tensor) in expected.iter() {
        let found = read.get(key).expect("the names are the same");
        assert_eq!(found.shape, tensor.shape, "{name}: {key}");
        match (&found.data, &tensor.data) {
            (TensorData::F32(found), TensorData::F32(expected)) => {
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(found), bits(expected), "{name}: {key}");
            }
            (found, expected) => assert_eq!(found, expected, "{name}: {key}"),
        }
    }
}

#[test]
fn every_tensor_is_what_pytorch_holds() {
    let fixture = Fixture::load("weights");
    let files = fixture.cases::<String>();
    assert_eq!(files.len(), 14);
    for file in files {
        let read = read_weights(path(&file)).unwrap_or_else(|error| panic!("{error}"));
        assert_same(&file, &read, &fixture.group_of(&file));
    }
}

#[test]
fn files_are_told_apart_by_what_they_hold() {
    let format = |name| WeightsFile::open(path(name)).expect("a file of weights").format();
    assert_eq!(format("zip.pth"), WeightsFormat::Torch);
    assert_eq!(format("protocol5-legacy.pth"), WeightsFormat::TorchLegacy);
    assert_eq!(format("protocol1.pth"), WeightsFormat::TorchLegacy);
    assert_eq!(format("../zoo.safetensors"), WeightsFormat::Safetensors);
}

#[test]
fn a_file_tells_of_its_tensors_in_order() {
    let file = WeightsFile::open(path("checkpoint.pth")).expect("a checkpoint");
    let told: Vec<_> = file.tensors().iter().map(|t| (t.name.as_str(), &t.shape[..], t.dtype)).collect();
    let expected: [(&str, &[usize], &str); 8] = [
        ("0.weight", &[3, 2, 3, 3], "float32"),
        ("1.weight", &[3], "float32"),
        ("1.bias", &[3], "float32"),
        ("1.running_mean", &[3], "float32"),
        ("1.running_var", &[3], "float32"),
        ("1.num_batches_tracked", &[], "int64"),
        ("3.weight", &[4, 12], "float32"),
        ("3.bias", &[4], "float32"),
    ];
    assert_eq!(told, expected);
    let dtypes = |name: &str| {
        let file = WeightsFile::open(path(name)).expect("a file of weights");
        file.tensors().iter().map(|tensor| (tensor.name.clone(), tensor.dtype.to_owned())).collect::<Vec<_>>()
    };
    for name in ["types.pth", "types-legacy.pth"] {
        for (name, dtype) in dtypes(name) {
            assert_eq!(name, dtype);
        }
    }
}

#[test]
fn what_is_no_data_is_refused_by_name() {
    let refused = |name| WeightsFile::open(path(name)).expect_err("not weights alone");
    let error = refused("evil.pth");
    assert!(matches!(&error, ImportError::Refused { global, .. } if global == "os.system"), "{error}");
    let said = error.to_string();
    assert!(said.contains("asks for os.system") && said.contains("torch.save(model.state_dict()"), "{said}");
    let said = refused("module.pth").to_string();
    assert!(
        said.contains("a whole pickled model") && said.contains("torch.nn.modules.linear.Linear"),
        "{said}"
    );
    assert!(said.contains("torch.save(model.state_dict()"), "{said}");
    let said = refused("script.pt").to_string();
    assert!(said.contains("TorchScript") && said.contains("torch.jit.load(FILE).state_dict()"), "{said}");
    assert!(refused("big-endian.pth").to_string().contains("is big-endian"));
    assert!(refused("compressed.pth").to_string().contains("compressed"));
    let said = refused("../weights.py").to_string();
    assert!(said.contains("weights.py") && said.contains("no file of weights"), "{said}");
}
