//! Affine maps.

/// An affine map as torchvision's `affine` describes it: turned, scaled and sheared about a centre, then moved.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Affine {
    /// Degrees clockwise.
    pub angle: f64,
    /// Pixels right and down.
    pub translate: [f64; 2],
    /// The factor of size.
    pub scale: f64,
    /// Degrees along x and y.
    pub shear: [f64; 2],
    /// The centre, in pixels from the middle of the image.
    pub center: [f64; 2],
}

impl Affine {
    /// The map that changes nothing, about `center`, in pixels from the top left corner of an image of (height, width),
    /// or about the middle.
    pub fn about(center: Option<[f64; 2]>, (height, width): (usize, usize)) -> Self {
        let middle = [width as f64 * 0.5, height as f64 * 0.5];
        let center = center.map_or([0.0; 2], |center| [center[0] - middle[0], center[1] - middle[1]]);
        Self { angle: 0.0, translate: [0.0; 2], scale: 1.0, shear: [0.0; 2], center }
    }

    /// Where a pixel of the result comes from: [a, b, c, d, e, f] for (a x + b y + c, d x + e y + f), from the middle.
    pub fn inverse(&self) -> [f64; 6] {
        let turn = self.angle.to_radians();
        let [shear_x, shear_y] = self.shear.map(f64::to_radians);
        let [x, y] = self.center;
        let (moved_x, moved_y) = (x + self.translate[0], y + self.translate[1]);
        // Turned and sheared, without scaling: its determinant is 1.
        let a = (turn - shear_y).cos() / shear_y.cos();
        let b = -(a * shear_x.tan() + turn.sin());
        let c = (turn - shear_y).sin() / shear_y.cos();
        let d = turn.cos() - c * shear_x.tan();
        let s = self.scale;
        let mut matrix = [d / s, -b / s, 0.0, -c / s, a / s, 0.0];
        matrix[2] += x - matrix[0] * moved_x - matrix[1] * moved_y;
        matrix[5] += y - matrix[3] * moved_x - matrix[4] * moved_y;
        matrix
    }

    /// Height and width of the image that holds all that the map of `matrix` shows of one of (height, width), as
    /// torchvision counts them: it takes the matrix as if it led from the image to the result.
    pub(crate) fn extent(matrix: &[f64; 6], (height, width): (usize, usize)) -> (usize, usize) {
        let (half_width, half_height) = (0.5 * width as f32, 0.5 * height as f32);
        let [a, b, c, d, e, f] = matrix.map(|value| value as f32);
        let corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)];
        let side = |coefficients: [f32; 3], half: f32| {
            let [by_x, by_y, shift] = coefficients;
            let places = corners.map(|(x, y)| x * half_width * by_x + y * half_height * by_y + shift + half);
            let (low, high) = places.iter().fold((f32::MAX, f32::MIN), |(l, h), p| (l.min(*p), h.max(*p)));
            // Rounding must not make a whole number more.
            let cut = |value: f32| (value * (1.0 / 1e-4)).trunc() * 1e-4;
            ((cut(high).ceil() - cut(low).floor()).max(1.0)) as usize
        };
        (side([d, e, f], half_height), side([a, b, c], half_width))
    }
}
