//! What an experienced colleague would say of a recipe, beside what [`ocelli_nn::lint`] says of its network.

use crate::recipe::Recipe;
use crate::run::Run;
use ocelli_data::Transform;
use ocelli_data::transforms::Normalize;
use ocelli_nn::Network;
use ocelli_nn::lint::{self, Facts, Finding, Severity};

/// Means and standard deviations that differ by no more than this are the same, rounded.
const SAME: f32 = 1e-3;

/// What there is to say of training `network` as the recipe says, what is serious first. `images` is how many images there
/// are to train on, if that is known.
pub fn lint(recipe: &Recipe, network: &Network, images: Option<usize>) -> Vec<Finding> {
    let batch_size = recipe.train.batch_size;
    let last_batch = images.map(|images| images % batch_size).filter(|&last| last > 0);
    let facts = Facts { batch_size: Some(batch_size), last_batch };
    let mut findings = lint::lint(network, &facts);
    findings.extend(normalisation(recipe));
    // Stable: within a severity the rules keep their order.
    findings.sort_by_key(|finding| finding.severity);
    findings
}

impl Run {
    /// What there is to say of this run before it begins, what is serious first.
    pub fn lint(&self) -> Vec<Finding> {
        lint(self.recipe(), self.network(), Some(self.data().train))
    }
}

/// Lists of transforms that normalise differently, or not at all. A list that is left out is made to go with the other.
fn normalisation(recipe: &Recipe) -> Option<Finding> {
    let normalize = |list: &[Transform]| {
        list.iter().find_map(|transform| match transform {
            Transform::Normalize(spec) => Some(spec.clone()),
            _ => None,
        })
    };
    let (train, eval) = (recipe.transforms.train.as_ref()?, recipe.transforms.eval.as_ref()?);
    let what = match (normalize(train), normalize(eval)) {
        (Some(train), Some(eval)) if same(&train, &eval) => return None,
        (None, None) => return Some(none_at_all()),
        (Some(train), Some(eval)) => format!(
            "training images are normalised with {}, all others with {}",
            in_words(&train),
            in_words(&eval)
        ),
        (Some(_), None) => "training images are normalised and all others are not".into(),
        (None, Some(_)) => "training images are not normalised and all others are".into(),
    };
    Some(Finding {
        rule: "normalisation-differs",
        severity: Severity::Serious,
        what,
        layers: Vec::new(),
        why: "in validation, test and prediction the network sees other values than those it learned from"
            .into(),
        change: "give transforms.train and transforms.eval the same Normalize at their end".into(),
    })
}

fn none_at_all() -> Finding {
    Finding {
        rule: "no-normalisation",
        severity: Severity::Advice,
        what: "images are not normalised".into(),
        layers: Vec::new(),
        why: "values from 0 to 1 are all positive: the first layer's gradients pull all its weights the same way".into(),
        change: "end transforms.train and transforms.eval with { type = \"Normalize\" }, which measures mean and std".into(),
    }
}

fn same(one: &Normalize, other: &Normalize) -> bool {
    let close = |a: &Option<Vec<f32>>, b: &Option<Vec<f32>>| match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= SAME),
        _ => false,
    };
    close(&one.mean, &other.mean) && close(&one.std, &other.std)
}

fn in_words(spec: &Normalize) -> String {
    let values = |values: &Option<Vec<f32>>| match values {
        Some(values) => format!("{values:?}"),
        None => "measured".to_owned(),
    };
    format!("mean {} and std {}", values(&spec.mean), values(&spec.std))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecipeBuilder;
    use ocelli_nn::{Shape, zoo};

    fn rules(settings: &[&str], images: Option<usize>) -> Vec<(Severity, &'static str)> {
        let recipe =
            settings.iter().fold(RecipeBuilder::new(), |recipe, setting| recipe.set(setting).unwrap());
        let network = zoo::build("resnet20", Shape::map(3, 32, 32), 10).unwrap();
        let findings = lint(&recipe.build().unwrap(), &network, images);
        findings.iter().map(|finding| (finding.severity, finding.rule)).collect()
    }

    fn lists(train: &str, eval: &str) -> Vec<(Severity, &'static str)> {
        let [train, eval] =
            [("train", train), ("eval", eval)].map(|(part, list)| format!("transforms.{part}=[{list}]"));
        rules(&[&train, &eval], None)
    }

    #[test]
    fn normalisation_that_differs() {
        let of = |mean: &str| format!("{{type=\"Normalize\",mean=[{mean}],std=[0.2,0.2,0.2]}}");
        let (a, b) = (of("0.5,0.5,0.5"), of("0.4,0.5,0.5"));
        let differs = [(Severity::Serious, "normalisation-differs")];
        assert_eq!(lists(&a, &b), differs);
        assert_eq!(lists(&a, ""), differs);
        assert_eq!(lists("", &a), differs);
        assert_eq!(lists(&a, "{type=\"Normalize\"}"), differs);
        assert_eq!(lists(&a, &of("0.5001,0.5,0.5")), []);
        assert_eq!(lists(&a, &a), []);
        assert_eq!(lists("{type=\"Normalize\"}", "{type=\"Normalize\"}"), []);
        // What is left out is made to go with the other.
        assert_eq!(rules(&[&format!("transforms.train=[{a}]")], None), []);
    }

    #[test]
    fn no_normalisation_at_all() {
        let resize = "{type=\"Resize\",size=[32,32]}";
        assert_eq!(lists(resize, resize), [(Severity::Advice, "no-normalisation")]);
    }

    #[test]
    fn the_recipes_batches_are_told_to_the_networks_rules() {
        let small = [(Severity::Serious, "batch-norm-small-batch")];
        assert_eq!(rules(&["train.batch_size=2"], None), small);
        assert_eq!(rules(&["train.batch_size=64"], Some(65)), []);
        let one = RecipeBuilder::new().set("train.batch_size=64").unwrap().build().unwrap();
        let network = zoo::build("lesson-bn", Shape::map(3, 32, 32), 10).unwrap();
        let last =
            |images| lint(&one, &network, Some(images)).iter().any(|f| f.rule == "batch-norm-last-batch");
        assert!(last(65) && !last(64) && !last(66));
    }
}
