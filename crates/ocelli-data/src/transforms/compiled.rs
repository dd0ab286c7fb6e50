//! A list of transforms, checked once and run over images.

use ocelli_kernels::random::hash;

use super::canvas::Canvas;
use super::functional::Table;
use super::{Drawing, Operation, RandomErasing, Transform, Workspace};
use crate::portion::reduction;
use crate::{DataError, Image, ImageView, Place, Portion, Wanted};

/// What a sample's random numbers depend on, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Key {
    /// The run's seed.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
    /// The sample's index in its dataset.
    pub sample: u64,
}

/// A checked list of transforms that ends in numbers for a network.
///
/// Crops, flips and the final scaling go over the pixels once, together.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What is done to bytes.
    steps: Vec<Transform>,
    /// The place of the first step in the list that it is from: random numbers are drawn by place.
    first: usize,
    table: Table,
    /// What is done to numbers, with their places.
    erasing: Vec<(usize, RandomErasing)>,
    height: usize,
    width: usize,
}

impl Compiled {
    /// Checks `transforms` for a result of (height, width, channels), 1 or 3 channels.
    ///
    /// # Errors
    /// If one has impossible settings or is out of place, or `Normalize` lacks its mean or std or is for another number of
    /// channels.
    pub fn new(transforms: &[Transform], shape: (usize, usize, usize)) -> Result<Self, DataError> {
        Self::skipping(transforms, shape, 0)
    }

    /// The same, without the first `first` transforms, which have been done already.
    pub(crate) fn skipping(
        transforms: &[Transform],
        (height, width, channels): (usize, usize, usize),
        first: usize,
    ) -> Result<Self, DataError> {
        check(transforms)?;
        let bytes = steps_on_bytes(transforms);
        let mut table = Table::scale(channels);
        let mut erasing = Vec::new();
        for (place, transform) in transforms.iter().enumerate().skip(bytes) {
            match transform {
                Transform::Normalize(normalize) => {
                    let (Some(mean), Some(std)) = (&normalize.mean, &normalize.std) else {
                        return Err(DataError::invalid(
                            "Normalize",
                            "has no mean and std yet: measure them on the training split (Pipeline::resolve)",
                        ));
                    };
                    table = Table::new(mean, std)?;
                }
                Transform::RandomErasing(random) => erasing.push((place, *random)),
                _ => {}
            }
        }
        if table.channels() != channels {
            return Err(DataError::invalid(
                "Normalize",
                format!("has mean and std of {} channels, the images have {channels}", table.channels()),
            ));
        }
        let steps = transforms[first.min(bytes)..bytes].to_vec();
        Ok(Self { steps, first, table, erasing, height, width })
    }

    /// How many views of an image come out: more than one with `FiveCrop` and `TenCrop`.
    pub fn views(&self) -> usize {
        self.steps.iter().map(Transform::views).product()
    }

    /// Height, width and channels of each view of the result.
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.height, self.width, self.table.channels())
    }

    /// Runs the transforms on `image` and writes height × width × channels numbers to `out`, of each view.
    ///
    /// # Errors
    /// If the image is too small for a crop, or does not get the size and channels of the result.
    ///
    /// # Panics
    /// If `out` is not as long as the result.
    pub fn run(
        &self,
        image: ImageView<'_>,
        key: Key,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let (views, (height, width, channels)) = (self.views(), self.shape());
        assert_eq!(out.len(), views * height * width * channels, "numbers of the result");
        let whole = Place::whole((image.height(), image.width()));
        if views == 1 {
            return self.run_view(&self.steps, (self.first, 0), (image, whole), key, workspace, out);
        }
        // What all views share is done once.
        let shared = self.steps.iter().take_while(|step| step.views() == 1).count();
        let image = run_to_image(&self.steps[..shared], self.first, image, key, workspace)?;
        let (rest, whole) = (&self.steps[shared..], Place::whole((image.height(), image.width())));
        for (view, out) in out.chunks_exact_mut(height * width * channels).enumerate() {
            self.run_view(rest, (self.first + shared, view), (image.view(), whole), key, workspace, out)?;
        }
        Ok(())
    }

    /// Runs the transforms on what is at hand of an image, which must have what is [wanted](Self::wanted) of it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(crate) fn run_portion(
        &self,
        portion: &Portion,
        key: Key,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        if portion.place == Place::whole((portion.image.height(), portion.image.width())) {
            return self.run(portion.image.view(), key, workspace, out);
        }
        let at_hand = (portion.image.view(), portion.place);
        self.run_view(&self.steps, (self.first, 0), at_hand, key, workspace, out)
    }

    /// Whether an image of (height, width) can be [wanted](Self::wanted) reduced at all: if the whole of it was the part.
    pub(crate) fn may_reduce(&self, size: (usize, usize)) -> bool {
        let target = match self.steps.first() {
            Some(Transform::RandomResizedCrop(crop)) => crop.size.both(),
            _ => return false,
        };
        reduction(size, target) > 1
    }

    /// What a sample needs of its image of (height, width), if that is not all of it: what the first transform, where that crops, has
    /// drawn. Reduced by as much as the resizing that follows allows.
    pub(crate) fn wanted(&self, size: (usize, usize), key: Key, workspace: &mut Workspace) -> Option<Wanted> {
        let step = self.steps.first().filter(|_| self.views() == 1)?;
        let mut operations = std::mem::take(&mut workspace.operations);
        operations.clear();
        let drawing =
            Drawing::new(key, purpose(self.first), (size.0, size.1, self.table.channels()), &mut operations);
        let drawn = step.draw_into(&mut drawing.of_view(0));
        let wanted = drawn.ok().and_then(|()| wanted_first(&operations, size));
        workspace.operations = operations;
        let may_reduce = self.may_reduce(size);
        wanted.map(|wanted| if may_reduce { wanted } else { Wanted { reduction: 1, ..wanted } })
    }

    /// Runs `steps`, of which the first is at place `first` of the list, for one view.
    fn run_view(
        &self,
        steps: &[Transform],
        (first, view): (usize, usize),
        (image, place): (ImageView<'_>, Place),
        key: Key,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let mut canvas = run_steps(steps, (first, view), (image, place), key, workspace)?;
        let (height, width, channels) = canvas.shape();
        if channels != self.table.channels() {
            return Err(DataError::invalid(
                "transforms",
                format!(
                    "made for {} channels, the image has {}{}",
                    self.table.channels(),
                    image.channels(),
                    if channels == image.channels() {
                        String::new()
                    } else {
                        format!(" and becomes one of {channels}")
                    }
                ),
            ));
        }
        if (height, width) != (self.height, self.width) {
            return Err(DataError::invalid(
                "transforms",
                format!(
                    "an image of {}×{} becomes {width}×{height}, and {}×{} is needed: Resize or crop to it",
                    place.whole.1, place.whole.0, self.width, self.height
                ),
            ));
        }
        canvas.render(&self.table, out);
        for (place, random) in &self.erasing {
            let mut operations = std::mem::take(&mut workspace.operations);
            let mut drawing = Drawing::new(key, purpose(*place), (height, width, channels), &mut operations);
            random.erase(&mut drawing, out);
            workspace.operations = operations;
        }
        Ok(())
    }
}

/// Runs `steps`, none of them on numbers and the first at place `first` of its list, on `image`, and gives the result as
/// an image.
pub(crate) fn run_to_image(
    steps: &[Transform],
    first: usize,
    image: ImageView<'_>,
    key: Key,
    workspace: &mut Workspace,
) -> Result<Image, DataError> {
    let place = Place::whole((image.height(), image.width()));
    run_steps(steps, (first, 0), (image, place), key, workspace).map(Canvas::into_image)
}

/// What sets the random numbers of the transform at a place of its list apart.
fn purpose(place: usize) -> u64 {
    hash("ocelli.transform").wrapping_add(place as u64)
}

fn run_steps<'a, 'w>(
    steps: &[Transform],
    (first, view): (usize, usize),
    (image, place): (ImageView<'a>, Place),
    key: Key,
    workspace: &'w mut Workspace,
) -> Result<Canvas<'a, 'w>, DataError> {
    let mut operations = std::mem::take(&mut workspace.operations);
    let mut canvas = Canvas::of_portion(image, place, workspace);
    for (place, step) in steps.iter().enumerate() {
        operations.clear();
        let drawing = Drawing::new(key, purpose(first + place), canvas.shape(), &mut operations);
        step.draw_into(&mut drawing.of_view(view))?;
        operations.iter().for_each(|operation| canvas.apply(operation));
    }
    canvas.keep(operations);
    Ok(canvas)
}

/// What operations need of an image of (height, width) that begin with a crop within it.
fn wanted_first(operations: &[Operation], size: (usize, usize)) -> Option<Wanted> {
    let [Operation::Crop { top, left, height, width, .. }, rest @ ..] = operations else { return None };
    let (top, left) = (usize::try_from(*top).ok()?, usize::try_from(*left).ok()?);
    let reduction = match rest.first() {
        Some(Operation::Resize(resizing)) if resizing.sees_all() => {
            reduction((*height, *width), (resizing.height, resizing.width))
        }
        _ => 1,
    };
    let fits = top + height <= size.0 && left + width <= size.1 && *height > 0 && *width > 0;
    fits.then_some(Wanted { top, left, height: *height, width: *width, reduction })
}

/// How many of the first transforms work on bytes.
pub(crate) fn steps_on_bytes(transforms: &[Transform]) -> usize {
    transforms.iter().position(Transform::makes_numbers).unwrap_or(transforms.len())
}

/// # Errors
/// If a transform has impossible settings, or one that needs bytes comes after one that makes numbers of them.
pub(crate) fn check(transforms: &[Transform]) -> Result<(), DataError> {
    transforms.iter().try_for_each(Transform::check)?;
    let (bytes, numbers) = transforms.split_at(steps_on_bytes(transforms));
    for transform in bytes {
        if let Transform::RandomErasing(random) = transform {
            random.check_before_numbers()?;
        }
    }
    if let Some(second) = bytes.iter().filter(|transform| transform.views() > 1).nth(1) {
        return Err(DataError::invalid(
            second.name(),
            "comes after another that gives several views: one is enough",
        ));
    }
    let mut last: Option<&Transform> = None;
    for transform in numbers {
        let fits = match transform {
            Transform::Normalize(_) => {
                !matches!(last, Some(Transform::Normalize(_) | Transform::RandomErasing(_)))
            }
            Transform::RandomErasing(_) => true,
            _ => last.is_none(),
        };
        match last {
            Some(before) if !fits => {
                return Err(DataError::invalid(
                    before.name(),
                    format!(
                        "must come after the transforms of bytes, and {} comes after it",
                        transform.name()
                    ),
                ));
            }
            _ => last = Some(transform),
        }
    }
    Ok(())
}

/// How many of the first transforms do the same to an image every time and can be done once and kept.
pub(crate) fn deterministic_prefix(transforms: &[Transform]) -> usize {
    let kept = |transform: &&Transform| {
        transform.is_deterministic() && !transform.makes_numbers() && transform.views() == 1
    };
    transforms.iter().take_while(kept).count()
}
