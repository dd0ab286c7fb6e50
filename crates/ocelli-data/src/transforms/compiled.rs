//! A list of transforms, checked once and run over images.

use ocelli_kernels::random::{Stream, hash};

use super::functional::{Resizer, Table};
use super::window::Window;
use super::{Operation, Transform};
use crate::{DataError, Image, ImageView};

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
/// Crops, flips and the final scaling go over the pixels once, together; only a resize makes an image in between.
#[derive(Clone, Debug)]
pub struct Compiled {
    steps: Vec<Transform>,
    /// The place of the first step in the list that it is from: random numbers are drawn by place.
    first: usize,
    table: Table,
    height: usize,
    width: usize,
}

/// The buffers that running transforms needs, kept between images.
#[derive(Debug, Default)]
pub struct Workspace {
    resizer: Resizer,
    images: [Image; 2],
}

/// Where the current image is.
#[derive(Clone, Copy)]
enum At<'a> {
    Source(ImageView<'a>),
    Buffer(usize),
}

impl Compiled {
    /// Checks `transforms` for a result of (height, width, channels), 1 or 3 channels.
    ///
    /// # Errors
    /// If one has impossible settings, `Normalize` is not last or lacks its mean or std, or has another number of channels.
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
        let (steps, table) = match transforms.split_last() {
            Some((Transform::Normalize(normalize), steps)) => {
                let (Some(mean), Some(std)) = (&normalize.mean, &normalize.std) else {
                    return Err(DataError::invalid(
                        "Normalize",
                        "has no mean and std yet: measure them on the training split (Pipeline::resolve)",
                    ));
                };
                (steps, Table::new(mean, std)?)
            }
            _ => (transforms, Table::scale(channels)),
        };
        if table.channels() != channels {
            return Err(DataError::invalid(
                "Normalize",
                format!("has mean and std of {} channels, the images have {channels}", table.channels()),
            ));
        }
        Ok(Self { steps: steps[first.min(steps.len())..].to_vec(), first, table, height, width })
    }

    /// Height, width and channels of the result.
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.height, self.width, self.table.channels())
    }

    /// Runs the transforms on `image` and writes height × width × channels numbers to `out`.
    ///
    /// # Errors
    /// If the image is too small for a crop, has other channels, or does not get the size of the result.
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
        let channels = self.table.channels();
        if image.channels() != channels {
            return Err(DataError::invalid(
                "transforms",
                format!("made for {channels} channels, the image has {}", image.channels()),
            ));
        }
        let (at, window) = run_steps(&self.steps, self.first, image, key, workspace)?;
        if (window.height, window.width) != (self.height, self.width) {
            return Err(DataError::invalid(
                "transforms",
                format!(
                    "an image of {}×{} becomes {}×{}, and {}×{} is needed: Resize or crop to it",
                    image.width(),
                    image.height(),
                    window.width,
                    window.height,
                    self.width,
                    self.height
                ),
            ));
        }
        assert_eq!(out.len(), self.height * self.width * channels, "numbers of the result");
        let seen = match at {
            At::Source(view) => view,
            At::Buffer(which) => workspace.images[which].view(),
        };
        window.render(seen, &self.table, out);
        Ok(())
    }
}

/// Runs `steps`, the first of a list and without Normalize, on `image`, and gives the result as an image.
pub(crate) fn run_to_image(
    steps: &[Transform],
    image: ImageView<'_>,
    key: Key,
    workspace: &mut Workspace,
) -> Result<Image, DataError> {
    let (at, window) = run_steps(steps, 0, image, key, workspace)?;
    let mut target = Image::default();
    match at {
        At::Source(view) => window.materialise(view, &mut target),
        At::Buffer(which) => window.materialise(workspace.images[which].view(), &mut target),
    }
    Ok(target)
}

fn run_steps<'a>(
    steps: &[Transform],
    first: usize,
    image: ImageView<'a>,
    key: Key,
    workspace: &mut Workspace,
) -> Result<(At<'a>, Window), DataError> {
    let mut at = At::Source(image);
    let mut window = Window::whole(image.height(), image.width());
    for (place, step) in steps.iter().enumerate() {
        let purpose = hash("ocelli.transform").wrapping_add((first + place) as u64);
        let mut stream = Stream::new(key.seed, purpose, key.epoch, key.sample);
        let operation = step.draw((window.height, window.width), &mut stream)?;
        let composed = match operation {
            Operation::Keep => Some(window),
            Operation::HorizontalFlip => Some(window.flip()),
            Operation::Crop { top, left, height, width, fill } => {
                window.crop((top, left), (height, width), fill)
            }
            Operation::Resize { height, width } => {
                ((height, width) == (window.height, window.width)).then_some(window)
            }
        };
        window = match composed {
            Some(window) => window,
            None => {
                at = materialise(operation, window, at, workspace);
                let size = step.output_size(Some((window.height, window.width)));
                let (height, width) = size.unwrap_or((window.height, window.width));
                Window::whole(height, width)
            }
        };
    }
    Ok((at, window))
}

/// Does an operation that a window cannot tell, on what the window shows.
fn materialise<'a>(operation: Operation, window: Window, at: At<'a>, workspace: &mut Workspace) -> At<'a> {
    let Workspace { resizer, images } = workspace;
    let [one, two] = images;
    let (source, target, which) = match at {
        At::Source(view) => (view, one, 0),
        At::Buffer(0) => (one.view(), two, 1),
        At::Buffer(_) => (two.view(), one, 0),
    };
    let is_whole = window == Window::whole(source.height(), source.width());
    let mut shown = Image::default();
    let source = if is_whole {
        source
    } else {
        window.materialise(source, &mut shown);
        shown.view()
    };
    match operation {
        Operation::Resize { height, width } => resizer.resize(source, (height, width), target),
        other => *target = other.apply(source),
    }
    At::Buffer(which)
}

/// # Errors
/// If a transform has impossible settings or Normalize is not last.
pub(crate) fn check(transforms: &[Transform]) -> Result<(), DataError> {
    for (place, transform) in transforms.iter().enumerate() {
        transform.check()?;
        if matches!(transform, Transform::Normalize(_)) && place + 1 < transforms.len() {
            return Err(DataError::invalid(
                "Normalize",
                format!("must be last, {} comes after it", transforms[place + 1].name()),
            ));
        }
    }
    Ok(())
}

/// How many of the first transforms do the same to an image every time and can be done once and kept.
pub(crate) fn deterministic_prefix(transforms: &[Transform]) -> usize {
    transforms.iter().take_while(|t| t.is_deterministic() && !matches!(t, Transform::Normalize(_))).count()
}
