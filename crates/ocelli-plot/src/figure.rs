//! A figure as data.

use crate::axis::Axis;
use crate::parallel::Row;
use crate::shape::Sides;
use crate::{layout, png, svg};
use std::io;
use std::path::{Path, PathBuf};

/// A figure: what is drawn over two axes. Without axes of its own it has linear ones without labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// What colours stand for.
    pub(crate) z: Option<Axis>,
    pub(crate) sides: Sides,
    pub(crate) items: Vec<Item>,
}

/// The sides that a figure may have, in pixels of the SVG.
const SIDES: std::ops::RangeInclusive<f32> = 240.0..=Figure::LONGEST;

/// What is drawn, in order, later ones over earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Line {
        name: String,
        points: Vec<(f64, f64)>,
        dashed: bool,
    },
    Points {
        name: String,
        points: Vec<(f64, f64)>,
        faint: bool,
    },
    /// Many thin lines by one name.
    Lines {
        name: String,
        lines: Vec<Vec<(f64, f64)>>,
        faint: bool,
    },
    /// Points, each with a value that its colour stands for.
    ShadedPoints {
        points: Vec<(f64, f64, f64)>,
    },
    /// From and to along both axes.
    Rectangles {
        name: String,
        rectangles: Vec<(f64, f64, f64, f64)>,
    },
    /// Values at the crossings of a grid, row by row, that colours stand for.
    Field {
        x: Vec<f64>,
        y: Vec<f64>,
        rows: Vec<Vec<f64>>,
    },
    /// Axes of its own, side by side, and rows with a value for each.
    Parallel {
        axes: Vec<Axis>,
        rows: Vec<Row>,
    },
    /// Rows from the top of cells from the left: a value of 0 to 1, and what is written there.
    Heat {
        rows: Vec<Vec<(f64, String)>>,
    },
    /// From, to, height.
    Bars {
        name: String,
        bars: Vec<(f64, f64, f64)>,
    },
    Mark {
        text: String,
        at: (f64, f64),
    },
}

impl Item {
    /// What the legend calls it.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Item::Line { name, .. }
            | Item::Lines { name, .. }
            | Item::Points { name, .. }
            | Item::Rectangles { name, .. }
            | Item::Bars { name, .. } => Some(name),
            Item::Mark { .. }
            | Item::Heat { .. }
            | Item::ShadedPoints { .. }
            | Item::Field { .. }
            | Item::Parallel { .. } => None,
        }
    }

    /// Axes of its own, and their rows.
    pub(crate) fn parallel(&self) -> Option<(&[Axis], &[Row])> {
        if let Item::Parallel { axes, rows } = self { Some((axes, rows)) } else { None }
    }

    /// Whether it is drawn in grey, and takes no colour from those after it.
    pub(crate) fn is_faint(&self) -> bool {
        matches!(self, Item::Points { faint: true, .. } | Item::Lines { faint: true, .. })
    }
}

/// A figure that cannot be written to a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FigureError {
    /// The file's name does not end in `.svg` or `.png`.
    Format(PathBuf),
    /// The file cannot be written.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for FigureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FigureError::Format(path) => {
                write!(
                    f,
                    "{}: figures are written as .svg or .png: let the name end in one of them",
                    path.display()
                )
            }
            FigureError::Io(path, _) => write!(f, "{}: cannot be written", path.display()),
        }
    }
}

impl std::error::Error for FigureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FigureError::Format(_) => None,
            FigureError::Io(_, error) => Some(error),
        }
    }
}

impl Figure {
    /// The longest side that a figure may have, in pixels of the SVG.
    pub const LONGEST: f32 = 4000.0;

    /// A figure with a title and nothing in it.
    pub fn new(title: impl Into<String>) -> Self {
        let sides = Sides { width: 800.0, height: 480.0 };
        Self {
            title: title.into(),
            x: Axis::linear(""),
            y: Axis::linear(""),
            z: None,
            sides,
            items: Vec::new(),
        }
    }

    /// Another size than 800 × 480 pixels of the SVG (the PNG has twice as many). A side is at least 240 and at most
    /// [4,000](Self::LONGEST).
    #[must_use]
    pub fn size(mut self, width: f32, height: f32) -> Self {
        let within = |side: f32| side.max(*SIDES.start()).min(*SIDES.end());
        self.sides = Sides { width: within(width), height: within(height) };
        self
    }

    /// Its width and height, in pixels of the SVG.
    pub fn sides(&self) -> (f32, f32) {
        (self.sides.width, self.sides.height)
    }

    /// The axis to the right.
    #[must_use]
    pub fn x(mut self, axis: Axis) -> Self {
        self.x = axis;
        self
    }

    /// The axis upwards.
    #[must_use]
    pub fn y(mut self, axis: Axis) -> Self {
        self.y = axis;
        self
    }

    /// What colours stand for, of all that has values beside its place: its low end is light, its high end dark, the other way round where
    /// it is [falling](Axis::falling). A bar beside the legend says so. Without it, such values are on a linear axis without a bar.
    #[must_use]
    pub fn z(mut self, axis: Axis) -> Self {
        self.z = Some(axis);
        self
    }

    /// A line through points in their order. It is broken where a point has no place on an axis.
    #[must_use]
    pub fn line(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(Item::Line { name: name.into(), points: points.into_iter().collect(), dashed: false })
    }

    /// A dashed line through points: what is expected, compared with, or a limit.
    #[must_use]
    pub fn dashed(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(Item::Line { name: name.into(), points: points.into_iter().collect(), dashed: true })
    }

    /// Points by themselves.
    #[must_use]
    pub fn points(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(Item::Points { name: name.into(), points: points.into_iter().collect(), faint: false })
    }

    /// Points in grey, for what is only there to be compared with.
    #[must_use]
    pub fn faint_points(self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(Item::Points { name: name.into(), points: points.into_iter().collect(), faint: true })
    }

    /// Thin lines, as many as there are, by one name and in one colour.
    #[must_use]
    pub fn lines(self, name: impl Into<String>, lines: impl IntoIterator<Item = Vec<(f64, f64)>>) -> Self {
        self.with(Item::Lines { name: name.into(), lines: lines.into_iter().collect(), faint: false })
    }

    /// Thin lines in grey, for what is only there to be compared with.
    #[must_use]
    pub fn faint_lines(
        self,
        name: impl Into<String>,
        lines: impl IntoIterator<Item = Vec<(f64, f64)>>,
    ) -> Self {
        self.with(Item::Lines { name: name.into(), lines: lines.into_iter().collect(), faint: true })
    }

    /// Points `(x, y, z)` in the colours of what they have on the [z axis](Self::z).
    #[must_use]
    pub fn shaded_points(self, points: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        self.with(Item::ShadedPoints { points: points.into_iter().collect() })
    }

    /// A value over the plane in bands of colours: `rows[j][i]` is its [z](Self::z) at `x[i]` and `y[j]`, linear between neighbours. Cells with a
    /// corner that is no number stay empty; rows and columns beyond those of the shortest list are left out. Two neighbours at one place
    /// make an edge.
    #[must_use]
    pub fn field(
        self,
        x: impl IntoIterator<Item = f64>,
        y: impl IntoIterator<Item = f64>,
        rows: Vec<Vec<f64>>,
    ) -> Self {
        self.with(Item::Field { x: x.into_iter().collect(), y: y.into_iter().collect(), rows })
    }

    /// Rectangles from `x0` to `x1` and from `y0` to `y1`, each `(x0, x1, y0, y1)`: bars that lie. Without any the name is in no legend, but
    /// takes its colour all the same.
    #[must_use]
    pub fn rectangles(
        self,
        name: impl Into<String>,
        rectangles: impl IntoIterator<Item = (f64, f64, f64, f64)>,
    ) -> Self {
        self.with(Item::Rectangles { name: name.into(), rectangles: rectangles.into_iter().collect() })
    }

    /// Parallel coordinates: axes side by side, and a line for each row, which has a value for each axis, NaN where it has none, and one for
    /// its colour on the [z axis](Self::z). Later rows lie over earlier ones. They are a figure by themselves: x, y and what else there is are not drawn.
    #[must_use]
    pub fn parallel(
        self,
        axes: impl IntoIterator<Item = Axis>,
        rows: impl IntoIterator<Item = (Vec<f64>, f64)>,
    ) -> Self {
        self.with(Item::Parallel { axes: axes.into_iter().collect(), rows: rows.into_iter().collect() })
    }

    /// Cells in rows from the top, each a value from 0, light, to 1, dark, with a text, for axes of [names](Axis::names).
    #[must_use]
    pub fn heat(self, rows: impl IntoIterator<Item = Vec<(f64, String)>>) -> Self {
        self.with(Item::Heat { rows: rows.into_iter().collect() })
    }

    /// Bars from `x0` to `x1` as high as `height`, each `(x0, x1, height)`.
    #[must_use]
    pub fn bars(self, name: impl Into<String>, bars: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        self.with(Item::Bars { name: name.into(), bars: bars.into_iter().collect() })
    }

    /// A point that stands out, with a text beside it and a line down to the axis.
    #[must_use]
    pub fn mark(self, text: impl Into<String>, at: (f64, f64)) -> Self {
        self.with(Item::Mark { text: text.into(), at })
    }

    fn with(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// The figure as SVG text.
    pub fn svg(&self) -> String {
        svg::draw(&layout::shapes(self), self.sides, &self.title)
    }

    /// The figure as a PNG file, of twice the SVG's sides.
    pub fn png(&self) -> Vec<u8> {
        png::draw(&layout::shapes(self), self.sides)
    }

    /// Writes the figure to a file, as what its name ends in says: `.svg` or `.png`.
    ///
    /// # Errors
    /// Another ending, or a file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FigureError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        let bytes = match ending.as_deref() {
            Some("svg") => self.svg().into_bytes(),
            Some("png") => self.png(),
            _ => return Err(FigureError::Format(path.to_path_buf())),
        };
        std::fs::write(path, bytes).map_err(|error| FigureError::Io(path.to_path_buf(), error))
    }
}
