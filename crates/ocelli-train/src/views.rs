//! Test-time augmentation: the same images seen several ways.

use crate::error::TrainError;
use ocelli_data::Transform;
use ocelli_data::transforms::{
    CenterCrop, FiveCrop, RandomHorizontalFlip, RandomVerticalFlip, Resize, Size, TenCrop,
};
use ocelli_nn::Shape;
use serde::Deserialize;
use std::str::FromStr;

/// A way to see images beside the classifier's own.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// Left and right exchanged.
    HorizontalFlip,
    /// Top and bottom exchanged.
    VerticalFlip,
    /// The four corners and the middle, in place of the whole or its middle.
    FiveCrop,
    /// These and their mirror images, in place of the whole or its middle.
    TenCrop,
    /// A transform of a recipe, after those that the classifier has.
    Transform(Transform),
}

impl FromStr for View {
    type Err = String;

    /// Reads `hflip`, `vflip`, `five-crop`, `ten-crop`, or a transform as a recipe has it: `{ type = "ColorJitter", hue = 0.1 }`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hflip" => return Ok(View::HorizontalFlip),
            "vflip" => return Ok(View::VerticalFlip),
            "five-crop" => return Ok(View::FiveCrop),
            "ten-crop" => return Ok(View::TenCrop),
            _ => {}
        }
        if !text.starts_with('{') {
            let reason = "is none of hflip, vflip, five-crop, ten-crop, nor a transform such as { type = \"ColorJitter\", hue = 0.1 }";
            return Err(reason.to_owned());
        }
        #[derive(Deserialize)]
        struct One {
            view: Transform,
        }
        // One value and nothing after it: a line break in the text must not bring in more keys.
        let parsed: One = toml::from_str(&format!("view = {}", text.replace('\n', " ")))
            .map_err(|error| error.message().to_owned())?;
        Ok(View::Transform(parsed.view))
    }
}

/// By how much images are larger than crops of them, where the classifier's own transforms take no crop: 8/7, as 256 to 224.
const LARGER: (usize, usize) = (8, 7);

impl View {
    /// The lists of transforms whose probabilities are averaged, for a classifier with the transforms `own` and a network with
    /// this input: its own (with crops, these), and the same again for each flip and transform.
    ///
    /// # Errors
    /// Crops are asked for twice, or the classifier has several views already.
    pub fn lists(views: &[View], own: &[Transform], input: Shape) -> Result<Vec<Vec<Transform>>, TrainError> {
        let is_crop = |view: &&View| matches!(view, View::FiveCrop | View::TenCrop);
        let crops: Vec<&View> = views.iter().filter(is_crop).collect();
        let base = match crops[..] {
            [] => own.to_vec(),
            [crop] => crop.cropped(own, input)?,
            _ => {
                return Err(TrainError::Views {
                    reason: "five-crop and ten-crop are one choice: ask for one".into(),
                });
            }
        };
        let end = base.iter().take_while(|transform| !transform.makes_numbers()).count();
        let with = |more: Transform| {
            let mut list = base.clone();
            list.insert(end, more);
            list
        };
        let others = views.iter().filter_map(|view| match view {
            View::HorizontalFlip => Some(with(RandomHorizontalFlip { p: 1.0 }.into())),
            View::VerticalFlip => Some(with(RandomVerticalFlip { p: 1.0 }.into())),
            View::Transform(transform) => Some(with(transform.clone())),
            View::FiveCrop | View::TenCrop => None,
        });
        Ok(std::iter::once(base.clone()).chain(others).collect())
    }

    /// The transforms with crops: where there is a crop of the middle, these instead; else of an image that is larger by
    /// [`LARGER`].
    fn cropped(&self, own: &[Transform], input: Shape) -> Result<Vec<Transform>, TrainError> {
        if own.iter().any(|transform| transform.views() > 1) {
            let reason = "the classifier's own transforms take five or ten crops already".into();
            return Err(TrainError::Views { reason });
        }
        let crops = |size: Size| match self {
            View::TenCrop => TenCrop { size, vertical_flip: false }.into(),
            _ => Transform::from(FiveCrop { size }),
        };
        let mut list = own.to_vec();
        let middle = list.iter().rposition(|transform| matches!(transform, Transform::CenterCrop(_)));
        if let Some(place) = middle
            && let Transform::CenterCrop(CenterCrop { size }) = list[place]
        {
            list[place] = crops(size);
            return Ok(list);
        }
        // What takes no map takes no images: there is no classifier of it.
        let (height, width) = input.size().map_or((1, 1), |size| (size.height, size.width));
        let larger = |side: usize| (side * LARGER.0).div_ceil(LARGER.1);
        let larger = Size::from((larger(height), larger(width)));
        let exact = list.iter().rposition(|transform| {
            matches!(transform, Transform::Resize(Resize { size: Some(Size::Two(_)), .. }))
        });
        let place = exact.unwrap_or_else(|| {
            let end = list.iter().take_while(|transform| !transform.makes_numbers()).count();
            list.insert(end, Transform::resize((height, width)));
            end
        });
        if let Transform::Resize(resize) = &mut list[place] {
            resize.size = Some(larger);
        }
        list.insert(place + 1, crops((height, width).into()));
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(lists: &[Vec<Transform>]) -> Vec<Vec<&'static str>> {
        lists.iter().map(|list| list.iter().map(Transform::name).collect()).collect()
    }

    #[test]
    fn flips_and_transforms_come_after_the_classifiers_own() {
        let own = [Transform::resize(256), Transform::center_crop(224), Transform::normalize()];
        let jitter: Transform =
            serde_json::from_str(r#"{ "type": "ColorJitter", "brightness": 0.2 }"#).unwrap();
        let views = [View::HorizontalFlip, View::Transform(jitter)];
        let lists = View::lists(&views, &own, Shape::map(3, 224, 224)).unwrap();
        let expected: [&[&str]; 3] = [
            &["Resize", "CenterCrop", "Normalize"],
            &["Resize", "CenterCrop", "RandomHorizontalFlip", "Normalize"],
            &["Resize", "CenterCrop", "ColorJitter", "Normalize"],
        ];
        assert_eq!(names(&lists), expected);
        assert_eq!(View::lists(&[], &own, Shape::map(3, 224, 224)).unwrap(), [own.to_vec()]);
    }

    #[test]
    fn crops_take_the_place_of_the_middle_or_of_the_whole() {
        let own = [Transform::resize(256), Transform::center_crop(224), Transform::normalize()];
        let views = [View::VerticalFlip, View::FiveCrop];
        let lists = View::lists(&views, &own, Shape::map(3, 224, 224)).unwrap();
        let expected: [&[&str]; 2] = [
            &["Resize", "FiveCrop", "Normalize"],
            &["Resize", "FiveCrop", "RandomVerticalFlip", "Normalize"],
        ];
        assert_eq!(names(&lists), expected);
        let larger = Transform::resize((37, 55));
        for own in [vec![Transform::resize((32, 48)), Transform::normalize()], vec![Transform::normalize()]] {
            let lists = View::lists(&[View::TenCrop], &own, Shape::map(3, 32, 48)).unwrap();
            assert_eq!(names(&lists), [["Resize", "TenCrop", "Normalize"]]);
            assert_eq!(lists[0][0], larger);
        }
    }

    #[test]
    fn views_are_read_as_they_are_written() {
        let read = |text: &str| text.parse::<View>();
        assert_eq!(read("hflip"), Ok(View::HorizontalFlip));
        assert_eq!(read("ten-crop"), Ok(View::TenCrop));
        assert_eq!(
            read("{ type = \"RandomVerticalFlip\", p = 1.0 }"),
            Ok(View::Transform(RandomVerticalFlip { p: 1.0 }.into()))
        );
        assert!(read("flip").unwrap_err().contains("none of hflip"));
        assert!(read("{ type = \"Flip\" }").unwrap_err().contains("Flip"));
    }

    #[test]
    fn crops_of_crops_are_refused() {
        let own = [Transform::resize((8, 8))];
        let crops = [View::FiveCrop, View::TenCrop];
        let said = View::lists(&crops, &own, Shape::map(3, 8, 8)).unwrap_err().to_string();
        assert!(said.contains("ask for one"), "{said}");
        let own = View::lists(&[View::FiveCrop], &own, Shape::map(3, 8, 8)).unwrap().remove(0);
        let said = View::lists(&[View::FiveCrop], &own, Shape::map(3, 8, 8)).unwrap_err().to_string();
        assert!(said.contains("already"), "{said}");
    }
}
