//! Logged models: what MLflow 3 keeps of a run beside its artifacts. They are found where `runs:/ID/NAME` finds them, in a folder of their name.

use crate::entity::ArtifactFile;
use crate::error::TrackError;
use crate::validate;
use std::collections::BTreeMap;

/// A logged model of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    /// The store's id of it.
    pub(crate) id: String,
    pub(crate) name: String,
    /// Where its files lie.
    pub(crate) artifact_uri: String,
}

/// The model that a path among a run's artifacts lies in, and the rest of the path; of several of one name, the last.
pub(crate) fn holder<'a>(outputs: &'a [Output], path: &'a str) -> Option<(&'a Output, &'a str)> {
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    outputs.iter().rev().find(|output| output.name == name).map(|output| (output, rest))
}

/// What lies in a folder of a run's artifacts, with what its models have there; `look` lists a folder of a model's files.
pub(crate) fn list(
    own: Vec<ArtifactFile>,
    outputs: &[Output],
    folder: &str,
    look: impl FnOnce(&Output, &str) -> Result<Vec<ArtifactFile>, TrackError>,
) -> Result<Vec<ArtifactFile>, TrackError> {
    let mut found: BTreeMap<String, ArtifactFile> =
        own.into_iter().map(|file| (file.path.clone(), file)).collect();
    if folder.is_empty() {
        // A server could name a model as no folder is.
        let names = outputs.iter().map(|output| &output.name).filter(|name| validate::is_plain_path(name));
        found
            .extend(names.map(|name| {
                (name.clone(), ArtifactFile { path: name.clone(), is_folder: true, size: None })
            }));
    } else if let Some((output, rest)) = holder(outputs, folder) {
        found.extend(look(output, rest)?.into_iter().map(|file| {
            let path = format!("{}/{}", output.name, file.path);
            (path.clone(), ArtifactFile { path, ..file })
        }));
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(id: &str, name: &str) -> Output {
        Output { id: id.into(), name: name.into(), artifact_uri: format!("/models/{id}") }
    }

    fn file(path: &str, is_folder: bool) -> ArtifactFile {
        ArtifactFile { path: path.into(), is_folder, size: None }
    }

    #[test]
    fn a_models_files_lie_in_a_folder_of_its_name() {
        let outputs = [output("1", "model"), output("2", "model"), output("3", "..")];
        let own = || vec![file("a.txt", false), file("model", false)];
        let paths = |files: Vec<ArtifactFile>| files.into_iter().map(|file| file.path).collect::<Vec<_>>();
        let nothing = |_: &Output, _: &str| panic!("nothing is looked at");
        let root = list(own(), &outputs, "", nothing).unwrap();
        assert_eq!(paths(root.clone()), ["a.txt", "model"], "no folder is called ..");
        assert!(root[1].is_folder);
        let within = |folder: &str, files: &[&str]| {
            let look = |output: &Output, rest: &str| {
                assert_eq!(output.id, "2", "the last of its name");
                Ok(vec![file(&format!("{rest}x"), false)])
            };
            assert_eq!(paths(list(Vec::new(), &outputs, folder, look).unwrap()), files);
        };
        within("model", &["model/x"]);
        within("model/data/", &["model/data/x"]);
        within("models", &[]);
        assert_eq!(holder(&outputs, "model/a/b").unwrap().1, "a/b");
        assert!(holder(&outputs, "other/a").is_none());
    }
}
